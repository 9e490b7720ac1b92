/* SPDX-License-Identifier: Apache-2.0 */
/*
 * courier: one question, one connection, one answer.
 *
 * The connection comes from the pool for its TLS and its deadlines, and is dropped after the answer: who is
 * asked here is asked every few minutes at most. Head and body are bounded before anything is read, because
 * they come from somebody whom nobody has looked at yet.
 */
#include "upstream/courier.h"

#include "codec/h1_print.h"
#include "codec/url.h"
#include "http/h1_head.h"

enum {
	FIELDS_MAX = 128,
	HEAD_MAX = 64 * 1024,
	TRAILERS_NEED = 64 * 1024, /* of the arena, beside the body */
};

static const struct h1_limits answer_limits = {
	.request_line = 8 * 1024,
	.field = 16 * 1024,
	.name = 256,
	.head = HEAD_MAX,
	.fields = FIELDS_MAX,
};

/* ---- asking ---- */

/* As HTTP/1.1, with whatever fields the question has. Empty: it is larger than HEAD_MAX. */
static str print_head(struct arena *arena, const struct courier_request *request, const struct url *url)
{
	struct http_request head = { .method = request->method,
				     .method_text = http_method_text(request->method),
				     .version = HTTP_1_1 };
	/* A URL without a path asks for "/" (RFC 9110 section 4.2.3). */
	str target[] = { str_starts(url->target, STR("/")) ? STR("") : STR("/"), url->target };
	str path = arena_join(arena, target, 2);
	struct buf out = arena_open(arena, HEAD_MAX);

	if (request->fields)
		head.fields = *request->fields;
	h1_begin_request(&out, &head, path);
	h1_line_print(&out, STR("Host"), url->authority);
	h1_line_print(&out, STR("Via"), STR("1.1 gatehouse"));
	if (request->body.len) {
		buf_put(&out, STR("Content-Length: "));
		buf_put_u64(&out, request->body.len);
		buf_put(&out, STR("\r\n"));
	}
	buf_put(&out, STR("Connection: close\r\n\r\n"));
	return buf_overflowed(&out) ? STR("") : arena_close(arena, &out);
}

/* ---- the answer ---- */

/* False: it is larger than it may be, or than there is room for, or breaks off. That is no error of the
 * exchange: the status may be all that is asked for. */
static bool read_body(struct client *client, struct arena *arena, const struct courier_request *request,
		      str *ret_body)
{
	struct piece piece = { 0 };
	size_t len = 0;
	char *bytes;

	if (arena_left(arena) < request->body_max + TRAILERS_NEED)
		return false;
	bytes = arena_bytes(arena, request->body_max);
	while (!piece.is_last) {
		if (failed(body_peek(client->body, request->until, &piece)) ||
		    piece.bytes.len > request->body_max - len)
			return false;
		if (piece.bytes.len)
			memcpy(bytes + len, piece.bytes.ptr, piece.bytes.len);
		len += piece.bytes.len;
		body_consume(client->body, piece.bytes.len);
	}
	*ret_body = (str) { bytes, len };
	return client_answer_is_whole(client);
}

static result exchange(struct client *client, struct arena *arena, const struct courier_request *request,
		       str head, struct courier_answer *ret_answer)
{
	struct http_response response;

	client->limits = &answer_limits;
	client->shared_fields = ARENA_ARRAY(arena, struct http_field, FIELDS_MAX);
	TRY(client_send_whole(client, arena, head, request->body, request->until));
	TRY(client_read_final(client, arena, request->method, request->until, &response));
	*ret_answer = (struct courier_answer) { .status = response.status, .fields = response.fields };
	ret_answer->is_body_whole = read_body(client, arena, request, &ret_answer->body);
	if (!ret_answer->is_body_whole)
		ret_answer->body = (str) { 0 };
	return OK;
}

/* The upstream is a stand-in, of which the pool only looks at whom TLS must believe. */
static result ask_endpoint(struct courier *courier, struct arena *arena,
			   const struct courier_request *request, const struct url *url,
			   struct endpoint *endpoint, struct courier_answer *ret_answer)
{
	static const struct upstream_config plain = { 0 }; /* HTTP/1.1, and no bounds */
	const struct upstream anybody = { .config = &plain, .tls = url->is_secure ? request->web : NULL };
	struct pool_connection *connection;
	result_value asked;
	str head = print_head(arena, request, url);

	if (!head.len)
		return error_make(ERROR_LIMIT, "the request's head is too large");
	TRY(pool_connect_h1(courier->pool, &anybody, endpoint, request->until, &connection));
	asked = exchange(connection->client, arena, request, head, ret_answer);
	pool_drop(&connection);
	return asked;
}

/* As an endpoint of the configuration is written, so that the same place is asked under one name. */
static str address_of(struct arena *arena, const struct url *url)
{
	struct buf out = arena_open(arena, url->host.name.len + sizeof ":65535");

	buf_put(&out, url->host.name);
	buf_put_char(&out, ':');
	buf_put_u64(&out, url->port);
	return arena_close(arena, &out);
}

/* All that it needs is looked at before anybody is connected to. */
result courier_ask(struct courier *courier, struct arena *arena, const struct courier_request *request,
		   struct courier_answer *ret_answer)
{
	struct url url;
	struct endpoint *endpoint;
	const char *wrong = url_parse(request->url, &url);
	result_value asked;

	*ret_answer = (struct courier_answer) { 0 };
	if (wrong)
		return error_make(ERROR_INVALID, wrong);
	if (url.is_secure && !request->web)
		return error_make(ERROR_INVALID, "there is nobody to believe who it is");
	if (arena_left(arena) < 4 * (size_t)HEAD_MAX + request->body_max)
		return error_make(ERROR_LIMIT, "no memory is left for an answer");
	TRY(endpoints_get(courier->endpoints, address_of(arena, &url), &endpoint));
	asked = ask_endpoint(courier, arena, request, &url, endpoint, ret_answer);
	endpoint_unref(&endpoint);
	return asked;
}

/* ---- whom it believes ---- */

/* Counted as one that is listed, or the identity would go when no configuration names it. */
result courier_trust(struct tls_client_identities *identities, struct tls_client_identity **ret_web)
{
	enum tls_client_part wrong;

	TRY(tls_client_identities_get(identities, &(struct tls_client_options) { .is_verified = true },
				      &wrong, ret_web));
	atomic_fetch_add_explicit(&(*ret_web)->listings, 1, memory_order_relaxed);
	return OK;
}

void courier_distrust(struct tls_client_identity **web)
{
	if (*web)
		atomic_fetch_sub_explicit(&(*web)->listings, 1, memory_order_relaxed);
	tls_client_identity_unref(web);
}
