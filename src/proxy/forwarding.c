/* SPDX-License-Identifier: Apache-2.0 */
/*
 * forwarding: lines printed straight into the request's head, for they are the same for every try.
 *
 * They are no fields of the request: nothing after this looks them up, so a place among the fields would
 * only cost. What a policy has set under one of these names is in the fields and wins, and so does one that
 * wants none: then a field that is removed stands there, behind the client's.
 */
#include "proxy/forwarding.h"

#include "auth/session_cookie.h"
#include "codec/forwarded.h"
#include "codec/h1_print.h"

str forwarding_via(enum http_version received)
{
	static const str hops[] = { [HTTP_1_0] = STR_INIT("1.0 gatehouse"),
				    [HTTP_1_1] = STR_INIT("1.1 gatehouse"),
				    [HTTP_2] = STR_INIT("2.0 gatehouse") };

	return hops[received];
}

bool forwarding_is_via(str hop)
{
	for (int version = HTTP_1_0; version <= HTTP_2; version++)
		if (str_eq(hop, forwarding_via((enum http_version)version)))
			return true;
	return false;
}

/* Set by a policy, or taken out; the client, who must not say it, has its fields in front. */
static bool is_policys(const struct exchange *x, enum http_name id)
{
	const struct http_fields *fields = &x->request.head.fields;

	for (size_t i = x->view.sent; i < fields->count; i++)
		if (fields->at[i].id == id)
			return true;
	return false;
}

static void put(struct exchange *x, struct buf *out, enum http_name id, str value)
{
	if (value.len && !is_policys(x, id))
		h1_line_print(out, http_name_text(id), value);
}

/* IPv6 stands in brackets (RFC 7239 section 6). */
static str node_print(const struct exchange *x, struct buf *room)
{
	str ip = x->view.client_ip;

	if (!ip.len)
		return STR("unknown");
	if (!memchr(ip.ptr, ':', ip.len))
		return ip;
	buf_put_char(room, '[');
	buf_put(room, ip);
	buf_put_char(room, ']');
	return buf_str(room);
}

/* RFC 7239. What trusted proxies said stays in front: each hop adds itself at the end. */
static void put_forwarded(struct exchange *x, struct buf *out)
{
	char text[CLIENT_IP_MAX + 2];
	struct buf room = buf_over(text, sizeof text);
	struct forwarded element = { .for_node = node_print(x, &room),
				     .host = x->view.authority,
				     .proto = x->view.scheme };

	if (is_policys(x, HTTP_FORWARDED))
		return;
	buf_put(out, STR("Forwarded: "));
	if (x->forwarded.len) {
		buf_put(out, x->forwarded);
		buf_put(out, STR(", "));
	}
	forwarded_print(out, &element);
	buf_put(out, STR("\r\n"));
}

/* Each hop adds the peer that it saw, so here it is the connection's, not the client that was believed: that
 * one stands in the list already. */
static void put_forwarded_for(struct exchange *x, struct buf *out)
{
	const struct connection *connection = x->session->connection;
	str peer = { connection->ip, connection->ip_len };

	if (!peer.len || is_policys(x, HTTP_X_FORWARDED_FOR))
		return;
	buf_put(out, STR("X-Forwarded-For: "));
	if (x->forwarded_for.len) {
		buf_put(out, x->forwarded_for);
		buf_put(out, STR(", "));
	}
	buf_put(out, peer);
	buf_put(out, STR("\r\n"));
}

/* For an HTTP/1.0 client that named no host: HTTP/1.1 needs one (RFC 9112 section 3.2). */
static str any_host(const struct exchange *x)
{
	const struct roster *roster = generation_roster(x->generation, x->upstream);
	str host = roster->count ? roster->members[0].endpoint->host : (str) { 0 };

	if (x->view.host.len)
		return x->view.host;
	return host.len && host.ptr[0] != '/' ? host : STR("localhost");
}

static void put_host(struct exchange *x, struct buf *out)
{
	str host = x->view.upstream_host;

	if (!http_fields_get(&x->request.head.fields, HTTP_HOST))
		h1_line_print(out, STR("Host"), host.len ? host : any_host(x));
}

/* Also behind a policy that has no use for the session, or none at all: whoever had it could be that person.
 * Where there is no room to take them out, no cookie goes on. */
void forwarding_remove_sessions(struct exchange *x, struct http_fields *fields)
{
	const str_list *names = &x->generation->snapshot->cookies;

	for (size_t i = 0; i < names->len; i++)
		if (session_cookie_parts(fields, names->at[i]) &&
		    failed(session_cookie_strip(names->at[i], &x->arena, fields)))
			http_fields_remove(fields, HTTP_COOKIE);
}

void forwarding_prepare(struct exchange *x)
{
	struct http_fields *fields = &x->request.head.fields;

	if (x->view.upstream_host.len)
		http_fields_remove(fields, HTTP_HOST);
	http_fields_remove_named(fields, x->view.request_id_header);
	forwarding_remove_sessions(x, fields);
}

void forwarding_put(struct exchange *x, struct buf *out)
{
	struct door *door = x->session->connection->door;
	str port = address_is_local(&door->bound) ? STR("") : (str) { door->port, door->port_len };

	put_host(x, out);
	put_forwarded(x, out);
	put_forwarded_for(x, out);
	put(x, out, HTTP_X_FORWARDED_PROTO, x->view.scheme);
	put(x, out, HTTP_X_FORWARDED_HOST, x->view.authority);
	put(x, out, HTTP_X_FORWARDED_PORT, x->forwarded_port.len ? x->forwarded_port : port);
	if (x->view.request_id_header.len)
		h1_line_print(out, x->view.request_id_header, x->view.request_id);
	h1_line_print(out, STR("Via"), forwarding_via(x->request.head.version));
}
