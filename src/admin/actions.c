/* SPDX-License-Identifier: Apache-2.0 */
/*
 * actions: what POST does: reload, check a candidate, take an endpoint out and put it back.
 *
 * Each is told in the journal. A candidate may name any file that the gateway can read, and what is said of a
 * file quotes it: so of other files than the candidate only the place of a mistake is told here.
 */
#include <stdlib.h>

#include "admin/request.h"
#include "base/assert.h"
#include "codec/uri.h"

enum { LINES_MAX = 100, LINE_MAX = 4096, CHECKS_MAX = 2, NAME_MAX_DECODED = 1024 };

/* What was said of a configuration, kept until it is known how it ended. */
struct audience {
	struct arena *arena;
	bool is_candidate;
	struct {
		str text;
		bool is_warning;
	} lines[LINES_MAX];
	size_t count, errors, warnings;
};

/* "other.yaml:3:5: ..." becomes "other.yaml:3:5". */
static str place_of(str line)
{
	size_t at = 0, colon;

	for (unsigned i = 0; i < 3 && str_find(str_skip(line, at), ':', &colon); i++)
		at += colon + 1;
	return str_slice(line, 0, at ? at - 1 : 0);
}

static void hear(void *owner, bool is_warning, str line)
{
	struct audience *audience = owner;

	*(is_warning ? &audience->warnings : &audience->errors) += 1;
	if (audience->count == LINES_MAX)
		return;
	line = str_slice(line, 0, LINE_MAX);
	if (audience->is_candidate && !str_starts(line, STR(ADMIN_CANDIDATE ":")))
		line = arena_join(audience->arena,
				  (str[]) { place_of(line), STR(": is not part of the candidate: see "
								"`gatehouse check`") },
				  2);
	else
		line = arena_str(audience->arena, line);
	audience->lines[audience->count].text = line;
	audience->lines[audience->count++].is_warning = is_warning;
}

static struct audience *audience_new(struct admin_request *request, bool is_candidate)
{
	struct audience *audience = ARENA_NEW(request->exchange->arena, struct audience);

	audience->arena = request->exchange->arena;
	audience->is_candidate = is_candidate;
	return audience;
}

static void put_lines(struct json_stream *json, const struct audience *audience, const char *key,
		      bool warnings)
{
	json_open_at(json, key, '[');
	for (size_t i = 0; i < audience->count; i++)
		if (audience->lines[i].is_warning == warnings)
			json_text(json, audience->lines[i].text);
	json_close(json, ']');
}

static result put_outcome(struct admin_request *request, int status, const char *outcome,
			  const struct audience *audience)
{
	struct json_stream json;
	struct edition *edition = request->options->hooks.edition(request->options->owner);

	admin_begin(request, status, STR("application/json"));
	json_begin(&json, request->exchange);
	json_open(&json, '{');
	json_pair(&json, "outcome", str_of(outcome));
	json_pair_number(&json, "generation", edition->snapshot->generation);
	put_lines(&json, audience, "errors", false);
	put_lines(&json, audience, "warnings", true);
	json_close(&json, '}');
	return json_end(&json);
}

result reload_resource(struct admin_request *request)
{
	const struct admin_options *options = request->options;
	struct audience *audience = audience_new(request, false);

	switch (options->hooks.reload(options->owner, request->exchange->fiber, hear, audience)) {
	case ADMIN_RELOAD_APPLIED:
		return put_outcome(request, 200, "applied", audience);
	case ADMIN_RELOAD_UNCHANGED:
		return put_outcome(request, 200, "unchanged", audience);
	case ADMIN_RELOAD_REFUSED:
		return put_outcome(request, 422, "refused", audience);
	case ADMIN_RELOAD_FAILED:
	default:
		return put_outcome(request, 503, "failed", audience);
	}
}

/* Grows as it comes: a length that was only announced takes no memory. */
static result read_body(struct admin_request *request, char **text, size_t *ret_len)
{
	struct piece piece = { 0 };
	size_t max = 0;

	*ret_len = 0;
	while (!piece.is_last) {
		TRY(small_exchange_read(request->exchange, &piece));
		if (*ret_len + piece.bytes.len > max) {
			max = 2 * (*ret_len + piece.bytes.len);
			*text = realloc(*text, max);
			ASSERT(*text);
		}
		if (piece.bytes.len)
			memcpy(*text + *ret_len, piece.bytes.ptr, piece.bytes.len);
		*ret_len += piece.bytes.len;
	}
	return OK;
}

static result check_text(struct admin_request *request, str text)
{
	const struct admin_options *options = request->options;
	struct audience *audience = audience_new(request, true);
	result_value checked =
		options->hooks.check(options->owner, request->exchange->fiber, text, hear, audience);

	if (checked.kind == ERROR_CANCELLED)
		return checked;
	if (failed(checked) && checked.kind != ERROR_INVALID)
		return admin_problem(request, 503, str_of(checked.why));
	return put_outcome(request, failed(checked) ? 422 : 200, failed(checked) ? "refused" : "good",
			   audience);
}

static result read_and_check(struct admin_request *request, char **text)
{
	size_t len;
	result_value read = read_body(request, text, &len);

	if (read.kind == ERROR_LIMIT)
		return admin_problem(request, 413, STR("A configuration may have 16 MiB here."));
	if (read.kind == ERROR_MALFORMED)
		return admin_problem(request, 400, STR("The body cannot be read."));
	TRY(read);
	if (!len)
		return admin_problem(request, 400, STR("The body is empty: it should be a configuration."));
	return check_text(request, (str) { *text, len });
}

result check_resource(struct admin_request *request)
{
	char *text = NULL;
	result_value checked;

	if (*request->checks >= CHECKS_MAX)
		return admin_problem(request, 503, STR("Other configurations are being checked."));
	++*request->checks;
	checked = read_and_check(request, &text);
	--*request->checks;
	free(text);
	return checked;
}

/* NAME/endpoints/ADDRESS/VERB, where a name may hold slashes and an address too. */
static bool split_path(str path, str *ret_name, str *ret_address, str *ret_verb)
{
	static const str middle = STR_INIT("/endpoints/");
	size_t slash = path.len;

	while (slash && path.ptr[slash - 1] != '/')
		slash--;
	if (!slash)
		return false;
	*ret_verb = str_skip(path, slash);
	path = str_slice(path, 0, slash - 1);
	for (size_t i = 0; i + middle.len < path.len; i++) {
		if (!str_starts(str_skip(path, i), middle))
			continue;
		*ret_name = str_slice(path, 0, i);
		*ret_address = str_skip(path, i + middle.len);
		return true;
	}
	return false;
}

static struct endpoint *find_endpoint(const struct edition *edition, str name, str address)
{
	const struct snapshot *snapshot = edition->snapshot;

	for (size_t i = 0; i < snapshot->upstream_count; i++) {
		const struct roster *roster = edition_roster(edition, snapshot->upstreams[i]);

		if (!str_eq(snapshot->upstreams[i]->name, name))
			continue;
		for (size_t j = 0; j < roster->count; j++)
			if (str_eq(roster->members[j].endpoint->text, address))
				return roster->members[j].endpoint;
	}
	return NULL;
}

/* Who else must serve now: its upstreams may have nobody left who is well. */
static void settle_rosters(const struct edition *edition)
{
	for (size_t i = 0; i < edition->snapshot->upstream_count; i++)
		if (edition->snapshot->upstreams[i]->standings)
			serving_settle(edition->rosters[i]);
}

static result set_drained(struct admin_request *request, struct endpoint *endpoint, str upstream,
			  bool is_drained)
{
	struct json_stream json;

	if (atomic_exchange(&endpoint->is_drained, is_drained) != is_drained)
		journal_info(request->options->journal, "admin: endpoint %.*s of upstream %.*s is %s",
			     STR_ARG(endpoint->text), STR_ARG(upstream), is_drained ? "drained" : "enabled");
	settle_rosters(request->edition);
	admin_begin(request, 200, STR("application/json"));
	json_begin(&json, request->exchange);
	json_open(&json, '{');
	json_pair(&json, "upstream", upstream);
	json_pair(&json, "endpoint", endpoint->text);
	json_pair_bool(&json, "drained", is_drained);
	json_pair_number(&json, "active", atomic_load_explicit(&endpoint->active, memory_order_relaxed));
	json_close(&json, '}');
	return json_end(&json);
}

/* The endpoint is its address: it is drained in every upstream that has it, until it is enabled again or no
 * configuration names it. */
result endpoint_resource(struct admin_request *request)
{
	char bytes[2 * NAME_MAX_DECODED];
	struct buf room = buf_over(bytes, sizeof bytes);
	str name, address, verb;
	struct endpoint *endpoint;
	bool drains;

	if (!split_path(str_skip(request->path, sizeof "/v1/upstreams/" - 1), &name, &address, &verb))
		return admin_problem(request, 404, STR("There is nothing under this path."));
	drains = str_eq(verb, STR("drain"));
	if (!drains && !str_eq(verb, STR("enable")))
		return admin_problem(request, 404, STR("There is nothing under this path."));
	name = uri_decode(name, false, &room);
	address = uri_decode(address, false, &room);
	endpoint = find_endpoint(request->edition, name, address);
	if (!endpoint)
		return admin_problem(request, 404, STR("No upstream of this name has such an endpoint."));
	return set_drained(request, endpoint, name, drains);
}
