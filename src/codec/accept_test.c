/* SPDX-License-Identifier: Apache-2.0 */
#include "base/testing.h"
#include "codec/accept.h"

static const struct row {
	const char *list, *word;
	int weight;
} rows[] = {
	/* named, and how much */
	{ "gzip", "gzip", 1000 },
	{ "gzip, br", "br", 1000 },
	{ "GZip", "gzip", 1000 },
	{ "gzip;q=0.5", "gzip", 500 },
	{ "gzip ; q=0.5", "gzip", 500 },
	{ "gzip;Q=0.25", "gzip", 250 },
	{ "gzip;q=0.001,br", "gzip", 1 },
	{ "gzip;q=1.000", "gzip", 1000 },
	{ "gzip;q=1.", "gzip", 1000 },
	{ "gzip;x=1;q=0.3", "gzip", 300 },
	{ " , gzip,, ", "gzip", 1000 },

	/* refused */
	{ "gzip;q=0", "gzip", 0 },
	{ "gzip;q=0.000", "gzip", 0 },
	{ "gzip, gzip;q=0", "gzip", 0 },
	{ "gzip;q=0, gzip", "gzip", 0 },

	/* by the star, which what is named goes before */
	{ "*", "gzip", 1000 },
	{ "*;q=0.2", "gzip", 200 },
	{ "*;q=0", "gzip", 0 },
	{ "gzip;q=0, *", "gzip", 0 },
	{ "*;q=0, gzip", "gzip", 1000 },
	{ "identity, *;q=0.1", "identity", 1000 },

	/* not a word of it */
	{ "", "gzip", ACCEPT_MISSING },
	{ "gzi, gzipp, x-gzip", "gzip", ACCEPT_MISSING },
	{ "br", "gzip", ACCEPT_MISSING },
	{ "br;gzip", "gzip", ACCEPT_MISSING },

	/* a weight that is none refuses */
	{ "gzip;q=", "gzip", 0 },
	{ "gzip;q=2", "gzip", 0 },
	{ "gzip;q=1.001", "gzip", 0 },
	{ "gzip;q=1.5", "gzip", 0 },
	{ "gzip;q=0.1234", "gzip", 0 },
	{ "gzip;q=-1", "gzip", 0 },
	{ "gzip;q=0x1", "gzip", 0 },
	{ "gzip;q=.5", "gzip", 0 },
	{ "gzip;q=0,5", "gzip", 0 },
	{ "gzip;q=\"1\"", "gzip", 0 },
	{ "gzip;q=0.a", "gzip", 0 },
	{ "gzip;q=1e9", "gzip", 0 },
};

static void weighs_each_word(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_row(accept_weight(str_of(rows[i].list), str_of(rows[i].word)) == rows[i].weight, i,
			   rows[i].list);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(weighs_each_word) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
