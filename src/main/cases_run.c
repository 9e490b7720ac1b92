/* SPDX-License-Identifier: Apache-2.0 */
#include "main/cases_run.h"

#include <inttypes.h>
#include <stdlib.h>

#include "auth/token_mint.h"
#include "base/assert.h"
#include "base/note.h"
#include "main/cases_compare.h"
#include "policy/principal.h"
#include "proxy/destination.h"
#include "proxy/explain.h"

enum { REQUEST_MAX = 64 * 1024 * 1024 };

struct running {
	const struct cases *cases;
	struct snapshot *snapshot;
	struct coverage *coverage;
	struct regex_scratch regex;
	struct token_mint *mint;
	struct credential_voucher voucher; /* of the token of the request at hand */
	struct stand_in vouching;
	const struct node *file; /* of cases: what its mask is of; NULL: none was needed yet */
	struct mask of_file;
	struct arena secrets; /* of it */
};

/* Who is asked about a token that was made for the case answers as the case says. */
static const struct stand_in *find_stand_in(void *self, str upstream)
{
	struct running *running = self;
	const struct cases_config *config = &running->cases->config;

	if (running->voucher.by && str_eq(running->voucher.by->upstream->name, upstream))
		return &running->vouching;
	for (size_t i = 0; i < config->upstreams.len; i++)
		if (str_eq(config->upstreams.at[i].entry.name, upstream))
			return &config->upstreams.at[i].stand_in;
	return NULL;
}

static void on_decided(void *self, const struct policy_instance *instance, enum decision decision)
{
	if (decision != DECISION_SKIP)
		coverage_add_policy(((struct running *)self)->coverage, instance);
}

/* Policies that only look at answers decide nothing, so nobody hears of them elsewhere. */
static void on_finished(void *self, const struct exchange *x, const struct exchange_facts *facts)
{
	struct running *running = self;

	(void)facts;
	if (!x->target)
		return;
	coverage_add_target(running->coverage, x->target);
	for (size_t i = 0; i < x->target->chain.count; i++) {
		const struct policy_instance *instance = &x->target->chain.at[i];

		if (!instance->policy->on_request && x->has_answer &&
		    !(instance->when && x->view.skipped & UINT64_C(1) << instance->condition))
			coverage_add_policy(running->coverage, instance);
	}
}

static void indent(FILE *to, str text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (i == 0 || text.ptr[i - 1] == '\n')
			fputs("  ", to);
		fputc(text.ptr[i], to);
	}
}

/* Kept from one case to the next, as a file may be large. */
static const struct mask *mask_of_file(struct running *running, const struct node *file)
{
	while (file->parent)
		file = file->parent;
	if (running->file == file)
		return &running->of_file;
	arena_fini(&running->secrets);
	mask_init(&running->of_file, NULL, (str_list) { 0 }, &running->secrets);
	mask_add_node(&running->of_file, file);
	running->file = file;
	return &running->of_file;
}

/* What came from outside is no secret of the policies alone: also of the file of cases, which may put it into
 * requests and answers, and of the consumer, whose labels policies pass on. */
static void mask_of(struct running *running, const struct test_case *of, const struct rehearsed *rehearsed,
		    struct arena *arena, struct mask *ret_mask)
{
	const struct gateway_config *config = &running->snapshot->config;

	mask_init(ret_mask, mask_of_file(running, of->entry.node), config->log.access.redact, arena);
	mask_add_policies(ret_mask, rehearsed->target ? &rehearsed->target->chain : NULL);
	for (size_t i = 0; i < config->consumers.len; i++)
		if (str_eq(config->consumers.at[i].entry.name, rehearsed->consumer))
			mask_add_node(ret_mask, config->consumers.at[i].entry.node);
}

static void print_explanation(const struct explanation *told, const struct mask *mask, struct arena *arena,
			      FILE *to)
{
	struct mask all;

	explanation_mask(told, mask, arena, &all);
	explanation_print(told, &all, arena, to);
}

/* The route is told as the request has it, so all is masked once more. */
static void explain(struct running *running, const struct rehearsal_request *request, wall_time now,
		    const struct mask *mask, struct arena *arena, FILE *to)
{
	const struct explain_question question = { .snapshot = running->snapshot,
						   .request = request,
						   .now = now,
						   .stand_in = find_stand_in,
						   .self = running };
	struct explanation explanation;
	struct note note;
	result_value explained = explain_request(&question, arena, &explanation);

	note_begin(&note);
	if (failed(explained))
		fprintf(note.to, "cannot be rehearsed: %s\n", explained.why);
	else
		print_explanation(&explanation, mask, arena, note.to);
	fputs("explain:\n", to);
	indent(to, mask_words(mask, note_end(&note, arena), arena));
}

/* ---- tokens ---- */

/* Where the request goes, found out without leaving a trace in the case's own rehearsal. */
static const struct target *find_target(const struct running *running,
					const struct rehearsal_request *request)
{
	struct rehearsal_options options = { .snapshot = running->snapshot,
					     .clock = running->cases->clock,
					     .seed = 1 };
	struct rehearsal *rehearsal;
	struct rehearsed rehearsed = { 0 };
	result_value ran = rehearsal_new(&options, &rehearsal);

	if (!failed(ran))
		ran = rehearsal_run(rehearsal, request, &rehearsed);
	rehearsal_free(&rehearsal);
	return failed(ran) ? NULL : rehearsed.target;
}

static str make_line(const struct target *target, const struct credential_wish *wish)
{
	str line = { 0 };

	for (size_t i = 0; target && i < target->chain.count && !line.len; i++) {
		const struct policy_instance *instance = &target->chain.at[i];
		const struct authenticator *of = instance->policy->authenticator;

		if (of && of->make)
			line = of->make(instance->self, wish);
	}
	return line;
}

/* The head with a token of its claims. False after a word on why there is none. */
static bool add_token(struct running *running, const struct test_case *of, wall_time now, struct arena *arena,
		      struct rehearsal_request *request, FILE *to)
{
	struct credential_wish wish = { .claims = of->request.token,
					.json = of->token,
					.certificate = of->client ? of->client->certificate : STR(""),
					.now = now,
					.mint = running->mint,
					.voucher = &running->voucher,
					.arena = arena };
	str line = make_line(find_target(running, request), &wish);
	str parts[] = { str_slice(of->head, 0, of->head.len - 2), line, STR("\r\n\r\n") };

	if (!line.len) {
		fputs("no policy of the route takes a token that can be made: want jwt, introspection or "
		      "oidc, and "
		      "neither `bound: dpop` nor the token in the query\n",
		      to);
		return false;
	}
	request->head = arena_join(arena, parts, 3);
	running->vouching = (struct stand_in) { .body = running->voucher.json };
	return true;
}

/* ---- running ---- */

/* In an arena without a bound: how much there is to tell goes by the file and by the configuration. */
static void tell(struct running *running, const struct test_case *of, const struct expectation *expected,
		 const struct rehearsal_request *request, const struct rehearsed *rehearsed, wall_time now,
		 FILE *to)
{
	struct arena arena;
	struct mask mask;

	arena_init(&arena, NULL, SIZE_MAX / 2);
	mask_of(running, of, rehearsed, &arena, &mask);
	case_compare(expected, rehearsed, &mask, &running->regex, &arena, to);
	explain(running, request, now, &mask, &arena, to);
	arena_fini(&arena);
}

/* True when it came as expected. */
static bool run_once(struct running *running, struct rehearsal *rehearsal, const struct test_case *of,
		     const struct expectation *expected, wall_time now, struct arena *arena, FILE *to)
{
	struct rehearsal_request request = { .head = of->head,
					     .body = of->request.body,
					     .client_ip = of->request.client_ip,
					     .client = of->client,
					     .is_secure = of->is_secure };
	struct rehearsed rehearsed;
	result_value ran;

	running->voucher = (struct credential_voucher) { 0 };
	if (of->request.token && !add_token(running, of, now, arena, &request, to))
		return false;
	rehearsal_advance(rehearsal, of->advance);
	ran = rehearsal_run(rehearsal, &request, &rehearsed);
	if (failed(ran)) {
		fprintf(to, "it could not be run: %s\n", ran.why);
		return false;
	}
	if (!case_differs(expected, &rehearsed, &running->regex))
		return true;
	tell(running, of, expected, &request, &rehearsed, now, to);
	return false;
}

/* The first request that is answered otherwise than expected ends the case. */
static void run_all(struct running *running, struct rehearsal *rehearsal, const struct test_case *of,
		    FILE *to)
{
	for (int64_t i = 1; i <= of->repeat; i++) {
		const struct expectation *expected = i == of->repeat ? &of->expect : &of->meanwhile;
		struct arena arena;
		bool is_as_expected;

		arena_init(&arena, NULL, REQUEST_MAX);
		is_as_expected = run_once(running, rehearsal, of, expected,
					  running->cases->clock + i * of->advance, &arena, to);
		arena_fini(&arena);
		if (is_as_expected)
			continue;
		if (of->repeat > 1)
			fprintf(to, "this was request %" PRId64 " of %" PRId64 "\n", i, of->repeat);
		return;
	}
}

static void run_case(struct running *running, const struct test_case *of, FILE *to)
{
	struct rehearsal_options options = { .snapshot = running->snapshot,
					     .clock = running->cases->clock,
					     .seed = 1,
					     .stand_in = find_stand_in,
					     .decided = on_decided,
					     .finished = on_finished,
					     .self = running };
	struct rehearsal *rehearsal;
	result_value made = rehearsal_new(&options, &rehearsal);

	if (failed(made))
		fprintf(to, "it could not be run: %s\n", made.why);
	else
		run_all(running, rehearsal, of, to);
	rehearsal_free(&rehearsal);
}

void cases_run(const struct cases *cases, struct snapshot *snapshot, struct coverage *coverage,
	       struct arena *arena, struct case_outcome *ret_outcomes)
{
	struct running running = { .cases = cases, .snapshot = snapshot, .coverage = coverage };

	running.mint = token_mint_new();
	for (size_t i = 0; i < cases->key_count; i++)
		key_set_publish(cases->keys[i].of, jwk_set_ref(cases->keys[i].keys));
	regex_scratch_init(&running.regex);
	arena_init(&running.secrets, NULL, SIZE_MAX / 2);
	for (size_t i = 0; i < cases->config.cases.len; i++) {
		const struct test_case *of = &cases->config.cases.at[i];
		deadline began = time_monotonic();
		char *why = NULL;
		size_t len = 0;
		FILE *to = open_memstream(&why, &len);

		ASSERT(to);
		run_case(&running, of, to);
		fclose(to);
		ret_outcomes[i] = (struct case_outcome) { of, arena_str(arena, (str) { why, len }),
							  time_monotonic() - began };
		free(why);
	}
	arena_fini(&running.secrets);
	regex_scratch_fini(&running.regex);
	token_mint_free(&running.mint);
}
