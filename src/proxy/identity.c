/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/identity.h"

#include "codec/forwarded.h"
#include "http/h1_head.h"

enum { LINES_USUAL = 768 };

/* What the lines are made of. */
struct identity {
	struct exchange *exchange;
	str host;     /* as the client said it */
	str peer;     /* who is connected */
	str for_node; /* the client, as Forwarded writes it */
	bool has_policies;
	struct buf out;
};

static void put(struct identity *identity, enum http_name id, str value)
{
	const struct http_fields *fields = &identity->exchange->request.head.fields;

	if (!value.len || (identity->has_policies && http_fields_get(fields, id)))
		return;
	h1_put_line(&identity->out, http_name_text(id), value);
}

/* IPv6 stands in brackets (RFC 7239 section 6). */
static str node_of(struct exchange *x)
{
	str ip = x->view.client_ip, bracketed[] = { STR("["), ip, STR("]") };

	if (!ip.len)
		return STR("unknown");
	return memchr(ip.ptr, ':', ip.len) ? arena_join(&x->arena, bracketed, 3) : ip;
}

static void put_forwarded(struct identity *identity)
{
	struct exchange *x = identity->exchange;
	struct forwarded element = { .for_node = identity->for_node,
				     .host = identity->host,
				     .proto = x->view.scheme };

	if (identity->has_policies && http_fields_get(&x->request.head.fields, HTTP_FORWARDED))
		return;
	buf_put(&identity->out, STR("Forwarded: "));
	if (x->forwarded.len) {
		buf_put(&identity->out, x->forwarded);
		buf_put(&identity->out, STR(", "));
	}
	forwarded_print(&identity->out, &element);
	buf_put(&identity->out, STR("\r\n"));
}

static void put_forwarded_for(struct identity *identity)
{
	struct exchange *x = identity->exchange;

	if (!identity->peer.len ||
	    (identity->has_policies && http_fields_get(&x->request.head.fields, HTTP_X_FORWARDED_FOR)))
		return;
	buf_put(&identity->out, STR("X-Forwarded-For: "));
	if (x->forwarded_for.len) {
		buf_put(&identity->out, x->forwarded_for);
		buf_put(&identity->out, STR(", "));
	}
	buf_put(&identity->out, identity->peer);
	buf_put(&identity->out, STR("\r\n"));
}

/* For an HTTP/1.0 client that named no host: HTTP/1.1 needs one (RFC 9112 section 3.2). */
static str any_host(const struct exchange *x)
{
	const struct endpoint *endpoint = x->target->upstream->members[0].endpoint;

	if (x->view.host.len)
		return x->view.host;
	return endpoint->host.len && endpoint->host.ptr[0] != '/' ? endpoint->host : STR("localhost");
}

static void put_host(struct identity *identity)
{
	struct exchange *x = identity->exchange;
	struct http_fields *fields = &x->request.head.fields;
	str host = x->view.upstream_host;

	if (!host.len && http_fields_get(fields, HTTP_HOST))
		return;
	http_fields_remove(fields, HTTP_HOST);
	h1_put_line(&identity->out, STR("Host"), host.len ? host : any_host(x));
}

static void put_all(struct identity *identity)
{
	struct exchange *x = identity->exchange;
	struct door *door = x->session->connection->door;
	str port = door->bound.any.sa_family == AF_UNIX ? (str) { 0 } : (str) { door->port, door->port_len };

	put_host(identity);
	put_forwarded(identity);
	put_forwarded_for(identity);
	put(identity, HTTP_X_FORWARDED_PROTO, x->view.scheme);
	put(identity, HTTP_X_FORWARDED_HOST, x->forwarded_host.len ? x->forwarded_host : identity->host);
	put(identity, HTTP_X_FORWARDED_PORT, x->forwarded_port.len ? x->forwarded_port : port);
	h1_put_line(&identity->out, x->view.request_id_header, x->view.request_id);
	buf_put(&identity->out, STR("Via: 1.1 gatehouse\r\n"));
}

str identity_lines(struct exchange *x)
{
	struct connection *connection = x->session->connection;
	const struct http_field *host = http_fields_get(&x->request.head.fields, HTTP_HOST);
	struct identity identity = {
		.exchange = x,
		.host = host ? host->value : x->view.host,
		.peer = { connection->ip, connection->ip_len },
		.for_node = node_of(x),
		.has_policies = x->target->chain.count > 0,
	};
	size_t size = LINES_USUAL + x->forwarded.len + x->forwarded_for.len + 3 * identity.host.len;

	http_fields_remove_named(&x->request.head.fields, x->view.request_id_header);
	for (;; size *= 2) {
		identity.out = arena_open(&x->arena, size);
		put_all(&identity);
		if (!buf_overflowed(&identity.out))
			return arena_close(&x->arena, &identity.out);
	}
}
