/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/uri.h"
#include "policy/policy.h"

enum verdict view_answer(struct view *view, const struct answer *answer)
{
	view->answer = *answer;
	return POLICY_ANSWERED;
}

enum verdict view_refuse(struct view *view, enum reason reason)
{
	return view_answer(view, &(struct answer) { .reason = reason });
}

bool view_encode_body(struct view *view, enum coding coding)
{
	const struct effects *effects = view->effects;
	struct body_source *encoded = NULL;

	if (view->response_body && effects->encode)
		encoded = effects->encode(effects->self, view, coding);
	if (!encoded)
		return false;
	view->response_body = encoded;
	view->response->framing = HTTP_CHUNKED; /* nobody knows its length */
	return true;
}

enum verdict view_abandon(struct view *view)
{
	return view_answer(view, &(struct answer) { .reason = REASON_NONE });
}

void view_limit_time(struct view *view, duration total)
{
	if (!view->is_report && (!view->total_timeout || total < view->total_timeout))
		view->total_timeout = total;
}

enum verdict view_limit_body(struct view *view, uint64_t max)
{
	const struct http_request *request = view->request;

	if (request->framing == HTTP_LENGTH && request->length > max)
		return view_refuse(view, REASON_BODY_TOO_LARGE);
	if (!view->is_report && max < view->body_max)
		view->body_max = max;
	return POLICY_CONTINUE;
}

bool view_is_preflight(const struct view *view)
{
	const struct http_fields *fields = &view->request->fields;

	return view->request->method == HTTP_OPTIONS && http_fields_get(fields, HTTP_ORIGIN) &&
	       http_fields_get(fields, HTTP_ACCESS_CONTROL_REQUEST_METHOD);
}

str decision_word(enum decision decision)
{
	static const str words[DECISIONS] = {
		[DECISION_CONTINUE] = STR_INIT("continue"),
		[DECISION_ANSWER] = STR_INIT("answer"),
		[DECISION_REPORT] = STR_INIT("report"),
		[DECISION_SKIP] = STR_INIT("skip"),
	};

	return words[decision];
}

result view_set_path(struct view *view, str path)
{
	struct buf room;
	struct uri_path normal;
	result_value checked;

	if (arena_left(view->arena) < path.len * 3 + 1)
		return error_make(ERROR_LIMIT, "the path is too long");
	room = arena_open(view->arena, path.len * 3 + 1);
	checked = uri_path_normalise(path, URI_KEEP_ENCODED_SLASHES, &room, &normal);
	arena_close(view->arena, &room);
	if (!failed(checked))
		view->path = normal.text;
	return checked;
}
