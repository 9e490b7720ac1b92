/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables, and what they cannot check by themselves: names of the configuration, words of the log,
 * regular expressions, and text that could not stand on the wire.
 *
 * A name that is misspelt in `expect` would make a case that can never pass, or one that passes for the
 * wrong reason, so it is an error of the file.
 */
#include "main/cases_config.h"

#include "auth/key_set.h"
#include "policy/value.h"
#include "proxy/question.h"
#include "proxy/secure.h"

enum {
	ITEMS_MAX = QUESTION_HEADERS_MAX,
	KEYS_MAX = 1000,
	KEY_FILE_MAX = 1024 * 1024,
	CERTIFICATE_FILE_MAX = 64 * 1024
};

#define REGEX_TOO ", or `~REGEX`."

static void read_expected(struct reader *reader, const struct node *node, void *ret_member)
{
	struct expected *expected = ret_member;

	if (field_read_str(reader, node, &expected->text))
		expected->node = node;
}

static const struct field_form expected_form = {
	.manual = "text or `~REGEX`",
	.schema = "{\"type\": [\"string\", \"number\", \"boolean\"]}",
	.read = read_expected,
};

static void read_token(struct reader *reader, const struct node *node, void *ret_member)
{
	if (node->kind == NODE_MAP)
		field_keep_node(reader, node, ret_member);
	else
		diagnostic_error(reader->diagnostics, node,
				 "want the claims of a token, such as { sub: alice }");
}

static const struct field_form token_form = {
	.manual = "a map of claims",
	.schema = "{\"type\": \"object\"}",
	.read = read_token,
};

#define EXPECTED(S, m, key, text) FIELD_CUSTOM(S, m, key, struct expected, &expected_form, text)

static const struct field forwarded_fields[] = {
	EXPECTED(struct expected_forwarded, method, "method", "The method" REGEX_TOO),
	EXPECTED(struct expected_forwarded, path, "path", "The path, without query" REGEX_TOO),
	EXPECTED(struct expected_forwarded, query, "query", "The query, without `?`" REGEX_TOO),
	FIELD_PAIRS(struct expected_forwarded, headers, "headers", ITEMS_MAX,
		    "Fields that must be there, each with a value or `~REGEX`; one of several instances is "
		    "enough."),
	FIELD_STRS(struct expected_forwarded, absent, "absent", 0, ITEMS_MAX,
		   "Fields that must not be there."),
	EXPECTED(struct expected_forwarded, body, "body", "All of the body" REGEX_TOO),
	FIELD_END,
};

static const struct field expectation_fields[] = {
	EXPECTED(struct expectation, status, "status", "The status, such as 200 or `~^2`."),
	EXPECTED(struct expectation, reason, "reason",
		 "The gateway's word for an answer of its own, as in the access log; empty where it has "
		 "none."),
	EXPECTED(struct expectation, api, "api", "The API's name, empty for none" REGEX_TOO),
	EXPECTED(struct expectation, route, "route",
		 "The route's name, empty for the API's own rule" REGEX_TOO),
	EXPECTED(struct expectation, consumer, "consumer",
		 "Which consumer it is known as, empty for none" REGEX_TOO),
	EXPECTED(struct expectation, upstream, "upstream",
		 "The upstream that was asked, empty for none" REGEX_TOO),
	FIELD_PAIRS(
		struct expectation, headers, "headers", ITEMS_MAX,
		"Fields of the answer, each with a value or `~REGEX`; one of several instances is enough."),
	FIELD_STRS(struct expectation, absent, "absent", 0, ITEMS_MAX,
		   "Fields that the answer must not have."),
	EXPECTED(struct expectation, body, "body", "All of the answer's body" REGEX_TOO),
	FIELD_OBJECT(struct expectation, forwarded, "forwarded", struct expected_forwarded, forwarded_fields,
		     "What the upstream must have got; its last request, where it was tried again."),
	FIELD_END,
};

static const struct field request_fields[] = {
	FIELD_STR(struct case_request, method, "method", "GET", "The method."),
	FIELD_STR_REQUIRED(
		struct case_request, url, "url",
		"`https://host/path?query` or `http://`, which says the scheme that policies see; or a "
		"path alone, on the host `localhost`."),
	FIELD_PAIRS(struct case_request, headers, "headers", ITEMS_MAX - 2, "Header fields."),
	FIELD_STR(struct case_request, client_ip, "client_ip", "127.0.0.1",
		  "The address at the other end of the connection."),
	FIELD_STR(struct case_request, body, "body", "", "The body; none where it is empty."),
	FIELD_STR(struct case_request, certificate, "certificate", NULL,
		  "A file with the certificate (PEM) that the client shows. It is taken for good: whether "
		  "`client_ca` vouches for it is not looked at."),
	FIELD_CUSTOM(
		struct case_request, token, "token", const struct node *, &token_form,
		"Claims of a token that the route's `jwt` takes: `iss`, `aud`, `iat` and `exp` are added "
		"where they are not named (`null` leaves one out), and it is signed by a stand-in for the "
		"issuer's key; for `bound: certificate` also `cnf`, of the `certificate` that the case "
		"shows. "
		"With `introspection` they are what the issuer answers, `active: true` with them; with "
		"`oidc` "
		"they are those of a session."),
	FIELD_END,
};

static const struct field case_fields[] = {
	FIELD_STR_REQUIRED(struct test_case, name, "name", "What it shows, in words."),
	FIELD_OBJECT(struct test_case, request, "request", struct case_request, request_fields,
		     "What the client sends, on the first listener."),
	FIELD_INT(struct test_case, repeat, "repeat", "1", 1, 100000,
		  "How many times it is sent; the last must be answered as `expect` says."),
	FIELD_DURATION(struct test_case, advance, "advance", "0s", 0, 3650 * DAY,
		       "How far the clock goes on before each request."),
	FIELD_OBJECT(struct test_case, expect, "expect", struct expectation, expectation_fields,
		     "How it must be answered; what is not named may be anything."),
	FIELD_OBJECT(struct test_case, meanwhile, "meanwhile", struct expectation, expectation_fields,
		     "How each but the last must be answered."),
	FIELD_END,
};

static const struct field stand_in_fields[] = {
	FIELD_INT(struct stand_in_config, status, "status", "200", 200, 599, "The status."),
	FIELD_PAIRS(struct stand_in_config, headers, "headers", ITEMS_MAX, "Header fields."),
	FIELD_STR(struct stand_in_config, body, "body", "", "The body."),
	FIELD_END,
};

const struct field cases_fields[] = {
	FIELD_STR(struct cases_config, clock, "clock", "2026-01-01T00:00:00Z",
		  "The time at which every case begins (RFC 3339); it stands still but for `advance`."),
	FIELD_MAP(struct cases_config, upstreams, "upstreams", struct stand_in_config, stand_in_fields, 10000,
		  "What the stand-ins for upstreams answer, by the upstream's name, or by `http://host:port` "
		  "or `https://host:port` "
		  "for what "
		  "policies fetch; those that are not named answer 200 with nothing."),
	FIELD_PAIRS(
		struct cases_config, keys, "keys", KEYS_MAX,
		"Stand-ins for key sets that are fetched: the URL of one, or its issuer's, and a file with a "
		"JWK Set."),
	FIELD_LIST(struct cases_config, cases, "cases", struct test_case, case_fields, NULL, 1, 100000,
		   "The cases; each begins anew, with nothing counted or kept."),
	FIELD_END,
};

/* ---- checks ---- */

struct checking {
	struct cases *cases;
	const struct snapshot *snapshot;
	struct reader *reader;
};

static void compile_expected(struct checking *c, struct expected *expected)
{
	struct regex *regex;
	str why;

	if (!expected->node || !str_starts(expected->text, STR("~")))
		return;
	if (regex_compile(&c->cases->regexes, str_skip(expected->text, 1), &regex, &why))
		expected->regex = regex;
	else
		diagnostic_error(c->reader->diagnostics, expected->node, "%.*s", STR_ARG(why));
}

static struct expected_fields compile_fields(struct checking *c, const struct pair_list *pairs)
{
	struct expected_field *fields = ARENA_ARRAY(c->reader->arena, struct expected_field, pairs->len);

	for (size_t i = 0; i < pairs->len; i++) {
		fields[i] = (struct expected_field) { pairs->at[i].name,
						      { pairs->at[i].value, pairs->at[i].node, NULL } };
		compile_expected(c, &fields[i].value);
	}
	return (struct expected_fields) { fields, pairs->len };
}

/* what: "API". An expression may find any name, or none. */
static void check_name(struct checking *c, const struct expected *expected, const char *what,
		       const str *known, size_t count)
{
	str suggestion;

	if (!expected->node || expected->regex || !expected->text.len)
		return;
	for (size_t i = 0; i < count; i++)
		if (str_eq(known[i], expected->text))
			return;
	suggestion = diagnostic_suggest(c->reader->arena, expected->text, known, count);
	diagnostic_error(c->reader->diagnostics, expected->node, "no %s is named \"%.*s\"%.*s", what,
			 STR_ARG(expected->text), STR_ARG(suggestion));
}

/* Whether rules stand for it: an API, or a route, of that API where one is named. */
static bool has_rule(const struct snapshot *snapshot, str api, str route)
{
	for (size_t i = 0; i < snapshot->rule_count; i++)
		if ((!api.len || str_eq(snapshot->rules[i].api, api)) &&
		    (!route.len || str_eq(snapshot->rules[i].route, route)))
			return true;
	return false;
}

static void check_api(struct checking *c, const struct expected *api)
{
	const struct gateway_config *config = &c->snapshot->config;
	str *known;

	if (!api->node || api->regex || has_rule(c->snapshot, api->text, (str) { 0 }))
		return;
	known = ARENA_ARRAY(c->reader->arena, str, config->apis.len);
	for (size_t i = 0; i < config->apis.len; i++)
		known[i] = config->apis.at[i].entry.name;
	check_name(c, api, "API", known, config->apis.len);
}

static void check_route(struct checking *c, const struct expectation *e)
{
	const struct snapshot *snapshot = c->snapshot;
	str api = e->api.regex ? STR("") : e->api.text, *known;
	size_t count = 0;

	if (!e->route.node || e->route.regex || has_rule(snapshot, api, e->route.text))
		return;
	known = ARENA_ARRAY(c->reader->arena, str, snapshot->rule_count);
	for (size_t i = 0; i < snapshot->rule_count; i++)
		if (snapshot->rules[i].route.len && (!api.len || str_eq(snapshot->rules[i].api, api)))
			known[count++] = snapshot->rules[i].route;
	check_name(c, &e->route, api.len ? "route of that API" : "route", known, count);
}

/* Also what policies fetch from, which is called by its URL. */
static void check_upstream(struct checking *c, const struct expected *expected)
{
	const struct snapshot *snapshot = c->snapshot;
	str *known = ARENA_ARRAY(c->reader->arena, str, snapshot->upstream_count);

	for (size_t i = 0; i < snapshot->upstream_count; i++)
		known[i] = snapshot->upstreams[i]->name;
	check_name(c, expected, "upstream", known, snapshot->upstream_count);
}

static void check_reason(struct checking *c, const struct expected *expected)
{
	str known[REASONS];

	for (int i = 0; i < REASONS; i++)
		known[i] = reason_word((enum reason)i);
	check_name(c, expected, "reason", known, REASONS);
}

static void check_status(struct checking *c, const struct expected *expected)
{
	uint64_t status;

	if (!expected->node || expected->regex)
		return;
	if (!str_to_u64(expected->text, 599, &status) || status < 200)
		diagnostic_error(c->reader->diagnostics, expected->node,
				 "want a status from 200 to 599, or ~REGEX");
}

static void compile_expectation(struct checking *c, struct expectation *e, const struct node *node)
{
	struct expected *values[] = { &e->status,   &e->reason,   &e->api, &e->route,
				      &e->consumer, &e->upstream, &e->body };
	struct expected *forwarded[] = { &e->forwarded.method, &e->forwarded.path, &e->forwarded.query,
					 &e->forwarded.body };

	for (size_t i = 0; i < sizeof values / sizeof *values; i++)
		compile_expected(c, values[i]);
	for (size_t i = 0; i < sizeof forwarded / sizeof *forwarded; i++)
		compile_expected(c, forwarded[i]);
	e->fields = compile_fields(c, &e->headers);
	e->forwarded.fields = compile_fields(c, &e->forwarded.headers);
	e->has_forwarded = node_find(node, STR("forwarded"));
	check_status(c, &e->status);
	check_reason(c, &e->reason);
	check_api(c, &e->api);
	check_route(c, e);
	check_upstream(c, &e->upstream);
}

/* It would make two lines of one, or more, and the case would show something else than it says. */
static bool has_line_end(str text)
{
	return text.len && (memchr(text.ptr, '\n', text.len) || memchr(text.ptr, '\r', text.len) ||
			    memchr(text.ptr, 0, text.len));
}

static void check_pairs(struct checking *c, const struct pair_list *pairs)
{
	for (size_t i = 0; i < pairs->len; i++)
		if (has_line_end(pairs->at[i].name) || has_line_end(pairs->at[i].value))
			diagnostic_error(c->reader->diagnostics, pairs->at[i].node,
					 "a header cannot hold a line end");
}

static bool is_one_word(str text)
{
	return text.len && !has_line_end(text) && !memchr(text.ptr, ' ', text.len);
}

static void check_request_texts(struct checking *c, const struct case_request *request,
				const struct node *node)
{
	struct diagnostics *diagnostics = c->reader->diagnostics;
	struct address ignored;

	if (!is_one_word(request->method))
		diagnostic_error(diagnostics, node_find(node, STR("method")), "want a method, such as GET");
	if (!address_of_ip(request->client_ip, 0, &ignored))
		diagnostic_error(diagnostics, node_find(node, STR("client_ip")),
				 "want an IP address, such as 203.0.113.9");
	check_pairs(c, &request->headers);
}

static bool is_null(const struct node *node)
{
	return node->kind == NODE_NULL ||
	       (node->kind == NODE_SCALAR && !node->is_quoted && str_eq(node->text, STR("null")));
}

/* `exp: null`: neither this one nor what would be added. */
static struct node *without_nulls(struct arena *arena, const struct node *map)
{
	struct node *copy = ARENA_NEW(arena, struct node), **end = &copy->first;

	*copy = *map;
	copy->first = NULL;
	copy->index = NULL;
	copy->count = 0;
	for (const struct node *child = map->first; child; child = child->next) {
		if (is_null(child))
			continue;
		*end = ARENA_NEW(arena, struct node);
		**end = *child;
		(*end)->next = NULL;
		end = &(*end)->next;
		copy->count++;
	}
	return copy;
}

static str print_claims(struct checking *c, const struct node *claims)
{
	struct value value;
	result_value compiled =
		value_compile_json(c->reader, without_nulls(c->reader->arena, claims), 0, &value);

	if (failed(compiled))
		return (str) { 0 }; /* reported */
	if (value_is_constant(&value))
		return value_constant(&value);
	diagnostic_error(c->reader->diagnostics, claims, "a case's claims are text: there is no request yet");
	return (str) { 0 };
}

/* Somebody must ask for it, or no client could show it. */
static void check_certificate_is_asked_for(struct checking *c, const struct node *node)
{
	const struct gateway_config *config = &c->snapshot->config;

	for (size_t i = 0; i < config->listeners.len; i++)
		if (listener_asks_for_certificates(&config->listeners.at[i]))
			return;
	diagnostic_error(
		c->reader->diagnostics, node,
		"no listener asks for certificates: want client_ca and client_certificate in its `tls`");
}

static void compile_certificate(struct checking *c, struct test_case *of, const struct node *node)
{
	bool is_damaged;
	STACK_OF(X509) * all;
	str pem;

	if (!of->is_secure)
		diagnostic_error(c->reader->diagnostics, node,
				 "needs a url with https: nobody shows one without");
	check_certificate_is_asked_for(c, node);
	if (!reader_read_file(c->reader, node, of->request.certificate, CERTIFICATE_FILE_MAX, &pem))
		return;
	all = certificates_read(pem, NULL, &is_damaged);
	of->client = secure_client(all ? sk_X509_value(all, 0) : NULL, c->reader->arena);
	sk_X509_pop_free(all, X509_free);
	if (!of->client)
		diagnostic_error(c->reader->diagnostics, node,
				 is_damaged ? "the certificate in this file is damaged"
					    : "no certificate in this file");
}

static void compile_request(struct checking *c, struct test_case *of)
{
	struct case_request *request = &of->request;
	const struct node *node = node_find(of->entry.node, STR("request"));
	struct arena *arena = c->reader->arena;
	struct question question = { .method = request->method };

	if (!node) {
		diagnostic_error(c->reader->diagnostics, of->entry.node,
				 "needs a request: { url: \"http://host/path\" }");
		return;
	}
	check_request_texts(c, request, node);
	if (!request->url.len)
		return; /* reported */
	if (!is_one_word(request->url) || !question_set_url(&question, request->url))
		diagnostic_error(c->reader->diagnostics, node_find(node, STR("url")),
				 "want a URL such as https://host/path, or a path alone");
	for (size_t i = 0; i < request->headers.len; i++) {
		str parts[] = { request->headers.at[i].name, STR(": "), request->headers.at[i].value };

		question.headers[question.header_count++] = arena_join(arena, parts, 3);
	}
	if (request->token)
		of->token = print_claims(c, request->token);
	of->is_secure = question.is_secure;
	if (request->certificate.len)
		compile_certificate(c, of, node_find(node, STR("certificate")));
	of->head = question_print(&question, request->body.len > 0, request->body.len, arena);
}

static void compile_case(struct checking *c, struct test_case *of)
{
	const struct node *meanwhile = node_find(of->entry.node, STR("meanwhile"));
	const struct node *expect = node_find(of->entry.node, STR("expect"));

	compile_request(c, of);
	compile_expectation(c, &of->meanwhile, meanwhile);
	compile_expectation(c, &of->expect, expect);
	if (!expect)
		diagnostic_error(c->reader->diagnostics, of->entry.node,
				 "expects nothing: expect: { status: 200 }");
	if (meanwhile && of->repeat < 2)
		diagnostic_error_key(c->reader->diagnostics, meanwhile,
				     "needs a `repeat` of at least 2: the last request is what `expect` is "
				     "about");
}

static void compile_stand_in(struct checking *c, struct stand_in_config *config)
{
	struct http_field *fields = ARENA_ARRAY(c->reader->arena, struct http_field, config->headers.len);
	struct expected name = { config->entry.name, config->entry.node, NULL };

	check_pairs(c, &config->headers);
	for (size_t i = 0; i < config->headers.len; i++)
		fields[i] = (struct http_field) { .name = config->headers.at[i].name,
						  .value = config->headers.at[i].value,
						  .id = http_name_find(config->headers.at[i].name) };
	config->stand_in = (struct stand_in) {
		.status = (int)config->status,
		.fields = { .at = fields, .count = config->headers.len, .max = config->headers.len },
		.body = config->body,
	};
	check_upstream(c, &name);
}

static struct key_set *find_key_set(const struct snapshot *snapshot, str url)
{
	for (size_t i = 0; i < snapshot->key_set_count; i++)
		if (key_set_origin(snapshot->key_sets[i]) != KEYS_GIVEN &&
		    str_eq(key_set_url(snapshot->key_sets[i]), url))
			return snapshot->key_sets[i];
	return NULL;
}

static void compile_keys(struct checking *c, const struct pair *pair)
{
	struct diagnostics *diagnostics = c->reader->diagnostics;
	struct stand_in_keys *at = &c->cases->keys[c->cases->key_count];
	result_value parsed;
	str text;

	at->of = find_key_set(c->snapshot, pair->name);
	if (!at->of) {
		diagnostic_error_key(
			diagnostics, pair->node,
			"no keys are fetched from there: those of a file or a secret are read with "
			"the configuration, and need no stand-in");
		return;
	}
	if (!reader_read_file(c->reader, pair->node, pair->value, KEY_FILE_MAX, &text))
		return;
	parsed = jwk_set_parse(text, &at->keys);
	if (failed(parsed))
		diagnostic_error(diagnostics, pair->node, "%s", parsed.why);
	else
		c->cases->key_count++;
}

static void compile_cases(struct checking *c)
{
	struct cases *cases = c->cases;
	struct cases_config *config = &cases->config;
	const struct node *root = document_root(c->reader->document);

	if (!time_parse_rfc3339(config->clock, &cases->clock))
		diagnostic_error(c->reader->diagnostics, node_find(root, STR("clock")),
				 "want a time such as 2026-01-01T00:00:00Z");
	for (size_t i = 0; i < config->upstreams.len; i++)
		compile_stand_in(c, &config->upstreams.at[i]);
	cases->keys = ARENA_ARRAY(c->reader->arena, struct stand_in_keys, config->keys.len);
	for (size_t i = 0; i < config->keys.len; i++)
		compile_keys(c, &config->keys.at[i]);
	for (size_t i = 0; i < config->cases.len; i++)
		compile_case(c, &config->cases.at[i]);
	if (!node_find(root, STR("cases")))
		diagnostic_error(c->reader->diagnostics, root, "no cases: nothing would be tested");
}

result cases_load(str path, const struct snapshot *snapshot, struct cases *cases)
{
	struct document *document;
	struct reader reader;
	struct checking c = { cases, snapshot, &reader };
	result_value loaded;

	*cases = (struct cases) { 0 };
	arena_init(&cases->arena, NULL, SIZE_MAX / 2);
	cases->diagnostics = diagnostics_new(&cases->arena);
	regex_table_init(&cases->regexes, &cases->arena);
	loaded = document_load(&cases->arena, path, NULL, cases->diagnostics, &document);
	if (!document)
		return loaded;
	reader = (struct reader) { .arena = &cases->arena,
				   .diagnostics = cases->diagnostics,
				   .document = document };
	fields_read(&reader, document_root(document), cases_fields, &cases->config);
	compile_cases(&c);
	return diagnostics_errors(cases->diagnostics) ? error_make(ERROR_INVALID, "the cases have errors")
						      : OK;
}

void cases_unload(struct cases *cases)
{
	for (size_t i = 0; i < cases->key_count; i++)
		jwk_set_unref(&cases->keys[i].keys);
	regex_table_fini(&cases->regexes);
	arena_fini(&cases->arena);
}
