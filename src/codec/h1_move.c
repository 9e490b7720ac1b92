/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of a head were copied: its slices follow. */
#include "codec/h1.h"

static void str_move(str *s, const char *from, const char *to)
{
	if (s->len)
		s->ptr = to + (s->ptr - from);
}

static void fields_move(struct http_fields *fields, const char *from, const char *to)
{
	for (size_t i = 0; i < fields->count; i++) {
		str_move(&fields->at[i].name, from, to);
		str_move(&fields->at[i].value, from, to);
	}
}

void h1_request_move(struct http_request *request, const char *from, const char *to)
{
	str_move(&request->method_text, from, to);
	str_move(&request->target, from, to);
	str_move(&request->host, from, to);
	fields_move(&request->fields, from, to);
}

void h1_response_move(struct http_response *response, const char *from, const char *to)
{
	str_move(&response->reason, from, to);
	fields_move(&response->fields, from, to);
}
