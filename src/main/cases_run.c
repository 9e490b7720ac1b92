/* SPDX-License-Identifier: Apache-2.0 */
#include "main/cases_run.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/assert.h"
#include "main/cases_compare.h"
#include "proxy/explain.h"

struct running {
	const struct cases *cases;
	struct snapshot *snapshot;
	struct coverage *coverage;
	struct regex_scratch regex;
};

static const struct stand_in *find_stand_in(void *self, str upstream)
{
	const struct cases_config *config = &((struct running *)self)->cases->config;

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

static void indent(FILE *to, const char *text)
{
	for (bool is_start = true; *text; text++) {
		if (is_start)
			fputs("  ", to);
		fputc(*text, to);
		is_start = *text == '\n';
	}
}

static void explain(const struct running *running, const struct rehearsal_request *request, FILE *to)
{
	char *text = NULL;
	size_t len;
	FILE *lines = open_memstream(&text, &len);

	ASSERT(lines);
	explain_request(running->snapshot, request, lines);
	fclose(lines);
	fputs("explain:\n", to);
	indent(to, text);
	free(text);
}

static size_t run_once(struct running *running, struct rehearsal *rehearsal, const struct test_case *of,
		       const struct expectation *expected, FILE *to)
{
	struct rehearsal_request request = { .head = of->head,
					     .body = of->request.body,
					     .client_ip = of->request.client_ip,
					     .is_secure = of->is_secure };
	struct rehearsed rehearsed;
	result_value ran;
	size_t differences;

	rehearsal_advance(rehearsal, of->advance);
	ran = rehearsal_run(rehearsal, &request, &rehearsed);
	if (failed(ran)) {
		fprintf(to, "it could not be run: %s\n", ran.why);
		return 1;
	}
	differences = case_compare(expected, &rehearsed, &running->regex, to);
	if (differences)
		explain(running, &request, to);
	return differences;
}

/* The first request that is answered otherwise than expected ends the case. */
static void run_all(struct running *running, struct rehearsal *rehearsal, const struct test_case *of,
		    FILE *to)
{
	for (int64_t i = 1; i <= of->repeat; i++) {
		bool is_last = i == of->repeat;

		if (run_once(running, rehearsal, of, is_last ? &of->expect : &of->meanwhile, to) == 0)
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

	regex_scratch_init(&running.regex);
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
	regex_scratch_fini(&running.regex);
}
