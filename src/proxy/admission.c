/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admission: the checks in the order in which they can be trusted.
 *
 * First what decides whether there is one request at all, then the path, and only then who asks: the
 * proxies' fields are read before the managed names are removed, and only where the listener trusts the
 * peer. A head that is refused closes the connection, for a client that sends such a one may mean more than
 * one request by it. Routing comes last and asks nothing of the wire.
 */
#include "proxy/admission.h"

#include "codec/forwarded.h"
#include "codec/host.h"
#include "codec/uri.h"
#include "proxy/forwarding.h"
#include "proxy/upgrade.h"

enum { OWN_HOPS_MAX = 16 }; /* more gateways than anybody has in a row */

/* The parser has checked it, also against an absolute target (RFC 9112 section 3.2.2). HTTP/1.0 may have
 * none: only rules for any host can match then. */
static void take_host(struct exchange *x)
{
	struct buf room = arena_open(&x->arena, HOST_LEN_MAX + 1);

	x->view.host = host_lower(x->request.head.host, &room);
	x->view.authority = http_fields_value(&x->request.head.fields, HTTP_HOST);
	arena_close(&x->arena, &room);
}

static enum reason check_path(struct exchange *x, const struct uri *uri)
{
	struct buf room = arena_open(&x->arena, uri->path.len * 3 + 1);
	struct uri_path path;
	result_value normal = uri_path_normalise(uri->path, URI_KEEP_ENCODED_SLASHES, &room, &path);

	arena_close(&x->arena, &room);
	if (failed(normal))
		return REASON_PATH_INVALID;
	x->path = x->view.path = path.text;
	x->query = x->view.query = uri->query;
	x->has_bare_query = uri->has_query && !uri->query.len;
	x->has_encoded_slash = path.has_encoded_slash;
	return REASON_NONE;
}

/* All values of a list field as one list. Each took more in the head, with its name, than it does here. */
static str joined(struct exchange *x, enum http_name id)
{
	const struct http_fields *fields = &x->request.head.fields;
	struct buf all;

	if (http_fields_count(fields, id) < 2)
		return http_fields_value(fields, id);
	all = arena_open(&x->arena, x->request.head_len);
	for (size_t i = 0; i < fields->count; i++) {
		if (fields->at[i].id != id || fields->at[i].removed || !fields->at[i].value.len)
			continue;
		buf_put(&all, all.len ? STR(", ") : (str) { 0 });
		buf_put(&all, fields->at[i].value);
	}
	return arena_close(&x->arena, &all);
}

/* The client is whom the nearest proxy that is not trusted speaks for. */
static void believe_client(struct exchange *x, struct ip client)
{
	struct buf text = arena_open(&x->arena, IP_TEXT_MAX);
	struct address *address;

	ip_print(client, &text);
	x->view.client_ip = arena_close(&x->arena, &text);
	address = ARENA_NEW(&x->arena, struct address);
	if (address_of_ip(x->view.client_ip, 0, address))
		x->view.client = address;
}

/* Said twice, or in a list, it is not clear which proxy says it, or whether one does. */
static str said_once(const struct http_fields *fields, enum http_name id)
{
	return http_fields_count(fields, id) == 1 ? str_trim(http_fields_value(fields, id)) : (str) { 0 };
}

/* Which URL the client asked for, for those that are made of it; routing goes by Host. A proxy that says it
 * in X-Forwarded-* may pass on a Forwarded that it did not write. */
static void believe_url(struct exchange *x, const struct forwarded_client *told)
{
	const struct http_fields *fields = &x->request.head.fields;
	bool is_in_forwarded = !http_fields_get(fields, HTTP_X_FORWARDED_PROTO) &&
			       !http_fields_get(fields, HTTP_X_FORWARDED_HOST);
	str proto = is_in_forwarded ? told->proto : said_once(fields, HTTP_X_FORWARDED_PROTO);
	str authority = is_in_forwarded ? told->host : said_once(fields, HTTP_X_FORWARDED_HOST);
	str port = said_once(fields, HTTP_X_FORWARDED_PORT);
	struct host host;
	uint64_t number;

	if (str_eq_nocase(proto, STR("https")) || str_eq_nocase(proto, STR("wss")))
		x->view.scheme = STR("https");
	if (str_eq_nocase(proto, STR("http")) || str_eq_nocase(proto, STR("ws")))
		x->view.scheme = STR("http");
	if (host_parse(authority, &host))
		x->view.authority = authority;
	if (str_to_u64(port, UINT16_MAX, &number) && number)
		x->forwarded_port = port;
}

/* A Unix socket's peer is whoever may open the path: nobody's address, and never a trusted one. */
static void believe_proxies(struct exchange *x)
{
	const struct listener_snapshot *listener = x->listener;
	struct forwarded_client told;
	struct ip peer;

	if (!ip_parse(x->view.client_ip, &peer) ||
	    !cidr_any_has(listener->trusted, listener->trusted_count, peer))
		return;
	x->forwarded_for = joined(x, HTTP_X_FORWARDED_FOR);
	x->forwarded = joined(x, HTTP_FORWARDED);
	told = forwarded_client(&x->request.head.fields, listener->trusted, listener->trusted_count, peer);
	believe_url(x, &told);
	believe_client(x, told.ip);
}

/* This is no forward proxy: a CONNECT has no path to be routed by. */
static enum reason refuse_connect(struct exchange *x)
{
	x->allowed = 1u << HTTP_GET | 1u << HTTP_HEAD | 1u << HTTP_POST | 1u << HTTP_PUT | 1u << HTTP_DELETE |
		     1u << HTTP_PATCH | 1u << HTTP_OPTIONS;
	return REASON_METHOD_NOT_ALLOWED;
}

static enum reason check_head(struct exchange *x)
{
	const struct http_request *head = &x->request.head;
	enum reason reason = upgrade_check(x);
	struct uri uri;

	if (reason != REASON_NONE)
		return reason;
	if (!uri_split(head->target, head->method, &uri))
		return REASON_REQUEST_LINE_MALFORMED;
	take_host(x);
	return head->method == HTTP_CONNECT ? refuse_connect(x) : check_path(x, &uri);
}

/* Where a name leads is DNS's to say, and it may lead here: then one request would come back until no
 * descriptor is left. RFC 9110 section 7.6.3. */
static bool goes_round(const struct http_fields *fields)
{
	unsigned hops = 0;
	str rest, hop;

	for (size_t i = 0; i < fields->count; i++) {
		rest = fields->at[i].id == HTTP_VIA ? fields->at[i].value : (str) { 0 };
		while (str_next(&rest, ',', &hop))
			hops += forwarding_is_via(hop);
	}
	return hops >= OWN_HOPS_MAX;
}

/* What a client may not say, and what is meant for this hop alone, ends here; so does Expect, which the
 * gateway answers. */
static void remove_what_ends_here(struct exchange *x)
{
	struct http_fields *fields = &x->request.head.fields;

	http_fields_remove_hop(fields);
	http_fields_remove_managed(fields);
	managed_remove(&x->generation->snapshot->managed, fields);
	http_fields_remove(fields, HTTP_EXPECT);
}

enum reason admission_check(struct exchange *x)
{
	const struct http_request *head = &x->request.head;
	enum reason reason = check_head(x);

	if (reason != REASON_NONE) {
		x->keep_alive = false;
		return reason;
	}
	if (x->listener->trusted_count)
		believe_proxies(x);
	if (goes_round(&head->fields))
		return REASON_LOOP;
	remove_what_ends_here(x);
	x->view.sent = head->fields.count;
	return call_admit(x);
}

struct route_request admission_question(const struct exchange *x)
{
	return (struct route_request) {
		.method = x->route_method.len ? x->route_method : x->request.head.method_text,
		.host = x->view.host,
		.path = x->view.path,
		.query = x->view.query,
		.fields = &x->request.head.fields,
		.client = x->view.client,
	};
}

/* The match is the worker's: what the view refers to moves to the arena. */
static void keep_parameters(struct exchange *x, const struct route_match *match)
{
	struct route_parameter *kept;

	x->view.parameter_count = match->parameter_count;
	if (!match->parameter_count)
		return;
	kept = ARENA_ARRAY(&x->arena, struct route_parameter, match->parameter_count);
	memcpy(kept, match->parameters, match->parameter_count * sizeof *kept);
	x->view.parameters = kept;
}

static void match_route(struct exchange *x, struct route_match *match)
{
	struct route_request request = admission_question(x);

	router_match(x->generation->snapshot->router, x->worker->route_scratch, &request, match);
}

static const struct target *target_of(const struct route_match *match)
{
	return match->outcome == ROUTE_FOUND ? match->target : NULL;
}

/* A CORS preflight asks about another request, and belongs where that one does, if there is a policy that
 * answers it; else it is a request like any other (Fetch standard, section 4.8). */
static void find_route(struct exchange *x, struct route_match *match)
{
	const struct target *own, *asked;

	match_route(x, match);
	if (!view_is_preflight(&x->view))
		return;
	own = target_of(match);
	x->route_method = http_fields_value(&x->request.head.fields, HTTP_ACCESS_CONTROL_REQUEST_METHOD);
	match_route(x, match);
	asked = target_of(match);
	if (asked && asked->chain.has_preflight) {
		x->is_preflight_only = asked != own;
		return;
	}
	x->route_method = (str) { 0 };
	match_route(x, match);
}

static bool is_body_too_large(const struct exchange *x)
{
	const struct http_request *head = &x->request.head;

	return head->framing == HTTP_LENGTH && head->length > x->server->body->max;
}

/* From here on it is known whose API it is, also of a request that goes no further. */
static void take_answer_chain(struct exchange *x, const struct target *target)
{
	x->answer_chain = &target->chain;
	x->view.names = &target->names;
}

static enum reason take_route(struct exchange *x, struct route_match *match)
{
	x->allowed = match->allowed;
	x->allowed_other = match->allowed_other;
	if (match->outcome != ROUTE_FOUND && x->has_encoded_slash)
		return REASON_PATH_INVALID; /* before anything is told of what there is */
	if (match->outcome == ROUTE_NONE)
		return REASON_NO_ROUTE;
	take_answer_chain(x, match->target);
	keep_parameters(x, match);
	if (match->outcome == ROUTE_METHOD)
		return REASON_METHOD_NOT_ALLOWED;
	x->target = match->target;
	metrics_expect(x->worker->metrics, x->target->series);
	if (x->has_encoded_slash && !x->target->keeps_encoded_slashes)
		return REASON_PATH_INVALID;
	return is_body_too_large(x) ? REASON_BODY_TOO_LARGE : REASON_NONE;
}

enum reason admission_route(struct exchange *x)
{
	struct route_match *match = &x->worker->match;

	find_route(x, match);
	return take_route(x, match);
}

enum reason admission_route_itself(struct exchange *x)
{
	struct route_match *match = &x->worker->match;

	x->is_preflight_only = false;
	x->route_method = (str) { 0 };
	x->target = NULL;
	x->answer_chain = NULL;
	x->view.names = NULL;
	x->view.settled = x->view.skipped = 0;
	match_route(x, match);
	return take_route(x, match);
}
