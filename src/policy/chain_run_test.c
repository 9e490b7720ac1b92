/* SPDX-License-Identifier: Apache-2.0 */
/* Who runs, in which order, and what is told of it: over doubles that write down that they ran. */
#include "base/assert.h"
#include "base/testing.h"
#include "policy/chain.h"
#include "policy/expression.h"
#include "policy/principal.h"
#include "route/regex.h"

enum { ARENA_MAX = 16 * 1024 * 1024, FIELDS_MAX = 8, TOLD_MAX = 1024 };

struct scribe {
	char name;
	bool answers;
};

/* An exchange around a chain, and what was told of its decisions. */
struct stage {
	struct arena arena;
	struct regex_table regexes;
	struct regex_scratch scratch;
	struct effects effects;
	struct http_request request;
	struct http_field fields[FIELDS_MAX];
	struct view view;
	char told[TOLD_MAX];
	struct buf telling;
};

static void write_down(const struct scribe *scribe, struct view *view, const char *what)
{
	str parts[] = { view->query, { &scribe->name, 1 }, str_of(what) };

	view->query = arena_join(view->arena, parts, 3);
}

static enum verdict scribe_request(const void *self, struct view *view)
{
	const struct scribe *scribe = self;

	write_down(scribe, view, "");
	return scribe->answers ? view_refuse(view, REASON_NO_ROUTE) : POLICY_CONTINUE;
}

static enum verdict scribe_preflight(const void *self, struct view *view)
{
	const struct scribe *scribe = self;

	write_down(scribe, view, "!");
	return scribe->answers ? view_refuse(view, REASON_RESPOND) : POLICY_CONTINUE;
}

static void scribe_response(const void *self, struct view *view)
{
	write_down(self, view, "'");
}

/* Takes away what its own `when` asks for. */
static enum verdict remover_request(const void *self, struct view *view)
{
	http_fields_remove_named(&view->request->fields, STR("X-Go"));
	return scribe_request(self, view);
}

/* Finds out that it is somebody of its own name. */
static enum verdict knower_request(const void *self, struct view *view)
{
	const struct scribe *scribe = self;

	view_identify(view, STR("knower"))->consumer = (str) { &scribe->name, 1 };
	return POLICY_CONTINUE;
}

/* Refuses nobody, and writes down who asks. */
static enum verdict asker_request(const void *self, struct view *view)
{
	bool is_known = view_is_authenticated(view);
	str parts[] = { view->query, STR("<"), is_known ? view->principal->consumer : STR("nobody"),
			STR(">") };

	view->query = arena_join(view->arena, parts, COUNT_OF(parts));
	return is_known ? scribe_request(self, view) : view_refuse(view, REASON_NOT_AUTHENTICATED);
}

/* Whether it is only to report, when the answer comes. */
static void reporter_response(const void *self, struct view *view)
{
	write_down(self, view, view->is_report ? "r" : "f");
}

static const struct policy knower = { .name = "knower", .on_request = knower_request };
static const struct policy asker = { .name = "asker", .on_request = asker_request };
static const struct policy reporter = { .name = "reporter",
					.on_request = scribe_request,
					.on_response = reporter_response };
static const struct policy both = { .name = "both",
				    .on_request = scribe_request,
				    .on_response = scribe_response };
static const struct policy cors = { .name = "cors",
				    .on_request = scribe_request,
				    .on_preflight = scribe_preflight,
				    .on_response = scribe_response };
static const struct policy remover = { .name = "remover",
				       .on_request = remover_request,
				       .on_response = scribe_response };
static const struct policy answers_only = { .name = "answers_only", .on_response = scribe_response };
static const struct scribe a = { 'a', false }, b = { 'b', false }, c = { 'c', true }, d = { 'd', false };

static void tell(void *self, const struct view *view, const struct policy_instance *instance,
		 enum decision decision)
{
	struct stage *stage = self;

	assert_ptr_equal(view, &stage->view);
	buf_put(&stage->telling, stage->telling.len ? STR(" ") : (str) { 0 });
	buf_put(&stage->telling, instance->name);
	buf_put_char(&stage->telling, ':');
	buf_put(&stage->telling, str_of(decision_words[decision]));
}

static struct stage *stage_new(enum http_method method, const char *fields)
{
	struct stage *stage = calloc(1, sizeof *stage);
	str rest = str_of(fields), name;

	ASSERT(stage);
	arena_init(&stage->arena, NULL, ARENA_MAX);
	regex_table_init(&stage->regexes, &stage->arena);
	regex_scratch_init(&stage->scratch);
	stage->telling = buf_over(stage->told, sizeof stage->told);
	stage->effects = (struct effects) { .decided = tell, .self = stage };
	stage->request = (struct http_request) { .method = method, .method_text = http_method_text(method) };
	stage->request.fields = (struct http_fields) { .at = stage->fields, .max = FIELDS_MAX };
	while (str_next(&rest, ' ', &name))
		ASSERT(!failed(
			http_fields_add(&stage->request.fields, http_name_find(name), name, STR("1"))));
	stage->view = (struct view) { .arena = &stage->arena,
				      .effects = &stage->effects,
				      .request = &stage->request,
				      .path = STR("/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab!"),
				      .regex = &stage->scratch };
	return stage;
}

static void stage_free(struct stage *stage)
{
	regex_scratch_fini(&stage->scratch);
	regex_table_fini(&stage->regexes);
	arena_fini(&stage->arena);
	free(stage);
}

static const struct expression *when(struct stage *stage, const char *text)
{
	const struct expression *expression = NULL;
	struct expression_error error;

	if (text && !expression_parse(&stage->arena, &stage->regexes, str_of(text), EXPRESSION_BOOL,
				      &expression, &error))
		fail_msg("%s: %.*s", text, STR_ARG(error.why));
	return expression;
}

enum { CHAIN_MAX = 4 };

static const struct run_row {
	const char *what, *fields;
	struct {
		const struct policy *policy;
		const struct scribe *self;
		const char *when;
		bool is_report;
	} chain[CHAIN_MAX];
	enum verdict want;
	const char *want_ran, *want_told, *want_reported;
} run_rows[] = {
	{ "all of them",
	  "",
	  { { &both, &a }, { &both, &b }, { &both, &d } },
	  POLICY_CONTINUE,
	  "abd d'b'a'",
	  "a:continue b:continue d:continue",
	  "" },
	{ "until one answers",
	  "",
	  { { &both, &a }, { &both, &c }, { &both, &d } },
	  POLICY_ANSWERED,
	  "ac d'c'a'",
	  "a:continue c:answer",
	  "" },
	{ "one without a request side is not told of",
	  "",
	  { { &answers_only, &a }, { &both, &b } },
	  POLICY_CONTINUE,
	  "b b'a'",
	  "b:continue",
	  "" },
	{ "nobody", "", { { NULL } }, POLICY_CONTINUE, " ", "", "" },
	{ "when it holds",
	  "X-Go",
	  { { &both, &c, "has(request.headers['X-Go'])" } },
	  POLICY_ANSWERED,
	  "c c'",
	  "c:answer",
	  "" },
	{ "when it does not",
	  "",
	  { { &both, &c, "has(request.headers['X-Go'])" }, { &both, &b } },
	  POLICY_CONTINUE,
	  "b b'",
	  "c:skip b:continue",
	  "" },
	{ "what is missing does not hold",
	  "",
	  { { &both, &c, "request.headers['X-Go'] != '2'" } },
	  POLICY_CONTINUE,
	  " ",
	  "c:skip",
	  "" },
	{ "what cannot be decided is refused",
	  "",
	  { { &both, &a, "request.path.matches('^(/?a+)+b$')" }, { &both, &b } },
	  POLICY_ANSWERED,
	  " b'a'",
	  "a:answer",
	  "" },
	{ "and so is its opposite",
	  "",
	  { { &both, &a, "!request.path.matches('^(/?a+)+b$')" } },
	  POLICY_ANSWERED,
	  " a'",
	  "a:answer",
	  "" },
	{ "and what is only reported is reported",
	  "",
	  { { &both, &a, "request.path.matches('^(/?a+)+b$')", true }, { &both, &b } },
	  POLICY_CONTINUE,
	  "b b'a'",
	  "a:report b:continue",
	  "a=condition_undecided" },
	{ "it is asked once",
	  "X-Go",
	  { { &remover, &a, "has(request.headers['X-Go'])" } },
	  POLICY_CONTINUE,
	  "a a'",
	  "a:continue",
	  "" },
	{ "in its turn, also where it looks at the answer only",
	  "X-Go",
	  { { &answers_only, &a, "has(request.headers['X-Go'])" },
	    { &remover, &b },
	    { &answers_only, &d, "has(request.headers['X-Go'])" } },
	  POLICY_CONTINUE,
	  "b b'a'",
	  "b:continue",
	  "" },
	{ "each is asked for itself",
	  "X-Go",
	  { { &remover, &a, "has(request.headers['X-Go'])" },
	    { &both, &b, "has(request.headers['X-Go'])" },
	    { &both, &d, "!has(request.headers['X-Go'])" } },
	  POLICY_CONTINUE,
	  "ad d'a'",
	  "a:continue b:skip d:continue",
	  "" },
	{ "behind an answer it is asked when the answer comes",
	  "",
	  { { &both, &c }, { &both, &a, "true" }, { &both, &b, "false" } },
	  POLICY_ANSWERED,
	  "c a'c'",
	  "c:answer",
	  "" },
	{ "reported",
	  "",
	  { { &both, &c, NULL, true }, { &both, &b } },
	  POLICY_CONTINUE,
	  "cb b'c'",
	  "c:report b:continue",
	  "c=no_route" },
	{ "reported twice",
	  "",
	  { { &both, &c, NULL, true }, { &both, &c, NULL, true } },
	  POLICY_CONTINUE,
	  "cc c'c'",
	  "c:report c:report",
	  "c=no_route, c=no_route" },
	{ "whom a report finds out is known to reports behind it, and to nobody else",
	  "",
	  { { &knower, &a, NULL, true }, { &asker, &b }, { &asker, &d, NULL, true } },
	  POLICY_ANSWERED,
	  "<nobody> ",
	  "a:continue b:answer",
	  "" },
	{ "also to their conditions",
	  "",
	  { { &knower, &a, NULL, true },
	    { &both, &b, "consumer.name == 'a'" },
	    { &both, &d, "consumer.name == 'a'", true } },
	  POLICY_CONTINUE,
	  "d d'",
	  "a:continue b:skip d:continue",
	  "" },
	{ "a whole chain that only reports",
	  "",
	  { { &asker, &b, NULL, true }, { &knower, &a, NULL, true }, { &asker, &d, NULL, true } },
	  POLICY_CONTINUE,
	  "<nobody><a>d ",
	  "b:report a:continue d:continue",
	  "b=not_authenticated" },
	{ "who is known by a policy in force is so to reports as well",
	  "",
	  { { &knower, &a }, { &asker, &b, NULL, true }, { &asker, &d } },
	  POLICY_CONTINUE,
	  "<a>b<a>d ",
	  "a:continue b:continue d:continue",
	  "" },
	{ "a report takes nothing from who is known",
	  "",
	  { { &knower, &a }, { &knower, &b, NULL, true }, { &asker, &b }, { &asker, &d, NULL, true } },
	  POLICY_CONTINUE,
	  "<a>b<b>d ",
	  "a:continue b:continue b:continue d:continue",
	  "" },
	{ "the last one who knows is believed",
	  "",
	  { { &knower, &a, NULL, true }, { &knower, &b }, { &asker, &d, NULL, true } },
	  POLICY_CONTINUE,
	  "<b>d ",
	  "a:continue b:continue d:continue",
	  "" },
	{ "each knows whether it only reports when the answer comes",
	  "",
	  { { &reporter, &a }, { &reporter, &b, NULL, true } },
	  POLICY_CONTINUE,
	  "ab braf",
	  "a:continue b:continue",
	  "" },
	{ "nothing to report", "", { { &both, &a, NULL, true } }, POLICY_CONTINUE, "a a'", "a:continue", "" },
	{ "not asked to report", "", { { &both, &c, "false", true } }, POLICY_CONTINUE, " ", "c:skip", "" },
	{ "reported, then answered",
	  "",
	  { { &both, &c, NULL, true }, { &both, &c } },
	  POLICY_ANSWERED,
	  "cc c'c'",
	  "c:report c:answer",
	  "c=no_route" },
	{ "no preflight: another method",
	  "GET Origin Access-Control-Request-Method",
	  { { &both, &a }, { &cors, &c } },
	  POLICY_ANSWERED,
	  "ac c'a'",
	  "a:continue c:answer",
	  "" },
	{ "no preflight: no origin",
	  "OPTIONS Access-Control-Request-Method",
	  { { &both, &a }, { &cors, &c } },
	  POLICY_ANSWERED,
	  "ac c'a'",
	  "a:continue c:answer",
	  "" },
	{ "no preflight: no method",
	  "OPTIONS Origin",
	  { { &both, &a }, { &cors, &c } },
	  POLICY_ANSWERED,
	  "ac c'a'",
	  "a:continue c:answer",
	  "" },
	{ "a preflight is answered before all",
	  "OPTIONS Origin Access-Control-Request-Method",
	  { { &both, &a }, { &cors, &c } },
	  POLICY_ANSWERED,
	  "c! c'a'",
	  "c:answer",
	  "" },
	{ "a preflight that nobody answers goes on",
	  "OPTIONS Origin Access-Control-Request-Method",
	  { { &both, &a }, { &cors, &b } },
	  POLICY_CONTINUE,
	  "b!ab b'a'",
	  "b:continue a:continue b:continue",
	  "" },
	{ "a preflight and a condition",
	  "OPTIONS Origin Access-Control-Request-Method",
	  { { &both, &a }, { &cors, &c, "false" } },
	  POLICY_CONTINUE,
	  "a a'",
	  "c:skip a:continue c:skip",
	  "" },
	{ "a preflight and a report",
	  "OPTIONS Origin Access-Control-Request-Method",
	  { { &cors, &c, NULL, true }, { &both, &a } },
	  POLICY_CONTINUE,
	  "c!ca a'c'",
	  "c:report c:report a:continue",
	  "c=respond, c=no_route" },
};

/* "OPTIONS Origin": the method, if it is one, and names of fields. */
static struct stage *stage_of(const char *fields)
{
	str rest = str_of(fields), first = rest;
	enum http_method method;

	str_cut(rest, ' ', &first, &rest);
	method = http_method_find(first);
	if (method == HTTP_GET || method == HTTP_OPTIONS)
		return stage_new(method, rest.ptr);
	return stage_new(HTTP_GET, fields);
}

static void run_row(const struct run_row *row)
{
	struct stage *stage = stage_of(row->fields);
	struct policy_instance at[CHAIN_MAX];
	struct policy_chain chain = { .at = at };
	enum verdict verdict;

	for (; chain.count < CHAIN_MAX && row->chain[chain.count].policy; chain.count++) {
		const struct scribe *self = row->chain[chain.count].self;

		at[chain.count] = (struct policy_instance) {
			.policy = row->chain[chain.count].policy,
			.self = self,
			.name = { &self->name, 1 },
			.when = when(stage, row->chain[chain.count].when),
			.is_report = row->chain[chain.count].is_report,
			.condition = (uint8_t)chain.count,
		};
		chain.has_preflight |= at[chain.count].policy->on_preflight != NULL;
	}
	verdict = policy_chain_request(&chain, &stage->view);
	stage->view.query = arena_join(&stage->arena, (str[]) { stage->view.query, STR(" ") }, 2);
	policy_chain_response(&chain, &stage->view);
	if (verdict != row->want || !str_eq(stage->view.query, str_of(row->want_ran)))
		fail_msg("%s: %d, %.*s", row->what, (int)verdict, STR_ARG(stage->view.query));
	if (!str_eq(buf_str(&stage->telling), str_of(row->want_told)))
		fail_msg("%s: told %.*s", row->what, STR_ARG(buf_str(&stage->telling)));
	if (!str_eq(stage->view.reported, str_of(row->want_reported)))
		fail_msg("%s: reported %.*s", row->what, STR_ARG(stage->view.reported));
	stage_free(stage);
}

static void who_runs_in_which_order(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(run_rows); i++)
		run_row(&run_rows[i]);
}

static void an_answer_that_is_reported_leaves_nothing_behind(void **state)
{
	struct stage *stage = stage_new(HTTP_GET, "");
	const struct policy_instance at = {
		.policy = &both, .self = &c, .name = STR("c"), .is_report = true
	};

	(void)state;
	assert_int_equal(policy_chain_request(&(struct policy_chain) { .at = &at, .count = 1 }, &stage->view),
			 POLICY_CONTINUE);
	assert_int_equal(stage->view.answer.reason, REASON_NONE);
	assert_int_equal(stage->view.answer.status, 0);
	stage_free(stage);
}

/* However many would have refused, what is written down of it has an end, and so has the arena. */
static void what_is_reported_is_bounded(void **state)
{
	struct stage *stage = stage_new(HTTP_GET, "");
	struct policy_instance at[200];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(at); i++)
		at[i] = (struct policy_instance) {
			.policy = &both, .self = &c, .name = STR("a-long-name"), .is_report = true
		};
	stage->effects.decided = NULL;
	policy_chain_request(&(struct policy_chain) { .at = at, .count = COUNT_OF(at) }, &stage->view);
	assert_in_range(stage->view.reported.len, 200, 512);
	assert_true(str_ends(stage->view.reported, STR("a-long-name=no_route")));
	stage_free(stage);
}

static void nobody_has_to_be_told(void **state)
{
	struct stage *stage = stage_new(HTTP_GET, "");
	const struct policy_instance at = { .policy = &both, .self = &a, .name = STR("a") };

	(void)state;
	stage->effects.decided = NULL;
	assert_int_equal(policy_chain_request(&(struct policy_chain) { .at = &at, .count = 1 }, &stage->view),
			 POLICY_CONTINUE);
	assert_int_equal(stage->telling.len, 0);
	stage_free(stage);
}

static void a_chain_answers_when_one_of_it_always_does(void **state)
{
	static const struct policy answers = { .name = "answers", .always_answers = true };
	struct stage *stage = stage_new(HTTP_GET, "");
	struct policy_instance at[2] = { { .policy = &both }, { .policy = &answers } };
	const struct policy_chain chain = { .at = at, .count = 2 };

	(void)state;
	assert_true(policy_chain_answers(&chain));
	at[1].is_report = true;
	assert_false(policy_chain_answers(&chain));
	at[1].is_report = false;
	at[1].when = when(stage, "true");
	assert_false(policy_chain_answers(&chain));
	assert_false(policy_chain_answers(&(struct policy_chain) { .at = at, .count = 1 }));
	assert_false(policy_chain_answers(&(struct policy_chain) { 0 }));
	stage_free(stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_runs_in_which_order),
		cmocka_unit_test(an_answer_that_is_reported_leaves_nothing_behind),
		cmocka_unit_test(what_is_reported_is_bounded),
		cmocka_unit_test(nobody_has_to_be_told),
		cmocka_unit_test(a_chain_answers_when_one_of_it_always_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
