/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/handover.h"

#include "base/assert.h"
#include "codec/forwarded.h"
#include "http/h1_client.h"

static const str via = STR_INIT("1.1 gatehouse");

/* Clients cannot have sent these, and room for them was left when the head was read. */
static void add_field(struct http_fields *fields, enum http_name id, str value)
{
	result_value added = OK;

	if (value.len)
		added = http_fields_add(fields, id, http_name_text(id), value);
	ASSERT(!failed(added));
}

/* For an HTTP/1.0 client that named no host: HTTP/1.1 needs one (RFC 9112 section 3.2). */
static str any_host(const struct exchange *x)
{
	const struct endpoint *endpoint = x->target->upstream->members[0].endpoint;

	if (x->view.host.len)
		return x->view.host;
	return endpoint->host.len && endpoint->host.ptr[0] != '/' ? endpoint->host : STR("localhost");
}

static void set_host(struct exchange *x)
{
	struct http_fields *fields = &x->request.head.fields;
	const struct http_field *client = http_fields_get(fields, HTTP_HOST);
	str host = x->view.upstream_host;

	if (client && !host.len)
		return;
	http_fields_remove(fields, HTTP_HOST);
	add_field(fields, HTTP_HOST, host.len ? host : any_host(x));
}

/* RFC 7239 section 4: an element of its own behind what trusted proxies said. IPv6 stands in brackets. */
static str forwarded_print_all(struct exchange *x, str host)
{
	str ip = x->view.client_ip;
	str bracketed[] = { STR("["), ip, STR("]") };
	struct forwarded element = { .for_node = ip.len ? ip : STR("unknown"),
				     .host = host,
				     .proto = x->view.scheme };
	struct buf out;

	if (str_contains(ip, STR(":")))
		element.for_node = arena_join(&x->arena, bracketed, 3);
	out = arena_open(&x->arena, x->forwarded.len + 2 * host.len + 128);
	if (x->forwarded.len) {
		buf_put(&out, x->forwarded);
		buf_put(&out, STR(", "));
	}
	forwarded_print(&out, &element);
	return arena_close(&x->arena, &out);
}

static void add_identity(struct exchange *x)
{
	struct http_fields *fields = &x->request.head.fields;
	struct door *door = x->session->connection->door;
	const struct http_field *client_host = http_fields_get(fields, HTTP_HOST);
	str host = x->forwarded_host.len ? x->forwarded_host
		   : client_host         ? client_host->value
					 : x->view.host;
	str port = x->forwarded_port.len ? x->forwarded_port : (str) { door->port, door->port_len };
	str peer = { x->session->connection->ip, x->session->connection->ip_len };
	str list[] = { x->forwarded_for, STR(", "), peer };

	add_field(fields, HTTP_FORWARDED, forwarded_print_all(x, host));
	add_field(fields, HTTP_X_FORWARDED_FOR, x->forwarded_for.len ? arena_join(&x->arena, list, 3) : peer);
	add_field(fields, HTTP_X_FORWARDED_PROTO, x->view.scheme);
	add_field(fields, HTTP_X_FORWARDED_HOST, host);
	if (door->bound.any.sa_family != AF_UNIX || x->forwarded_port.len)
		add_field(fields, HTTP_X_FORWARDED_PORT, port);
}

static void add_request_id(struct exchange *x)
{
	struct http_fields *fields = &x->request.head.fields;
	str name = x->view.request_id_header;
	result_value set = http_fields_set(fields, http_name_find(name), name, x->view.request_id);

	ASSERT(!failed(set));
}

str handover_print_request(struct exchange *x)
{
	str parts[] = { x->view.path, x->view.query.len ? STR("?") : (str) { 0 }, x->view.query };

	add_identity(x);
	set_host(x);
	add_request_id(x);
	add_field(&x->request.head.fields, HTTP_VIA, via);
	return h1_client_print(&x->arena, &x->request.head, arena_join(&x->arena, parts, 3));
}

static bool may_keep_client(const struct forward *f, enum http_framing framing)
{
	const struct exchange *x = f->exchange;

	return x->keep_alive && framing != HTTP_UNTIL_CLOSE && !x->worker->is_draining;
}

/* The answer's head as the client gets it. */
static void prepare_for_client(struct forward *f)
{
	struct exchange *x = f->exchange;
	struct http_response *response = &f->response;
	const struct http_field *keep_alive;

	keep_alive = http_fields_get(&response->fields, HTTP_KEEP_ALIVE);
	f->keep_alive_hint = keep_alive ? keep_alive->value : (str) { 0 };
	http_fields_remove_hop(&response->fields);
	http_fields_remove(&response->fields, HTTP_X_GW_FAMILY); /* the gateway's own, whoever says them */
	http_fields_remove(&response->fields, HTTP_X_GATEHOUSE_FAMILY);
	if (response->status == 204)
		http_fields_remove(&response->fields, HTTP_CONTENT_LENGTH);
	add_field(&response->fields, HTTP_VIA, via);
	x->view.response = response;
	policy_chain_response(&x->target->chain, &x->view);
}

static void source_init(struct forward *f)
{
	static const struct h1_chunked_limits limits = {
		.extension = 16 * 1024,
		.trailers = { .field = 8 * 1024, .name = 256, .head = 32 * 1024, .fields = 32 },
	};

	h1_source_init(&f->answer, &f->connection->socket.stream, &f->connection->in, f->response.framing,
		       f->response.length);
	h1_source_allow(&f->answer, UINT64_MAX, &limits, &f->exchange->arena);
}

static enum reason broken_off(const struct forward *f, enum relay_end end, result_value error)
{
	const struct exchange *x = f->exchange;
	enum reason client = upload_client_failure(&f->upload);

	if (error.kind == ERROR_CANCELLED)
		return client ? client : exchange_cancelled(x);
	if (end == RELAY_SINK_FAILED)
		return error.kind == ERROR_TIMEOUT ? REASON_CLIENT_TIMEOUT : REASON_CLIENT_ABORTED;
	if (error.kind == ERROR_TIMEOUT)
		return REASON_UPSTREAM_READ_TIMEOUT;
	return error.kind == ERROR_MALFORMED ? REASON_UPSTREAM_MALFORMED : REASON_UPSTREAM_ABORTED;
}

enum reason handover_answer(struct forward *f)
{
	struct exchange *x = f->exchange;
	struct http_response head;
	struct h1_sink sink;
	struct relay relay;
	enum relay_end end;
	result_value error;

	source_init(f);
	prepare_for_client(f);
	head = f->response;
	head.framing = h1_server_framing(&x->request.head, &head);
	head.keep_alive = x->keep_alive = may_keep_client(f, head.framing);
	h1_server_respond(&x->session->server, &x->arena, &x->request.head, &head, &sink);
	x->has_answer = true;
	x->status = head.status;
	relay = (struct relay) { .loop = x->worker->loop,
				 .from = &f->answer.source,
				 .to = &sink.sink,
				 .from_idle = x->target->timeouts->idle,
				 .to_idle =
					 x->session->connection->door->snapshot->config->limits.body_timeout,
				 .until = x->until };
	fiber_step_aside(x->session->fiber);
	end = relay_run(&relay, &error);
	x->sent = sink.sent;
	f->is_answer_whole = end == RELAY_DONE && h1_source_is_whole(&f->answer);
	if (end == RELAY_DONE)
		return REASON_NONE;
	x->keep_alive = false;
	x->has_answer = sink.sent > 0;
	return broken_off(f, end, error);
}

duration handover_keep_alive(str hint, duration idle_timeout)
{
	str list = hint, item, name, value;
	uint64_t seconds;

	while (str_next(&list, ',', &item)) {
		if (!str_cut(item, '=', &name, &value) || !str_eq_nocase(str_trim(name), STR("timeout")))
			continue;
		if (!str_to_u64(str_trim(value), INT32_MAX, &seconds))
			continue;
		seconds = seconds ? seconds - 1 : 0;
		return (duration)seconds * SECOND < idle_timeout ? (duration)seconds * SECOND : idle_timeout;
	}
	return idle_timeout;
}
