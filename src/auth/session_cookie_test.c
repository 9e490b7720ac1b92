/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/session_cookie.h"

#include <stdio.h>

#include "base/testing.h"

enum { ARENA_MAX = 4 * 1024 * 1024, FIELDS_MAX = 16 };

static const str old_secret = STR_INIT("0123456789abcdef0123456789abcdef");
static const str new_secret = STR_INIT("fedcba9876543210fedcba9876543210");

struct desk {
	struct arena arena;
	struct session_keys keys;
	struct http_field at[FIELDS_MAX];
	struct http_fields fields;
};

static int set_up(void **state)
{
	struct desk *desk = calloc(1, sizeof *desk);

	assert_non_null(desk);
	arena_init(&desk->arena, NULL, ARENA_MAX);
	session_keys_init(&desk->keys, &old_secret, 1);
	desk->fields = (struct http_fields) { .at = desk->at, .max = FIELDS_MAX };
	*state = desk;
	return 0;
}

static int tear_down(void **state)
{
	struct desk *desk = *state;

	arena_fini(&desk->arena);
	free(desk);
	return 0;
}

static str seal(struct desk *desk, str plain)
{
	str sealed;

	assert_false(failed(session_seal(&desk->keys, STR("session"), plain, &desk->arena, &sealed)));
	return sealed;
}

static enum error_kind open_with(struct desk *desk, const str *secrets, size_t count, str label, str sealed,
				 str *ret_plain)
{
	struct session_keys keys;

	session_keys_init(&keys, secrets, count);
	return session_open(&keys, label, sealed, &desk->arena, ret_plain).kind;
}

static void what_was_sealed_is_opened(void **state)
{
	static const size_t lengths[] = { 0, 1, 15, 16, 17, 1000, SESSION_PLAIN_MAX };
	static char text[SESSION_PLAIN_MAX];
	struct desk *desk = *state;

	memset(text, 'x', sizeof text);
	for (size_t i = 0; i < COUNT_OF(lengths); i++) {
		str plain = { text, lengths[i] }, opened;
		str sealed = seal(desk, plain);

		assert_int_equal(open_with(desk, &old_secret, 1, STR("session"), sealed, &opened),
				 ERROR_NONE);
		assert_true(str_eq(opened, plain));
	}
	assert_int_equal(session_seal(&desk->keys, STR("session"), (str) { text, SESSION_PLAIN_MAX + 1 },
				      &desk->arena, &(str) { 0 })
				 .kind,
			 ERROR_LIMIT);
}

static void nothing_is_sealed_the_same_way_twice(void **state)
{
	struct desk *desk = *state;

	assert_false(str_eq(seal(desk, STR("alice")), seal(desk, STR("alice"))));
}

static void secrets_can_be_replaced(void **state)
{
	struct desk *desk = *state;
	str both[] = { new_secret, old_secret }, opened;
	str sealed = seal(desk, STR("alice"));

	assert_int_equal(open_with(desk, both, 2, STR("session"), sealed, &opened), ERROR_NONE);
	assert_text(opened, "alice");
	session_keys_init(&desk->keys, both, 2);
	sealed = seal(desk, STR("bob"));
	assert_int_equal(open_with(desk, &new_secret, 1, STR("session"), sealed, &opened), ERROR_NONE);
	assert_text(opened, "bob");
	assert_int_equal(open_with(desk, &old_secret, 1, STR("session"), sealed, &opened), ERROR_MALFORMED);
}

static void what_others_made_is_not_opened(void **state)
{
	struct desk *desk = *state;
	str sealed = seal(desk, STR("alice")), opened;
	str rows[] = { STR(""),
		       STR("A"),
		       STR("alice"),
		       STR("=="),
		       str_skip(sealed, 1),
		       str_slice(sealed, 0, sealed.len - 2),
		       STR("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA") };

	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_row(open_with(desk, &old_secret, 1, STR("session"), rows[i], &opened) ==
				   ERROR_MALFORMED,
			   i, "somebody else's");
	assert_int_equal(open_with(desk, &old_secret, 1, STR("login"), sealed, &opened), ERROR_MALFORMED);
	assert_int_equal(open_with(desk, &old_secret, 1, STR(""), sealed, &opened), ERROR_MALFORMED);
	assert_int_equal(open_with(desk, &old_secret, 0, STR("session"), sealed, &opened), ERROR_MALFORMED);
}

/* Every byte counts: the IV, the text, the tag. */
static void no_byte_can_be_changed(void **state)
{
	struct desk *desk = *state;
	str sealed = seal(desk, STR("alice")), opened;

	for (size_t i = 0; i < sealed.len; i++) {
		str forged = arena_str(&desk->arena, sealed);
		char *byte = (char *)(uintptr_t)forged.ptr + i;

		*byte = *byte == 'A' ? 'B' : 'A';
		assert_row(open_with(desk, &old_secret, 1, STR("session"), forged, &opened) ==
				   ERROR_MALFORMED,
			   i, "a byte was changed");
	}
}

/* ---- cookies ---- */

static void ask(struct desk *desk, const char *cookie)
{
	desk->fields.count = 0;
	assert_false(failed(http_fields_add(&desk->fields, HTTP_COOKIE, STR("Cookie"), str_of(cookie))));
}

static void cookies_are_put_together(void **state)
{
	static const struct {
		const char *cookie, *want;
		enum error_kind kind;
		size_t parts;
	} rows[] = {
		{ "gw=1abc", "abc", ERROR_NONE, 1 },
		{ "a=b; gw=1abc; c=d", "abc", ERROR_NONE, 1 },
		{ "gw=2abc; gw.1=def", "abcdef", ERROR_NONE, 2 },
		{ "gw.2=ghi;gw=3abc;gw.1=def", "abcdefghi", ERROR_NONE, 3 },
		{ "gw=1abc; gw.1=old", "abc", ERROR_NONE, 2 },
		{ "gw=1first; gw=1second", "first", ERROR_NONE, 1 },
		{ "gw=1abc=", "abc=", ERROR_NONE, 1 },
		{ "", "", ERROR_MISSING, 0 },
		{ "gw", "", ERROR_MISSING, 0 },
		{ "gw=", "", ERROR_MISSING, 1 },
		{ "GW=1abc", "", ERROR_MISSING, 0 },
		{ "xgw=1abc", "", ERROR_MISSING, 0 },
		{ "gwx=1abc", "", ERROR_MISSING, 0 },
		{ "gw.1=def", "", ERROR_MISSING, 2 },
		{ "gw.0=1abc", "", ERROR_MISSING, 0 },
		{ "gw=1", "", ERROR_MALFORMED, 1 },
		{ "gw=0abc", "", ERROR_MALFORMED, 1 },
		{ "gw=5abc", "", ERROR_MALFORMED, 1 },
		{ "gw=abc", "", ERROR_MALFORMED, 1 },
		{ "gw=\xff"
		  "abc",
		  "", ERROR_MALFORMED, 1 },
		{ "gw=2abc", "", ERROR_MALFORMED, 1 },
		{ "gw=2abc; gw.1=", "", ERROR_MALFORMED, 2 },
		{ "gw=3abc; gw.2=ghi", "", ERROR_MALFORMED, 3 },
		{ "gw=2abc; gw.4=x; gw.01=y", "", ERROR_MALFORMED, 1 },
	};
	struct desk *desk = *state;

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		str value = { 0 };

		ask(desk, rows[i].cookie);
		assert_row(session_cookie_find(&desk->fields, STR("gw"), &desk->arena, &value).kind ==
				   rows[i].kind,
			   i, rows[i].cookie);
		if (rows[i].kind == ERROR_NONE)
			assert_text(value, rows[i].want);
		assert_row(session_cookie_parts(&desk->fields, STR("gw")) == rows[i].parts, i,
			   rows[i].cookie);
	}
}

/* What a browser would send back. */
static str returned(struct desk *desk)
{
	str all = { 0 };

	for (size_t i = 0; i < desk->fields.count; i++) {
		str pair = desk->at[i].value, rest;

		assert_true(str_cut(pair, ';', &pair, &rest));
		all = arena_printf(&desk->arena, "%.*s%s%.*s", STR_ARG(all), i ? "; " : "", STR_ARG(pair));
	}
	return all;
}

static void large_ones_come_back_whole(void **state)
{
	static const size_t lengths[] = { 1, 3598, 3599, 3600, 3601, 7199, 7200, 14399 };
	static char text[14400];
	struct desk *desk = *state;
	struct session_cookie cookie = { .name = STR("gw"), .path = STR("/shop"), .is_secure = true };

	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (char)('a' + i % 26);
	for (size_t i = 0; i < COUNT_OF(lengths); i++) {
		str value = { text, lengths[i] }, found;

		desk->fields.count = 0;
		assert_false(failed(session_cookie_put(&cookie, value, HOUR, &desk->arena, &desk->fields)));
		for (size_t j = 0; j < desk->fields.count; j++)
			assert_true(desk->at[j].value.len <= 4096);
		ask(desk, arena_printf(&desk->arena, "%.*s", STR_ARG(returned(desk))).ptr);
		assert_false(failed(session_cookie_find(&desk->fields, STR("gw"), &desk->arena, &found)));
		assert_true(str_eq(found, value));
	}
	desk->fields.count = 0;
	assert_int_equal(
		session_cookie_put(&cookie, (str) { text, sizeof text }, HOUR, &desk->arena, &desk->fields)
			.kind,
		ERROR_LIMIT);
	assert_int_equal(desk->fields.count, 0);
	desk->fields.count = FIELDS_MAX - 1;
	assert_int_equal(session_cookie_put(&cookie, STR("x"), HOUR, &desk->arena, &desk->fields).kind,
			 ERROR_LIMIT);
}

static void browsers_are_told_how_to_keep_them(void **state)
{
	struct desk *desk = *state;
	struct session_cookie cookie = { .name = STR("gw"), .path = STR("/shop"), .is_secure = true };

	assert_false(
		failed(session_cookie_put(&cookie, STR("abc"), 90 * SECOND, &desk->arena, &desk->fields)));
	assert_int_equal(desk->fields.count, 1);
	assert_text(desk->at[0].value, "gw=1abc; Path=/shop; Max-Age=90; HttpOnly; SameSite=Lax; Secure");

	/* Of three parts one is left: the others go. */
	cookie.is_secure = false;
	cookie.parts = 3;
	desk->fields.count = 0;
	assert_false(
		failed(session_cookie_put(&cookie, STR("abc"), 90 * SECOND, &desk->arena, &desk->fields)));
	assert_int_equal(desk->fields.count, 3);
	assert_text(desk->at[0].value, "gw=1abc; Path=/shop; Max-Age=90; HttpOnly; SameSite=Lax");
	assert_text(desk->at[2].value, "gw.2=; Path=/shop; Max-Age=0; HttpOnly; SameSite=Lax");

	desk->fields.count = 0;
	assert_false(failed(session_cookie_put(&cookie, STR(""), HOUR, &desk->arena, &desk->fields)));
	assert_int_equal(desk->fields.count, 3);
	assert_text(desk->at[0].value, "gw=; Path=/shop; Max-Age=0; HttpOnly; SameSite=Lax");
}

/* With what is left out of a field that is full, scripts could read it. */
static void no_attribute_is_left_out(void **state)
{
	static char name[600];
	struct desk *desk = *state;
	size_t longest = 0;

	memset(name, 'n', sizeof name);
	for (size_t len = 1; len <= sizeof name; len++) {
		struct session_cookie cookie = { .name = { name, len }, .path = STR("/"), .is_secure = true };
		result_value put;

		desk->fields.count = 0;
		put = session_cookie_put(&cookie, STR("abc"), DAY, &desk->arena, &desk->fields);
		if (failed(put)) {
			assert_int_equal(put.kind, ERROR_LIMIT);
			assert_int_equal(desk->fields.count, 0);
			continue;
		}
		assert_int_equal(longest, len - 1);
		longest = len;
		assert_true(str_ends(desk->at[0].value,
				     STR("=1abc; Path=/; Max-Age=86400; HttpOnly; SameSite=Lax; Secure")));
	}
	assert_in_range(longest, 256, 512);
}

static void services_do_not_get_them(void **state)
{
	static const struct {
		const char *cookie, *want;
	} rows[] = {
		{ "a=b; gw=1abc; c=d", "a=b; c=d" },
		{ "gw=2abc; gw.1=def; c=d", "c=d" },
		{ "gw", NULL },
		{ "gw=1abc", NULL },
		{ "a=b;c;d=e", "a=b; c; d=e" },
		{ "gwx=1; gw.9=2", "gwx=1; gw.9=2" },
	};
	struct desk *desk = *state;

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		ask(desk, rows[i].cookie);
		assert_false(failed(session_cookie_strip(STR("gw"), &desk->arena, &desk->fields)));
		assert_row(desk->at[0].removed == !rows[i].want, i, rows[i].cookie);
		if (rows[i].want)
			assert_text(desk->at[0].value, rows[i].want);
		desk->at[0].removed = false;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_was_sealed_is_opened, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nothing_is_sealed_the_same_way_twice, set_up, tear_down),
		cmocka_unit_test_setup_teardown(secrets_can_be_replaced, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_others_made_is_not_opened, set_up, tear_down),
		cmocka_unit_test_setup_teardown(no_byte_can_be_changed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(cookies_are_put_together, set_up, tear_down),
		cmocka_unit_test_setup_teardown(large_ones_come_back_whole, set_up, tear_down),
		cmocka_unit_test_setup_teardown(browsers_are_told_how_to_keep_them, set_up, tear_down),
		cmocka_unit_test_setup_teardown(no_attribute_is_left_out, set_up, tear_down),
		cmocka_unit_test_setup_teardown(services_do_not_get_them, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
