/* SPDX-License-Identifier: Apache-2.0 */
/*
 * https: redirects for good, because that is what browsers remember; 308 where a 301 would have made a GET of
 * it (RFC 9110 section 15.4.2). A proxy in front that is trusted, and says that its client came by https, has
 * done it: sending that client away would send it round for ever.
 */
#include "proxy/https.h"

#include "codec/host.h"
#include "proxy/door.h"
#include "proxy/secure.h"

enum { HTTPS_PORT = 443, PORT_TEXT = 8 };

/* Where the system chose the port, the door knows it. */
static uint16_t bound_port(const struct worker *worker, str listener)
{
	for (size_t i = 0; i < worker->door_count; i++)
		if (str_eq(worker->doors[i]->snapshot->name, listener))
			return address_port(&worker->doors[i]->bound);
	return HTTPS_PORT;
}

/* Of the first listener with TLS that has one, unless the configuration says what clients know it by. */
static uint16_t port_of(const struct exchange *x)
{
	const struct snapshot *snapshot = x->generation->snapshot;
	uint16_t port = x->listener->config->redirect_to_https.port;

	for (size_t i = 0; !port && i < snapshot->listener_count; i++) {
		const struct listener_snapshot *listener = &snapshot->listeners[i];

		if (!listener_is_secure(listener->config) || address_is_local(&listener->address))
			continue;
		port = address_port(&listener->address);
		return port ? port : bound_port(x->worker, listener->name);
	}
	return port ? port : HTTPS_PORT;
}

/* The one that the client has asked for; its port is that of http. */
static str host_of(struct exchange *x)
{
	struct buf room = arena_open(&x->arena, HOST_LEN_MAX + 1);
	struct host host;
	str name = host_parse(x->view.authority, &host) ? host_lower(host.name, &room) : x->view.host;

	arena_close(&x->arena, &room);
	return name;
}

/* The path as it was routed by, in the one form in which it could be trusted. */
static str location_print(struct exchange *x)
{
	str host = host_of(x);
	struct buf out = arena_open(&x->arena, host.len + x->path.len + x->query.len + 16 + PORT_TEXT);
	uint16_t port = port_of(x);

	buf_put(&out, STR("https://"));
	buf_put(&out, host);
	if (port != HTTPS_PORT) {
		buf_put_char(&out, ':');
		buf_put_u64(&out, port);
	}
	buf_put(&out, x->path);
	if (x->query.len || x->has_bare_query)
		buf_put_char(&out, '?');
	buf_put(&out, x->query);
	return arena_close(&x->arena, &out);
}

static enum reason redirect(struct exchange *x)
{
	enum http_method method = x->request.head.method;
	struct answer *answer = &x->view.answer;
	result_value added;

	if (str_is_empty(x->view.host))
		return REASON_REDIRECT_INVALID; /* HTTP/1.0 without a host: there is nowhere to send it */
	answer->status = method == HTTP_GET || method == HTTP_HEAD ? 301 : 308;
	answer->fields.at = ARENA_NEW(&x->arena, struct http_field);
	answer->fields.max = 1;
	added = http_fields_add(&answer->fields, HTTP_LOCATION, STR("Location"), location_print(x));
	return failed(added) ? REASON_OVERLOADED : REASON_HTTPS_REDIRECT;
}

enum reason https_check(struct exchange *x)
{
	if (x->listener->tls && !x->session->connection->is_secure) {
		x->keep_alive = false;
		return REASON_TLS_REQUIRED;
	}
	if (x->listener->tls)
		return secure_is_misdirected(x) ? REASON_MISDIRECTED_REQUEST : REASON_NONE;
	return str_eq(x->view.scheme, STR("https")) ? REASON_NONE : redirect(x);
}
