/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client: the straight way through an exchange, for who has the whole request in hand.
 */
#include "http/client.h"

enum { INTERIM_MAX = 8 };

result client_send_whole(struct client *client, struct arena *arena, str head, str body, deadline until)
{
	enum http_framing framing = body.len ? HTTP_LENGTH : HTTP_NO_BODY;
	struct body_sink *sink = client_request(client, arena, head, framing, body.len);
	str rest = body;

	while (!sink->is_done) {
		struct piece piece = { .bytes = rest, .is_last = true };
		size_t used;

		TRY(sink_send(sink, piece, until, &used));
		rest = str_skip(rest, used);
	}
	return OK;
}

result client_read_final(struct client *client, struct arena *arena, enum http_method method, deadline until,
			 struct http_response *ret_response)
{
	for (unsigned heads = 0; heads <= INTERIM_MAX; heads++) {
		TRY(client_read(client, arena, method, until, ret_response));
		if (ret_response->status >= 200)
			return OK;
		if (ret_response->status == 101)
			return error_make(ERROR_MALFORMED, "an unasked switch of protocols");
	}
	return error_make(ERROR_MALFORMED, "too many interim answers");
}
