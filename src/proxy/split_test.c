/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys are numbers in a row, so what is counted here is the same in each run.
 */
#include <stdio.h>

#include "base/hash.h"
#include "base/testing.h"
#include "proxy/split.h"

enum { KEYS = 20000, ARENA_MAX = 1 << 20 };

struct bench {
	struct upstream upstreams[4];
	struct share shares[4];
	struct split split;
};

static void bench_open(struct bench *bench, const uint32_t *weights, size_t count)
{
	static const str names[] = { STR_INIT("orders"), STR_INIT("orders-next"), STR_INIT("a"),
				     STR_INIT("b") };

	*bench = (struct bench) { .split = { .shares = bench->shares, .count = count } };
	for (size_t i = 0; i < count; i++) {
		bench->upstreams[i].name = names[i];
		bench->shares[i] = (struct share) { .upstream = &bench->upstreams[i],
						    .weight = weights[i],
						    .seed = split_seed(names[i]) };
	}
}

static size_t chosen(const struct bench *bench, uint64_t i)
{
	char text[32];
	int len = snprintf(text, sizeof text, "client %llu", (unsigned long long)i);

	return (size_t)(split_choose(&bench->split, hash_stable((str) { text, (size_t)len })) -
			bench->shares);
}

static const struct {
	uint32_t weights[4];
	size_t count;
} spreads[] = {
	{ { 95, 5 }, 2 },      { { 1, 1 }, 2 },         { { 1, 0 }, 2 },       { { 1 }, 1 },
	{ { 1, 2, 3, 4 }, 4 }, { { 1, 1, 1, 997 }, 4 }, { { 0, 0, 3, 1 }, 4 },
};

static void keys_are_shared_out_by_weight(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(spreads); i++) {
		struct bench bench;
		size_t counts[4] = { 0 };
		double total = 0;

		bench_open(&bench, spreads[i].weights, spreads[i].count);
		for (uint64_t key = 0; key < KEYS; key++)
			counts[chosen(&bench, key)]++;
		for (size_t j = 0; j < spreads[i].count; j++)
			total += spreads[i].weights[j];
		for (size_t j = 0; j < spreads[i].count; j++) {
			double want = KEYS * spreads[i].weights[j] / total;

			if (counts[j] < want * 0.9 - 10 || counts[j] > want * 1.1 + 10)
				fail_msg("case %zu: share %zu has %zu keys, not %.0f", i, j, counts[j], want);
			if (spreads[i].weights[j] == 0)
				assert_int_equal(counts[j], 0);
		}
	}
}

/* Random keys, which stand for none, are spread as evenly: also those that differ in a few bits. */
static void numbers_are_spread_too(void **state)
{
	static const uint32_t weights[] = { 3, 1 };
	struct bench bench;
	size_t first = 0;

	(void)state;
	bench_open(&bench, weights, 2);
	for (uint64_t key = 0; key < KEYS; key++)
		first += split_choose(&bench.split, key) == bench.shares;
	assert_in_range(first, KEYS * 73 / 100, KEYS * 77 / 100);
}

/* A weight that grows takes keys from the others, and no other key moves. */
static void no_more_move_than_have_to(void **state)
{
	static const uint32_t before[] = { 50, 10, 30, 10 }, after[] = { 50, 20, 30, 10 };
	struct bench old, new;
	size_t moved = 0;

	(void)state;
	bench_open(&old, before, 4);
	bench_open(&new, after, 4);
	for (uint64_t key = 0; key < KEYS; key++) {
		if (chosen(&old, key) == chosen(&new, key))
			continue;
		assert_int_equal(chosen(&new, key), 1);
		moved++;
	}
	/* From 10 % to 18.2 %. */
	assert_in_range(moved, KEYS * 7 / 100, KEYS * 10 / 100);
}

static void the_order_in_the_file_does_not_matter(void **state)
{
	static const uint32_t weights[] = { 2, 1, 1, 1 };
	struct bench bench, turned;
	struct split reverse;
	struct share shares[4];

	(void)state;
	bench_open(&bench, weights, 4);
	turned = bench;
	for (size_t i = 0; i < 4; i++)
		shares[i] = turned.shares[3 - i];
	reverse = (struct split) { .shares = shares, .count = 4 };
	for (uint64_t key = 0; key < 1000; key++)
		assert_ptr_equal(split_choose(&reverse, key)->upstream,
				 split_choose(&bench.split, key)->upstream);
}

/* Other nodes, and versions to come, must choose the same. */
static void a_key_is_the_same_for_ever(void **state)
{
	(void)state;
	assert_int_equal(hash_stable(STR("203.0.113.9")), 0x7f5ef37a56745ed9u);
	assert_int_equal(split_seed(STR("orders")), 0xeb1ec60d8028c532u);
}

static const struct {
	const char *text;    /* of a document whose key is `weighted` */
	const char *message; /* NULL: it is good */
	size_t count;
} weights[] = {
	{ "weighted: { a: 95, b: 5 }", NULL, 2 },
	{ "weighted: { a: 1 }", NULL, 1 },
	{ "weighted: { a: 0, b: 1000000 }", NULL, 2 },
	{ "weighted: { a: 0, b: 0 }", "no upstream has a weight above 0", 0 },
	{ "weighted: { a: -1, b: 5 }", "0 to 1000000", 0 },
	{ "weighted: { a: 1000001 }", "0 to 1000000", 0 },
	{ "weighted: { a: 1.5 }", "whole number", 0 },
	{ "weighted: { a: [1] }", "a list", 0 },
	{ "weighted: {}", "want a map of 1 to 100 upstreams", 0 },
	{ "weighted: [a, b]", "want a map of 1 to 100 upstreams", 0 },
	{ "weighted: orders", "want a map of 1 to 100 upstreams", 0 },
};

/* What is said of a document, by who reads one key of it. */
struct reading {
	struct arena arena;
	struct reader reader;
	const struct node *node;
	char *printed;
	size_t printed_len;
};

static void reading_open(struct reading *reading, const char *text, const char *key)
{
	struct document *document;

	*reading = (struct reading) { 0 };
	arena_init(&reading->arena, NULL, ARENA_MAX);
	reading->reader =
		(struct reader) { .arena = &reading->arena, .diagnostics = diagnostics_new(&reading->arena) };
	assert_false(failed(document_parse(&reading->arena, STR("t.yaml"), str_of(text), NULL,
					   reading->reader.diagnostics, &document)));
	reading->reader.document = document;
	reading->node = node_find(document_root(document), str_of(key));
}

static const char *reading_messages(struct reading *reading)
{
	FILE *to = open_memstream(&reading->printed, &reading->printed_len);

	diagnostics_print(reading->reader.diagnostics, to);
	assert_int_equal(fclose(to), 0);
	return reading->printed;
}

static void reading_close(struct reading *reading)
{
	free(reading->printed);
	arena_fini(&reading->arena);
}

static void weights_are_read_and_checked(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(weights); i++) {
		struct reading reading;
		const struct weighted *at;
		const char *messages;
		size_t count;
		bool is_good;

		reading_open(&reading, weights[i].text, "weighted");
		is_good = weighted_read(&reading.reader, reading.node, &at, &count);
		messages = reading_messages(&reading);
		if (is_good != !weights[i].message || (is_good && count != weights[i].count))
			fail_msg("%s: %d, %zu:\n%s", weights[i].text, is_good, count, messages);
		if (weights[i].message && !strstr(messages, weights[i].message))
			fail_msg("%s:\n%s", weights[i].text, messages);
		reading_close(&reading);
	}
}

static const struct {
	const char *text;
	enum sticky kind;
	const char *cookie; /* NULL and STICKY_NONE: an error */
} stickies[] = {
	{ "sticky: client_ip", STICKY_CLIENT_IP, "" },
	{ "sticky: consumer", STICKY_CONSUMER, "" },
	{ "sticky: cookie:gw", STICKY_COOKIE, "gw" },
	{ "sticky: \"cookie:__Host-gw\"", STICKY_COOKIE, "__Host-gw" },
	{ "sticky: cookie", STICKY_NONE, NULL },
	{ "sticky: \"cookie:\"", STICKY_NONE, NULL },
	{ "sticky: \"cookie:a b\"", STICKY_NONE, NULL },
	{ "sticky: \"cookie:a;b\"", STICKY_NONE, NULL },
	{ "sticky: header:X", STICKY_NONE, NULL },
	{ "sticky: {}", STICKY_NONE, NULL },
	{ "sticky: \"\"", STICKY_NONE, NULL },
};

static void stickiness_is_read_and_checked(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(stickies); i++) {
		struct reading reading;
		struct sticky_config sticky = { 0 };

		reading_open(&reading, stickies[i].text, "sticky");
		sticky_form.read(&reading.reader, reading.node, &sticky);
		if (sticky.kind != stickies[i].kind ||
		    !str_eq(sticky.cookie, str_of(stickies[i].cookie ? stickies[i].cookie : "")))
			fail_msg("%s: %d, %.*s", stickies[i].text, sticky.kind, STR_ARG(sticky.cookie));
		assert_int_equal(diagnostics_errors(reading.reader.diagnostics),
				 stickies[i].kind == STICKY_NONE);
		reading_close(&reading);
	}
}

static void a_split_is_told_in_words(void **state)
{
	static const uint32_t shares[] = { 95, 5 };
	static const struct {
		struct sticky_config sticky;
		const char *want;
	} rows[] = {
		{ { STICKY_NONE, { 0 } }, "orders 95, orders-next 5; by chance" },
		{ { STICKY_CLIENT_IP, { 0 } }, "orders 95, orders-next 5; by client_ip" },
		{ { STICKY_CONSUMER, { 0 } }, "orders 95, orders-next 5; by consumer" },
		{ { STICKY_COOKIE, STR_INIT("gw") }, "orders 95, orders-next 5; by cookie gw" },
	};
	struct bench bench;
	struct arena arena;

	(void)state;
	bench_open(&bench, shares, 2);
	arena_init(&arena, NULL, ARENA_MAX);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		bench.split.sticky = rows[i].sticky;
		assert_text(split_print(&bench.split, &arena), rows[i].want);
	}
	arena_fini(&arena);
}

static void the_cookie_is_for_the_api_alone(void **state)
{
	static const struct {
		str path, want;
	} paths[] = {
		{ STR_INIT("/"), STR_INIT("/") },
		{ STR_INIT(""), STR_INIT("/") },
		{ STR_INIT("/orders"), STR_INIT("/orders") },
		{ STR_INIT("/v1/orders/"), STR_INIT("/v1/orders/") },
		{ STR_INIT("/tenants/{id}/orders"), STR_INIT("/tenants/") },
		{ STR_INIT("/a/file{n}.json"), STR_INIT("/a/") },
		{ STR_INIT("/{id}"), STR_INIT("/") },
		{ STR_INIT("/a/b;c"), STR_INIT("/a/") },
		{ STR_INIT("~^/x"), STR_INIT("/") },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(paths); i++) {
		str got = split_cookie_path(paths[i].path);

		if (!str_eq(got, paths[i].want))
			fail_msg("%.*s: %.*s", STR_ARG(paths[i].path), STR_ARG(got));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_shared_out_by_weight),
		cmocka_unit_test(numbers_are_spread_too),
		cmocka_unit_test(no_more_move_than_have_to),
		cmocka_unit_test(the_order_in_the_file_does_not_matter),
		cmocka_unit_test(a_key_is_the_same_for_ever),
		cmocka_unit_test(weights_are_read_and_checked),
		cmocka_unit_test(stickiness_is_read_and_checked),
		cmocka_unit_test(a_split_is_told_in_words),
		cmocka_unit_test(the_cookie_is_for_the_api_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
