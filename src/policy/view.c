/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>

#include "auth/consumer.h"
#include "codec/uri.h"
#include "policy/policy.h"
#include "policy/principal.h"

enum { TOLD_MAX = 512, REPORTED_MAX = 512 };

wall_time view_now(const struct view *view)
{
	return view->effects->wall(view->effects->self);
}

const struct http_field *view_sent(const struct view *view, enum http_name id)
{
	for (size_t i = 0; i < view->sent; i++)
		if (view->request->fields.at[i].id == id)
			return &view->request->fields.at[i];
	return NULL;
}

str view_sent_value(const struct view *view, enum http_name id)
{
	const struct http_field *field = view_sent(view, id);

	return field ? field->value : (str) { 0 };
}

result view_fetch(struct view *view, const struct fetch_request *request, struct fetch_answer *ret_answer)
{
	const struct effects *effects = view->effects;

	if (!effects->fetch)
		return error_make(ERROR_MISSING, "nobody can be asked here");
	return effects->fetch(effects->self, view, request, ret_answer);
}

enum verdict view_answer(struct view *view, const struct answer *answer)
{
	view->answer = *answer;
	return POLICY_ANSWERED;
}

/* Of what no scheme is registered for (keys, certificates, sessions): a 401 must bear a challenge. */
const str view_no_scheme = STR_INIT("Gatehouse");

enum verdict view_refuse(struct view *view, enum reason reason)
{
	if (reason_status(reason) == 401)
		return view_unauthorized(view, reason, NULL, 0);
	return view_answer(view, &(struct answer) { .reason = reason });
}

static void add_challenge(struct http_fields *fields, str challenge)
{
	if (challenge.len)
		fields->at[fields->count++] = (struct http_field) { .id = HTTP_WWW_AUTHENTICATE,
								    .name = STR("WWW-Authenticate"),
								    .value = challenge };
}

enum verdict view_unauthorized(struct view *view, enum reason reason, const str *challenges, size_t count)
{
	struct answer answer = { .reason = reason };
	size_t max = count + 1;

	answer.fields =
		(struct http_fields) { .at = ARENA_ARRAY(view->arena, struct http_field, max), .max = max };
	for (size_t i = 0; i < count; i++)
		add_challenge(&answer.fields, challenges[i]);
	if (!answer.fields.count)
		add_challenge(&answer.fields, view_no_scheme);
	return view_answer(view, &answer);
}

enum verdict view_refuse_credential(struct view *view, enum reason reason, str challenge)
{
	if (reason == REASON_CLIENT_ABORTED)
		return view_abandon(view);
	return reason_status(reason) == 401 ? view_unauthorized(view, reason, &challenge, 1)
					    : view_refuse(view, reason);
}

struct principal *view_identify(struct view *view, str method)
{
	struct principal *principal = ARENA_NEW(view->arena, struct principal);

	if (view->principal)
		*principal = *view->principal;
	principal->method = method;
	view->principal = principal;
	return principal;
}

void view_set_consumer(struct principal *principal, const struct consumer *consumer)
{
	principal->consumer = consumer->name;
	principal->groups = consumer->groups;
	principal->labels = consumer->labels;
}

bool view_is_authenticated(const struct view *view)
{
	return view->principal && view->principal->method.len;
}

void view_hold(struct view *view, void (*release)(void *self), void *self)
{
	struct view_held *held = ARENA_NEW(view->arena, struct view_held);

	*held = (struct view_held) { view->held, release, self };
	view->held = held;
}

void view_hold_on(struct view *view, struct view_lasting *lasting)
{
	lasting->next = view->lasting;
	view->lasting = lasting;
}

void view_let_go(struct view_lasting **address)
{
	struct view_lasting *lasting = *address, *next;

	*address = NULL;
	for (; lasting; lasting = next) {
		next = lasting->next;
		lasting->release(lasting);
	}
}

void view_release(struct view *view)
{
	struct view_held *held = view->held;

	view_let_go(&view->lasting);
	view->held = NULL;
	for (; held; held = held->next)
		held->release(held->self);
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

void view_tell(const struct view *view, enum telling what, const char *format, ...)
{
	const struct effects *effects = view->effects;
	char text[TOLD_MAX];
	va_list arguments;

	if (!effects->tell || (what == TELL_DETAIL && !effects->hears_details))
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	effects->tell(effects->self, view, what, text);
}

void view_report(struct view *view, str name, enum reason reason)
{
	str parts[] = { view->reported, STR(", "), name, STR("="), reason_word(reason) };
	size_t skip = view->reported.len ? 0 : 2, len = 0;

	for (size_t i = 0; i < 5; i++)
		len += parts[i].len;
	if (len <= REPORTED_MAX && len <= arena_left(view->arena))
		view->reported = arena_join(view->arena, parts + skip, 5 - skip);
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
