/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rewrite: changes the path, the host or the query that the upstream gets.
 *
 * A path is either given whole, or made of the client's: strip_prefix, then regex, then add_prefix. The
 * result is normalised and checked like a client's, and a value from outside can neither add a segment nor
 * climb out of its own: such a request is refused. Never yields.
 */
#include "codec/host.h"
#include "codec/scan.h"
#include "codec/uri.h"
#include "policy/rewrite_query.h"
#include "policy/rewrite_regex.h"
#include "policy/value.h"

struct rewrite {
	str path, strip_prefix, add_prefix, host;
	struct rewrite_regex_config regex;
	struct rewrite_query query;
	/* Compiled. */
	struct value path_value, add_value, host_value;
	struct rewrite_regex *expression; /* NULL: none */
};

const struct field policy_rewrite_fields[] = {
	FIELD_STR(struct rewrite, path, "path", NULL,
		  "The path, instead of the client's. `${...}` is filled in."),
	FIELD_STR(struct rewrite, strip_prefix, "strip_prefix", NULL,
		  "Taken from the beginning of the path, on segment boundaries."),
	FIELD_OBJECT(struct rewrite, regex, "regex", struct rewrite_regex_config, rewrite_regex_fields,
		     "What matches in the path is replaced, each time that it does."),
	FIELD_STR(struct rewrite, add_prefix, "add_prefix", NULL,
		  "Put before the path. `${...}` is filled in."),
	FIELD_STR(struct rewrite, host, "host", NULL,
		  "The Host that the upstream gets, instead of the client's. `${...}` is filled in."),
	FIELD_OBJECT(struct rewrite, query, "query", struct rewrite_query, rewrite_query_fields,
		     "Changes of single parameters; the others stay as they came."),
	FIELD_END
};

/* Normalising would resolve them, and a value from outside would have climbed out of its segment. */
static bool has_dot_segment(str path)
{
	str rest = path, segment;

	while (str_cut(rest, '/', &segment, &rest))
		if (str_eq(segment, STR(".")) || str_eq(segment, STR("..")))
			return true;
	return str_eq(rest, STR(".")) || str_eq(rest, STR(".."));
}

static bool is_path_text(str literal)
{
	for (size_t i = 0; i < literal.len; i++)
		if (!scan_is(literal.ptr[i], SCAN_PATH) && literal.ptr[i] != '%')
			return false;
	return true;
}

/* What can be told of a path before there is a request. */
static result check_path(struct policy_compile *compile, const char *key, const struct value *value)
{
	for (size_t i = 0; i < value->count; i++) {
		str literal = value->at[i].text;
		size_t at;

		if (value->at[i].what)
			continue;
		if (i == 0 && literal.len && literal.ptr[0] != '/')
			return policy_reject(compile, key, "want a path that begins with /");
		if (str_find(literal, '?', &at) || str_find(literal, '#', &at))
			return policy_reject(compile, key, "a path has no ? and no #; see `query`");
		if (!is_path_text(literal))
			return policy_reject(compile, key,
					     "a character of the path must be encoded, as a space in %20");
	}
	if (value_is_constant(value) && value->count &&
	    (has_dot_segment(value_constant(value)) || !uri_path_is_normal(value_constant(value), 0)))
		return policy_reject(
			compile, key,
			"want a path in its normal form: without //, . or .., nothing that needs no "
			"encoding encoded");
	return OK;
}

static result compile_path(struct policy_compile *compile, struct rewrite *p)
{
	const struct node *path = node_find(compile->node, STR("path"));
	const struct node *add = node_find(compile->node, STR("add_prefix"));

	if (path && (add || p->strip_prefix.len || p->regex.match.len))
		return policy_reject(compile, "path",
				     "a path given whole leaves nothing for the other keys to change");
	TRY(value_compile(compile->reader, path, VALUE_PATH, 0, &p->path_value));
	TRY(check_path(compile, "path", &p->path_value));
	TRY(value_compile(compile->reader, add, VALUE_PATH, 0, &p->add_value));
	return check_path(compile, "add_prefix", &p->add_value);
}

static result compile_strip(struct policy_compile *compile, struct rewrite *p)
{
	str prefix = p->strip_prefix;

	if (prefix.len == 0)
		return OK;
	if (prefix.ptr[0] != '/' || !uri_path_is_normal(prefix, 0))
		return policy_reject(compile, "strip_prefix",
				     "want a path in its normal form, beginning with /");
	if (str_ends(prefix, STR("/")))
		p->strip_prefix.len--;
	return OK;
}

/* A host with values in it is checked when they are filled in. */
static result compile_host(struct policy_compile *compile, struct rewrite *p)
{
	struct host host;

	TRY(value_compile(compile->reader, node_find(compile->node, STR("host")), VALUE_FIELD, 0,
			  &p->host_value));
	if (p->host_value.count && value_is_constant(&p->host_value) &&
	    !host_parse(value_constant(&p->host_value), &host))
		return policy_reject(compile, "host", "want a host, and perhaps a port");
	return OK;
}

/* Every step runs, so that all mistakes are found at once. */
static result rewrite_compile(struct policy_compile *compile, void *self)
{
	struct rewrite *p = self;
	result_value steps[] = { compile_path(compile, p), compile_strip(compile, p),
				 compile_host(compile, p), rewrite_query_compile(compile, &p->query),
				 rewrite_regex_compile(compile, &p->regex, &p->expression) };

	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
		if (failed(steps[i]))
			return steps[i];
	return OK;
}

/* "/api/v1" of "/api/v1/x", but not of "/api/v10". */
static str strip(str path, str prefix)
{
	if (!prefix.len || !str_starts(path, prefix))
		return path;
	if (path.len == prefix.len)
		return STR("/");
	return path.ptr[prefix.len] == '/' ? str_skip(path, prefix.len) : path;
}

/* ret_path may be the old one, a slice of it, or new in the exchange's arena. */
static result make_path(const struct rewrite *p, const struct view *view, str *ret_path)
{
	str path = strip(view->path, p->strip_prefix), prefix;

	if (p->path_value.count)
		return value_expand(&p->path_value, view, NULL, ret_path);
	if (p->expression)
		TRY(rewrite_regex_apply(p->expression, view, path, &path));
	TRY(value_expand(&p->add_value, view, NULL, &prefix));
	if (prefix.len && arena_left(view->arena) < prefix.len + path.len)
		return error_make(ERROR_LIMIT, "the exchange's memory is used up");
	*ret_path = prefix.len ? arena_join(view->arena, (const str[]) { prefix, path }, 2) : path;
	return OK;
}

static enum reason rewrite_path(const struct rewrite *p, struct view *view)
{
	str path;
	result_value made = make_path(p, view, &path);

	if (!failed(made) && str_eq(path, view->path))
		return REASON_NONE;
	if (!failed(made) && (!str_starts(path, STR("/")) || has_dot_segment(path)))
		return REASON_REWRITE_INVALID;
	if (!failed(made))
		made = view_set_path(view, path);
	if (failed(made))
		return made.kind == ERROR_LIMIT ? REASON_OVERLOADED : REASON_REWRITE_INVALID;
	return REASON_NONE;
}

static enum reason rewrite_host(const struct rewrite *p, struct view *view)
{
	struct host host;
	str text;
	result_value made = value_expand(&p->host_value, view, NULL, &text);

	if (failed(made))
		return made.kind == ERROR_LIMIT ? REASON_OVERLOADED : REASON_VALUE_INVALID;
	if (text.len && !host_parse(text, &host))
		return REASON_REWRITE_INVALID;
	if (text.len)
		view->upstream_host = text;
	return REASON_NONE;
}

static enum reason rewrite_query(const struct rewrite *p, struct view *view)
{
	result_value made = rewrite_query_apply(&p->query, view, &view->query);

	if (failed(made))
		return made.kind == ERROR_LIMIT ? REASON_OVERLOADED : REASON_VALUE_INVALID;
	return REASON_NONE;
}

static enum verdict rewrite_request(const void *self, struct view *view)
{
	const struct rewrite *p = self;
	enum reason reason;

	if (view->is_report)
		return POLICY_CONTINUE;
	reason = rewrite_path(p, view);
	if (reason == REASON_NONE)
		reason = rewrite_host(p, view);
	if (reason == REASON_NONE)
		reason = rewrite_query(p, view);
	return reason == REASON_NONE ? POLICY_CONTINUE : view_refuse(view, reason);
}

/* What is not set or removed any more clients may say; where a path leads is the service's own affair. */
static const struct policy_risk risks[] = { { "query.set", RISK_FEWER_NAMES },
					    { "query.remove", RISK_FEWER },
					    { 0 } };

const struct policy policy_rewrite = {
	.name = "rewrite",
	.doc = "Changes the path, the host or the query that the upstream gets.",
	.size = sizeof(struct rewrite),
	.fields = policy_rewrite_fields,
	.compile = rewrite_compile,
	.on_request = rewrite_request,
	.risks = risks,
	.is_its_options = true,
	.page = "The path is either given whole (`path`), or made of the client's: `strip_prefix`, then "
		"`regex`, then `add_prefix`. What comes out is normalised and checked like a client's. "
		"A value from outside is encoded so that it stays within its segment; one that holds a "
		"slash, or would be `.` or `..`, refuses the request with 400 (`value_invalid`, "
		"`rewrite_invalid`). Policies behind this one see the new path; the log and routing go "
		"by the one that the client asked for.\n",
	.example = "listeners: { public: { address: 127.0.0.1:8080 } }\n"
		   "upstreams: { orders: { endpoints: [127.0.0.1:9000] } }\n"
		   "apis:\n"
		   "  orders:\n"
		   "    path: /shop/orders\n"
		   "    upstream: orders\n"
		   "    policies:\n"
		   "      - rewrite: { strip_prefix: /shop, add_prefix: /v2, host: orders.internal, query: { "
		   "set: { source: shop }, remove: [debug] } }\n"
		   "---\n"
		   "cases:\n"
		   "  - name: the service has another address\n"
		   "    request: { url: \"http://gw.test/shop/orders/7?debug=1\" }\n"
		   "    expect: { status: 200, forwarded: { path: \"/v2/orders/7\", headers: { "
		   "Host: orders.internal } } }\n",
};
