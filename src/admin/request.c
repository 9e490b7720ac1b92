/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request: answers in their few forms. None may be kept by a cache or be taken for something else by a
 * browser.
 */
#include "admin/request.h"

#include "base/assert.h"
#include "codec/http_head.h"
#include "codec/json_text.h"

enum { FIELDS_MAX = 8, PROBLEM_MAX = 4096 };

static void add(struct http_response *response, enum http_name id, str value)
{
	result_value added = http_fields_add(&response->fields, id, http_name_text(id), value);

	ASSERT(!failed(added));
}

static struct http_response response_of(struct admin_request *request, int status, str content_type)
{
	struct arena *arena = request->exchange->arena;
	struct http_response response = { .status = status };

	response.fields.at = ARENA_ARRAY(arena, struct http_field, FIELDS_MAX);
	response.fields.max = FIELDS_MAX;
	response.fields.arena = arena;
	add(&response, HTTP_CONTENT_TYPE, content_type);
	add(&response, HTTP_CACHE_CONTROL, STR("no-store"));
	add(&response, HTTP_X_CONTENT_TYPE_OPTIONS, STR("nosniff"));
	if (status == 401)
		add(&response, HTTP_WWW_AUTHENTICATE, STR("Bearer realm=\"gatehouse\""));
	if (status == 503)
		add(&response, HTTP_RETRY_AFTER, STR("1"));
	return response;
}

void admin_begin(struct admin_request *request, int status, str content_type)
{
	struct http_response response = response_of(request, status, content_type);

	response.framing = HTTP_CHUNKED;
	small_exchange_begin(request->exchange, &response);
}

static result answer(struct admin_request *request, int status, str content_type, str body)
{
	struct http_response response = response_of(request, status, content_type);

	if (status == 405)
		add(&response, HTTP_ALLOW,
		    str_eq(request->exchange->request->method_text, STR("POST")) ? STR("GET, HEAD")
										 : STR("POST"));
	return small_exchange_answer(request->exchange, &response, body);
}

result admin_answer_text(struct admin_request *request, int status, str text)
{
	return answer(request, status, STR("text/plain; charset=utf-8"), text);
}

result admin_problem(struct admin_request *request, int status, str detail)
{
	struct buf out = arena_open(request->exchange->arena, PROBLEM_MAX);

	buf_put(&out, STR("{\"type\":\"about:blank\",\"title\":"));
	json_put_string(&out, http_status_text(status));
	buf_put(&out, STR(",\"status\":"));
	buf_put_u64(&out, (uint64_t)status);
	buf_put(&out, STR(",\"detail\":"));
	json_put_string(&out, str_slice(detail, 0, PROBLEM_MAX / 8));
	buf_put(&out, STR("}\n"));
	return answer(request, status, STR("application/problem+json"),
		      arena_close(request->exchange->arena, &out));
}
