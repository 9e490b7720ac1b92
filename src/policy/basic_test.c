/* SPDX-License-Identifier: Apache-2.0 */
/* Who is known by name and password; what is remembered of it, and what it costs others. */
#include "auth/consumers.h"

#include "auth/verified_passwords.h"
#include "base/testing.h"
#include "policy/policy_testing.h"
#include "policy/principal.h"

/* Of "secret", as cheap as can be. */
#define HASH \
	"$argon2id$v=19$m=1024,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$cWb/zc7e/m86A+v9ffaqZ73LImS6yAGh/PgxMRCku8o"

/* Names and passwords, in base64. */
#define ALICE "Basic YWxpY2U6c2VjcmV0"       /* alice:secret */
#define ALICE_WRONG "Basic YWxpY2U6c2VjcmV1" /* alice:secreu */
#define BOB "Basic Ym9iOnNlY3JldA=="         /* bob:secret: has no password */
#define NOBODY "Basic bm86c2VjcmV0"          /* no:secret */

struct scene {
	struct bench *bench;
	struct consumers *consumers;
	unsigned checked; /* how often a password was */
	enum error_kind fails;
	str taken; /* what the policy took of the exchange's memory */
};

enum { TAKEN_MAX = 4096 };

static result count_work(void *self, struct view *view, void (*work)(void *argument), void *argument)
{
	struct scene *scene = self;

	(void)view;
	if (scene->fails)
		return error_make(scene->fails, "nobody has time");
	scene->checked++;
	work(argument);
	return OK;
}

static void scene_begin(struct scene *scene, const char *policies)
{
	const struct consumer_config configs[] = {
		{ .entry = { .name = STR("alice") }, .basic = { STR(HASH) } },
		{ .entry = { .name = STR("bob") } },
	};

	*scene = (struct scene) { .bench = bench_new(policies), .consumers = bench_consumers(configs, 2) };
	assert_string_equal(bench_errors(scene->bench), "");
	scene->bench->auth.passwords = verified_passwords_new();
}

static enum reason ask(struct scene *scene, const char *authorization)
{
	struct bench *bench = scene->bench;
	char field[512];
	struct buf text = buf_over(field, sizeof field - 1);
	enum verdict verdict;

	buf_put(&text, STR("Authorization: "));
	buf_put(&text, str_of(authorization));
	buf_put_char(&text, '\n');
	field[text.len] = '\0';
	bench_ask(bench, "GET /", *authorization ? field : "");
	bench->effects.work = count_work;
	bench->effects.self = scene;
	bench->view.consumers = scene->consumers;
	arena_reserve(&bench->exchange, TAKEN_MAX);
	memset(bench->exchange.at, 0, TAKEN_MAX);
	scene->taken.ptr = bench->exchange.at;
	verdict = bench_request(bench);
	scene->taken.len = (size_t)(bench->exchange.at - scene->taken.ptr);
	return verdict == POLICY_CONTINUE ? REASON_NONE : bench->view.answer.reason;
}

static void scene_end(struct scene *scene)
{
	verified_passwords_free(&scene->bench->auth.passwords);
	consumers_unref(&scene->consumers);
	bench_free(&scene->bench);
}

static const struct {
	const char *authorization;
	enum reason want;
} rows[] = {
	{ ALICE, REASON_NONE },
	{ "bAsIc   YWxpY2U6c2VjcmV0", REASON_NONE },
	{ "", REASON_PASSWORD_MISSING },
	{ "Bearer YWxpY2U6c2VjcmV0", REASON_PASSWORD_MISSING },
	{ "Basic", REASON_PASSWORD_MISSING },
	{ "YWxpY2U6c2VjcmV0", REASON_PASSWORD_MISSING },
	{ ALICE_WRONG, REASON_PASSWORD_WRONG },
	{ BOB, REASON_PASSWORD_WRONG },
	{ NOBODY, REASON_PASSWORD_WRONG },
	{ "Basic YWxpY2U6", REASON_PASSWORD_WRONG },             /* alice: */
	{ "Basic YWxpY2U=", REASON_PASSWORD_WRONG },             /* alice */
	{ "Basic OnNlY3JldA==", REASON_PASSWORD_WRONG },         /* :secret */
	{ "Basic QWxpY2U6c2VjcmV0", REASON_PASSWORD_WRONG },     /* Alice:secret */
	{ "Basic YWxpY2U6c2VjcmV0AA==", REASON_PASSWORD_WRONG }, /* alice:secret and a NUL */
	{ "Basic YWxpY2U6c2VjcmV", REASON_PASSWORD_WRONG },      /* cut */
	{ "Basic YWxpY2U6c2VjcmV0!", REASON_PASSWORD_WRONG },
	{ "Basic YWxpY2U6 c2VjcmV0", REASON_PASSWORD_WRONG },
	{ "Basic Y-_pY2U6c2VjcmV0", REASON_PASSWORD_WRONG },
};

static void each_row(void **state)
{
	struct scene scene;

	(void)state;
	scene_begin(&scene, "[ basic: { forward: { X-User: name } } ]");
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		enum reason reason = ask(&scene, rows[i].authorization);

		if (reason != rows[i].want)
			fail_msg("%s: %.*s", rows[i].authorization, STR_ARG(reason_word(reason)));
		if (view_is_authenticated(&scene.bench->view) != (reason == REASON_NONE))
			fail_msg("%s", rows[i].authorization);
		if (reason == REASON_NONE)
			assert_string_equal(bench_fields(scene.bench, &scene.bench->request.fields),
					    "X-User: alice\n");
	}
	scene_end(&scene);
}

static void a_password_is_checked_once_right_or_wrong(void **state)
{
	struct scene scene;

	(void)state;
	scene_begin(&scene, "[ basic: {} ]");
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(ask(&scene, ALICE), REASON_NONE);
		assert_int_equal(ask(&scene, ALICE_WRONG), REASON_PASSWORD_WRONG);
		assert_int_equal(ask(&scene, NOBODY), REASON_PASSWORD_WRONG);
	}
	assert_int_equal(scene.checked, 3); /* also the one of a name that nobody has */
	scene_end(&scene);
}

static void nothing_of_a_password_is_left_behind(void **state)
{
	static const char *const policies[] = { "[ basic: {} ]", "[ basic: { strip: false } ]" };
	struct scene scene;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(policies); i++) {
		scene_begin(&scene, policies[i]);
		assert_int_equal(ask(&scene, ALICE), REASON_NONE);
		assert_in_range(scene.taken.len, 1, TAKEN_MAX);
		assert_true(str_contains(scene.taken, STR("alice")));
		assert_false(str_contains(scene.taken, STR("secret")));
		assert_int_equal(ask(&scene, ALICE "!"), REASON_PASSWORD_WRONG);
		assert_in_range(scene.taken.len, 1, TAKEN_MAX);
		assert_false(str_contains(scene.taken, STR("secret")));
		scene_end(&scene);
	}
}

static void where_nobody_has_time_nobody_is_let_in(void **state)
{
	struct scene scene;

	(void)state;
	scene_begin(&scene, "[ basic: {} ]");
	scene.fails = ERROR_LIMIT;
	assert_int_equal(ask(&scene, ALICE), REASON_AUTH_UNAVAILABLE);
	scene.fails = ERROR_CANCELLED;
	assert_int_equal(ask(&scene, ALICE), REASON_NONE); /* nobody is there to be told */
	assert_false(view_is_authenticated(&scene.bench->view));
	scene.fails = ERROR_NONE;
	assert_int_equal(ask(&scene, ALICE), REASON_NONE);
	assert_true(view_is_authenticated(&scene.bench->view));
	scene_end(&scene);
}

static void two_of_them_are_nobodys(void **state)
{
	struct scene scene;

	(void)state;
	scene_begin(&scene, "[ basic: {} ]");
	assert_int_equal(ask(&scene, ALICE "\nAuthorization: " ALICE), REASON_PASSWORD_WRONG);
	scene_end(&scene);
}

static void a_browser_is_told_what_the_password_is_for(void **state)
{
	struct scene scene;

	(void)state;
	scene_begin(&scene, "[ basic: { realm: orders } ]");
	for (size_t i = 0; i < 2; i++) {
		assert_int_not_equal(ask(&scene, i ? ALICE_WRONG : ""), REASON_NONE);
		assert_int_equal(scene.bench->view.answer.fields.count, 1);
		assert_string_equal(bench_text(scene.bench, scene.bench->view.answer.fields.at[0].value),
				    "Basic realm=\"orders\", charset=\"UTF-8\"");
	}
	scene_end(&scene);
}

static void options_are_checked(void **state)
{
	static const struct bench_check checks[] = {
		{ "[ basic: ]", "" },
		{ "[ basic: { realm: \"my orders\", strip: false, forward: { X-A: label.x } } ]", "" },
		{ "[ basic: { realm: \"a\\\"b\" } ]", "want a text without quotes" },
		{ "[ basic: { realm: 'a\\b' } ]", "want a text without quotes" },
		{ "[ basic: { realm: \"a\\nb\" } ]", "want a text without quotes" },
		{ "[ basic: { forward: { X-A: password } } ]", "want name, groups or label.NAME" },
		{ "[ basic: { users: {} } ]", "users" },
		{ "[ basic: { from: { query: x } } ]", "from" },
	};

	(void)state;
	bench_assert_checks(checks, COUNT_OF(checks));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row),
		cmocka_unit_test(a_password_is_checked_once_right_or_wrong),
		cmocka_unit_test(nothing_of_a_password_is_left_behind),
		cmocka_unit_test(where_nobody_has_time_nobody_is_let_in),
		cmocka_unit_test(two_of_them_are_nobodys),
		cmocka_unit_test(a_browser_is_told_what_the_password_is_for),
		cmocka_unit_test(options_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
