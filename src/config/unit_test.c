/* SPDX-License-Identifier: Apache-2.0 */
#include "config/unit.h"

#include "base/testing.h"

static const struct {
	const char *text;
	duration value;
	const char *printed; /* NULL: as it is */
} durations[] = {
	{ "0s", 0, NULL },
	{ "0ms", 0, "0s" },
	{ "0d", 0, "0s" },
	{ "1ms", MILLISECOND, NULL },
	{ "250ms", 250 * MILLISECOND, NULL },
	{ "1000ms", SECOND, "1s" },
	{ "5s", 5 * SECOND, NULL },
	{ "59s", 59 * SECOND, NULL },
	{ "60s", MINUTE, "1m" },
	{ "90s", 90 * SECOND, NULL },
	{ "1m", MINUTE, NULL },
	{ "2h", 2 * HOUR, NULL },
	{ "24h", DAY, "1d" },
	{ "7d", 7 * DAY, NULL },
	{ "106751d", 106751 * DAY, NULL },
	{ "9223372036s", 9223372036 * SECOND, NULL },
};

static const struct {
	const char *text;
	uint64_t value;
	const char *printed;
} sizes[] = {
	{ "0", 0, NULL },
	{ "0KiB", 0, "0" },
	{ "1", 1, NULL },
	{ "512", 512, NULL },
	{ "1023", 1023, NULL },
	{ "1024", 1024, "1KiB" },
	{ "16KiB", 16 << 10, NULL },
	{ "1536KiB", 1536 << 10, NULL },
	{ "1MiB", 1 << 20, NULL },
	{ "1024MiB", 1 << 30, "1GiB" },
	{ "1GiB", 1 << 30, NULL },
	{ "17179869183GiB", (uint64_t)17179869183U << 30, NULL },
	{ "18446744073709551615", UINT64_MAX, NULL },
};

static const char *const no_durations[] = {
	"",
	"s",
	"ms",
	"5",
	"0",
	"5 s",
	" 5s",
	"5s ",
	"5S",
	"5M",
	"-5s",
	"+5s",
	"1.5s",
	"1m30s",
	"05s",
	"00s",
	"5sec",
	"5us",
	"5w",
	"5y",
	"5ss",
	"0x5s",
	"5,0s",
	"1e3s",
	"٣s",
	"5s\n",
	"5mss",
	"106752d",
	"9223372036855s",
	"99999999999999999999ms",
	"99999999999999999999999999999999s",
};

static const char *const no_sizes[] = {
	"",
	"KiB",
	"16K",
	"16k",
	"16KB",
	"16kB",
	"16kib",
	"16 KiB",
	"1.5MiB",
	"-1",
	"+1",
	"01",
	"1B",
	"1TiB",
	"1Kib",
	"0x10",
	"1_024",
	"1e3",
	"1KiB1",
	"18446744073709551616",
	"17179869184GiB",
	"99999999999999999999999",
};

static void test_durations_are_read_and_printed(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, NULL, 1024 * 1024);
	for (size_t i = 0; i < COUNT_OF(durations); i++) {
		duration value = -1, again = -1;
		str printed;

		assert_row(unit_parse_duration(str_of(durations[i].text), &value), i, durations[i].text);
		assert_row(value == durations[i].value, i, durations[i].text);
		printed = unit_print_duration(&arena, value);
		assert_text(printed, durations[i].printed ? durations[i].printed : durations[i].text);
		assert_row(unit_parse_duration(printed, &again) && again == value, i, "printed and read");
	}
	arena_fini(&arena);
}

static void test_sizes_are_read_and_printed(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, NULL, 1024 * 1024);
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		uint64_t value = 7, again = 7;
		str printed;

		assert_row(unit_parse_size(str_of(sizes[i].text), &value), i, sizes[i].text);
		assert_row(value == sizes[i].value, i, sizes[i].text);
		printed = unit_print_size(&arena, value);
		assert_text(printed, sizes[i].printed ? sizes[i].printed : sizes[i].text);
		assert_row(unit_parse_size(printed, &again) && again == value, i, "printed and read");
	}
	arena_fini(&arena);
}

static const struct {
	const char *text;
	struct rate value;
	const char *printed;
} rates[] = {
	{ "100/1s", { 100, SECOND }, NULL },
	{ "1/1ms", { 1, MILLISECOND }, NULL },
	{ "5000/1h", { 5000, HOUR }, NULL },
	{ "1000000/30d", { 1000000, 30 * DAY }, NULL },
	{ "60/60s", { 60, MINUTE }, "60/1m" },
	{ "9223372036854775807/106751d", { INT64_MAX, 106751 * DAY }, NULL },
};

static const char *const no_rates[] = {
	"",      "100",   "/",       "/1s",    "100/",  "100/s", "0/1s",
	"1/0s",  "100/1", "-1/1s",   "1.5/1s", "01/1s", "1/01s", "1 /1s",
	"1/ 1s", "1//1s", "1/1s/1s", "1r/1s",  "1/1w",  "1/-1s", "9223372036854775808/1s",
};

static void test_rates_are_read_and_printed(void **state)
{
	struct arena arena;
	struct rate value, none = { 7, 7 };

	(void)state;
	arena_init(&arena, NULL, 1024 * 1024);
	for (size_t i = 0; i < COUNT_OF(rates); i++) {
		assert_row(unit_parse_rate(str_of(rates[i].text), &value), i, rates[i].text);
		assert_row(value.number == rates[i].value.number, i, rates[i].text);
		assert_row(value.period == rates[i].value.period, i, rates[i].text);
		assert_text(unit_print_rate(&arena, value),
			    rates[i].printed ? rates[i].printed : rates[i].text);
	}
	for (size_t i = 0; i < COUNT_OF(no_rates); i++)
		assert_row(!unit_parse_rate(str_of(no_rates[i]), &none), i, no_rates[i]);
	assert_true(none.number == 7 && none.period == 7);
	arena_fini(&arena);
}

static void test_rates_are_guessed(void **state)
{
	static const char *const guessed[][2] = {
		{ "100/s", "100/1s" },
		{ "100r/s", "100/1s" },
		{ "10 r/m", "10/1m" },
		{ "100 / 1s", "100/1s" },
		{ "100/minute", "100/1m" },
		{ "100/60", "100/60s" },
		{ "100/Hour", "100/1h" },
		{ "100/5 sec", "100/5s" },
		{ "100", "" },
		{ "100/", "" },
		{ "x/1s", "" },
		{ "100x/s", "" },
		{ "100/year", "" },
		{ "9999999999999999999/s", "" },
	};
	struct arena arena;

	(void)state;
	arena_init(&arena, NULL, 1024 * 1024);
	for (size_t i = 0; i < COUNT_OF(guessed); i++)
		assert_text(unit_guess_rate(&arena, str_of(guessed[i][0])), guessed[i][1]);
	arena_fini(&arena);
}

static void test_everything_else_is_refused(void **state)
{
	duration value = 77;
	uint64_t size = 77;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(no_durations); i++)
		assert_row(!unit_parse_duration(str_of(no_durations[i]), &value), i, no_durations[i]);
	for (size_t i = 0; i < COUNT_OF(no_sizes); i++)
		assert_row(!unit_parse_size(str_of(no_sizes[i]), &size), i, no_sizes[i]);
	assert_int_equal(value, 77);
	assert_int_equal(size, 77);
}

static const struct {
	const char *text, *duration, *size;
} guesses[] = {
	{ "5", "5s", "5" },
	{ "5 seconds", "5s", "" },
	{ "5sec", "5s", "" },
	{ "5S", "5s", "" },
	{ "5min", "5m", "" },
	{ "5m", "5m", "5MiB" },
	{ "5M", "5m", "5MiB" },
	{ "5 hours", "5h", "" },
	{ "2days", "2d", "" },
	{ "5 millis", "5ms", "" },
	{ "16kb", "", "16KiB" },
	{ "16k", "", "16KiB" },
	{ "16KIB", "", "16KiB" },
	{ "1 gb", "", "1GiB" },
	{ "512 bytes", "", "512" },
	{ "512B", "", "512" },
	{ "x", "", "" },
	{ "", "", "" },
	{ "1.5s", "", "" },
	{ "-5s", "", "" },
	{ "05s", "", "" },
	{ "5 fortnights", "", "" },
	{ "9999999999999999999", "", "" },
};

static void test_guesses(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, NULL, 1024 * 1024);
	for (size_t i = 0; i < COUNT_OF(guesses); i++) {
		str text = str_of(guesses[i].text);

		assert_text(unit_guess_duration(&arena, text), guesses[i].duration);
		assert_text(unit_guess_size(&arena, text), guesses[i].size);
	}
	arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_durations_are_read_and_printed),
		cmocka_unit_test(test_sizes_are_read_and_printed),
		cmocka_unit_test(test_rates_are_read_and_printed),
		cmocka_unit_test(test_rates_are_guessed),
		cmocka_unit_test(test_everything_else_is_refused),
		cmocka_unit_test(test_guesses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
