/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/policy_testing.h"

#include <stdlib.h>

#include "auth/key_set.h"
#include "base/assert.h"
#include "base/testing.h"
#include "codec/json.h"
#include "config/document.h"
#include "policy/principal.h"
#include "store/quota_table.h"
#include "store/rate_table.h"
#include "store/slot_table.h"

enum { ARENA_MAX = 16 * 1024 * 1024, RATES = 1024 };

static wall_time standing_clock(void *self)
{
	(void)self;
	return (wall_time)1767323045 * SECOND; /* 2026-01-02T03:04:05Z */
}

static wall_time moved_clock(void *self)
{
	return standing_clock(NULL) + ((struct bench *)self)->passed;
}

static uint64_t same_number(void *self)
{
	(void)self;
	return 4;
}

static result count_sleep(void *self, struct view *view, duration time)
{
	struct bench *bench = self;

	(void)view;
	bench->slept += time;
	return bench->is_over ? error_make(ERROR_CANCELLED, "the exchange is over") : OK;
}

static result take_slot(void *self, struct view *view, const struct slot_wish *wish, duration patience,
			struct slot *ret_slot)
{
	struct bench *bench = self;

	(void)view;
	if (slot_take(bench->slots, wish, ret_slot))
		return OK;
	bench->slept += wish->queue ? patience : 0;
	if (bench->is_over)
		return error_make(ERROR_CANCELLED, "the exchange is over");
	return wish->queue ? error_make(ERROR_TIMEOUT, "nobody has come back")
			   : error_make(ERROR_LIMIT, "full");
}

static const char *no_environment(const char *name, void *argument)
{
	(void)argument;
	return strcmp(name, "FROM_OUTSIDE") == 0 ? "${request.id}" : NULL;
}

/* Only its address is looked at. */
static const struct destination *find_destination(void *owner, const struct node *node)
{
	struct bench *bench = owner;

	if (!str_starts(node->text, STR("no")))
		return (const struct destination *)node;
	diagnostic_error(bench->diagnostics, node, "nobody is there");
	return NULL;
}

static struct key_set *find_keys(void *owner, const struct node *at, const struct node *keys, str issuer)
{
	struct bench *bench = owner;
	str name = keys ? keys->text : issuer;
	struct jwk_set *none;
	result_value kept;

	ASSERT(bench->kept_count < BENCH_KEYS_MAX);
	if (str_starts(name, STR("no"))) {
		diagnostic_error(bench->diagnostics, keys ? keys : at, "there are no keys");
		return NULL;
	}
	kept = jwk_set_parse(STR("{\"keys\":[]}"), &none);
	ASSERT(!failed(kept));
	kept = key_sets_keep(bench->key_sets, none, name, &bench->kept[bench->kept_count]);
	ASSERT(!failed(kept));
	return bench->kept[bench->kept_count++];
}

static struct key_set *keep_keys(void *owner, const struct node *at, struct jwk_set *keys, str content)
{
	struct bench *bench = owner;
	result_value kept;

	(void)at;
	ASSERT(bench->kept_count < BENCH_KEYS_MAX);
	kept = key_sets_keep(bench->key_sets, keys, content, &bench->kept[bench->kept_count]);
	ASSERT(!failed(kept));
	return bench->kept[bench->kept_count++];
}

static void ignore(void *owner, str name)
{
	(void)owner;
	(void)name;
}

static void manage(void *owner, str name)
{
	struct bench *bench = owner;
	size_t len = strlen(bench->managed);
	struct buf out = buf_over(bench->managed + len, sizeof bench->managed - len - 1);

	buf_put(&out, name);
	buf_put_char(&out, ';');
	ASSERT(!buf_overflowed(&out));
}

struct bench *bench_new(const char *policies)
{
	struct bench *bench = calloc(1, sizeof *bench);
	const struct document_options options = { .environment = no_environment };
	struct policy_names names;
	struct reader reader;
	struct document *document;
	const struct node *list;
	result_value parsed;

	ASSERT(bench);
	arena_init(&bench->snapshot, NULL, ARENA_MAX);
	arena_init(&bench->exchange, NULL, ARENA_MAX);
	regex_table_init(&bench->regexes, &bench->snapshot);
	regex_scratch_init(&bench->regex_scratch);
	bench->key_sets = key_sets_new();
	bench->rates = rate_table_new(RATES);
	bench->quotas = quota_table_new(RATES);
	bench->slots = slot_table_new(RATES);
	bench->hooks = (struct policy_hooks) { .find_url = find_destination,
					       .find_upstream = find_destination,
					       .find_keys = find_keys,
					       .keep_keys = keep_keys,
					       .manage = manage,
					       .redact = ignore,
					       .keep_cookie = ignore,
					       .store = { true, LIMIT_COUNTS },
					       .owner = bench };
	bench->diagnostics = diagnostics_new(&bench->snapshot);
	parsed = document_parse(&bench->snapshot, STR("test.yaml"),
				arena_printf(&bench->snapshot, "policies: %s\n", policies), &options,
				bench->diagnostics, &document);
	if (failed(parsed))
		return bench;
	reader = (struct reader) { &bench->snapshot, bench->diagnostics, document };
	policy_names_compile(&names,
			     &(struct policy_compile) {
				     .reader = &reader, .regexes = &bench->regexes, .hooks = &bench->hooks },
			     NULL);
	list = node_find(document_root(document), STR("policies"));
	bench->chain = policy_chain_compile(&names, &list, 1, NULL, NULL);
	return bench;
}

void bench_free(struct bench **address)
{
	struct bench *bench = *address;

	while (bench->kept_count)
		key_set_unref(&bench->kept[--bench->kept_count]);
	key_sets_free(&bench->key_sets);
	rate_table_free(&bench->rates);
	view_let_go(&bench->view.lasting);
	quota_table_free(&bench->quotas);
	slot_table_free(&bench->slots);
	regex_scratch_fini(&bench->regex_scratch);
	regex_table_fini(&bench->regexes);
	arena_fini(&bench->snapshot);
	arena_fini(&bench->exchange);
	free(bench->printed);
	free(bench);
	*address = NULL;
}

const char *bench_errors(struct bench *bench)
{
	size_t len;
	FILE *to;

	free(bench->printed);
	to = open_memstream(&bench->printed, &len);
	ASSERT(to);
	diagnostics_print(bench->diagnostics, to);
	ASSERT(fclose(to) == 0);
	return bench->printed;
}

void bench_assert_checks(const struct bench_check *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct bench *bench = bench_new(rows[i].policies);
		const char *errors = bench_errors(bench);

		if (!*errors != !*rows[i].want || !strstr(errors, rows[i].want))
			fail_msg("%s: %s", rows[i].policies, errors);
		bench_free(&bench);
	}
}

static void add_lines(struct http_fields *fields, const char *lines)
{
	str rest = str_of(lines), line, name, value;

	while (str_cut(rest, '\n', &line, &rest)) {
		result_value added;

		ASSERT(str_cut(line, ':', &name, &value));
		added = http_fields_add(fields, http_name_find(name), name, str_trim(value));
		ASSERT(!failed(added));
	}
	ASSERT(rest.len == 0);
}

void bench_ask(struct bench *bench, const char *target, const char *fields)
{
	static const struct route_names names = { STR_INIT("orders"), STR_INIT("one") };
	static const struct route_parameter parameters[] = { { STR_INIT("id"), STR_INIT("7") } };
	str method, path, authority, query = { 0 };

	arena_fini(&bench->exchange);
	ASSERT(str_cut(arena_str(&bench->exchange, str_of(target)), ' ', &method, &path));
	str_cut(path, '?', &path, &query);
	bench->effects = (struct effects) { .wall = bench->passed ? moved_clock : standing_clock,
					    .random = same_number,
					    .sleep = count_sleep,
					    .rates = bench->rates,
					    .quotas = bench->quotas,
					    .slots = bench->slots,
					    .take_slot = take_slot,
					    .self = bench };
	bench->slept = 0;
	bench->request = (struct http_request) { .method = http_method_find(method),
						 .method_text = method,
						 .host = STR("api.test") };
	bench->request.fields = (struct http_fields) { .at = bench->request_fields, .max = BENCH_FIELDS_MAX };
	add_lines(&bench->request.fields, arena_printf(&bench->exchange, "%s", fields).ptr);
	authority = http_fields_value(&bench->request.fields, HTTP_HOST);
	bench->view = (struct view) {
		.arena = &bench->exchange,
		.effects = &bench->effects,
		.request = &bench->request,
		.sent = bench->request.fields.count,
		.scheme = STR("https"),
		.host = STR("api.test"),
		.authority = authority.len ? authority : STR("api.test"),
		.path = path,
		.query = query,
		.client_ip = STR("203.0.113.9"),
		.request_id = STR("id-1"),
		.request_id_header = STR("X-Request-ID"),
		.body_max = UINT64_MAX,
		.names = &names,
		.parameters = parameters,
		.parameter_count = 1,
		.regex = &bench->regex_scratch,
		.auth = &bench->auth,
	};
}

void bench_identify(struct bench *bench, const char *text)
{
	struct principal *principal = ARENA_NEW(&bench->exchange, struct principal);
	struct operand json;
	result_value parsed = json_parse(&bench->exchange, str_of(text), &json);

	ASSERT(!failed(parsed));
	*principal = (struct principal) {
		.method = json_find_text(&json, STR("method")),
		.consumer = json_find_text(&json, STR("consumer")),
		.groups = json_find(&json, STR("groups")),
		.labels = json_find(&json, STR("labels")),
		.claims = json_find(&json, STR("claims")),
		.certificate_subject = json_find_text(&json, STR("subject")),
	};
	bench->view.principal = principal;
}

struct consumers *bench_consumers(const struct consumer_config *configs, size_t count)
{
	struct consumer_table *table = consumer_table_new(count);
	struct consumers *consumers;
	struct consumer_mistake mistake;

	for (size_t i = 0; i < count; i++)
		assert_false(failed(consumer_table_add(table, &configs[i], &mistake)));
	consumers = consumers_new(&table, 1);
	consumer_table_unref(&table);
	return consumers;
}

enum verdict bench_request(struct bench *bench)
{
	return policy_chain_request(&bench->chain, &bench->view);
}

void bench_answer(struct bench *bench, const char *fields)
{
	bench->response = (struct http_response) { .status = 200 };
	bench->response.fields =
		(struct http_fields) { .at = bench->response_fields, .max = BENCH_FIELDS_MAX };
	add_lines(&bench->response.fields, fields);
	bench->view.response = &bench->response;
	bench->view.endpoint = STR("10.0.0.5:8080");
	policy_chain_response(&bench->chain, &bench->view);
}

const char *bench_fields(struct bench *bench, const struct http_fields *fields)
{
	struct buf out = arena_open(&bench->exchange, BENCH_TEXT_MAX);

	for (size_t i = 0; i < fields->count; i++) {
		if (fields->at[i].removed)
			continue;
		buf_put(&out, fields->at[i].name);
		buf_put(&out, STR(": "));
		buf_put(&out, fields->at[i].value);
		buf_put_char(&out, '\n');
	}
	buf_put_char(&out, 0);
	ASSERT(!buf_overflowed(&out));
	return arena_close(&bench->exchange, &out).ptr;
}

const char *bench_text(struct bench *bench, str text)
{
	return arena_printf(&bench->exchange, "%.*s", STR_ARG(text)).ptr;
}
