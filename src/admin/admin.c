/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin: where it listens, and from a request to its resource.
 *
 * The order is: who may ask at all, then the token, then what there is: so nobody without a token learns
 * which paths exist. A change of address lets what is under way on the old one finish, above all the very
 * request that asked for the reload. Each address has its own gate with the snapshot by which it was opened:
 * where others can reach it, it must not lose its token because the next address could not be had.
 */
#include "admin/admin.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/guard.h"
#include "admin/request.h"
#include "base/assert.h"
#include "base/line_limit.h"
#include "http/small_server.h"
#include "proxy/listener_context.h"

enum { CONNECTIONS_MAX = 64, FIELDS_MAX = 64, FAILURE_MAX = 512 };

static const uint64_t body_max = 16 * 1024 * 1024;

static const struct h1_limits limits = {
	.request_line = 8192, .field = 8192, .name = 256, .head = 16384, .fields = FIELDS_MAX
};

/* An address: that at which it listens, or one before as long as something is under way there. */
struct gate {
	struct gate *next;
	struct admin *admin;
	struct small_server *server;
	struct snapshot *snapshot; /* the last one that wanted it there; whose token and TLS hold */
	struct listener_context tls;
	struct line_limit failed_handshakes;
	int fd;
};

struct admin {
	struct admin_options options;
	struct small_tls tls;
	struct gate *gate; /* NULL: it listens nowhere */
	struct gate *former;
	bool is_ending; /* connections are; what is empty is swept afterwards */
	unsigned checks, explanations;
};

struct resource {
	const char *path;
	enum http_method method;
	bool is_open; /* also without the token */
	admin_resource_fn serve;
};

static result healthz_resource(struct admin_request *request)
{
	return admin_answer_text(request, 200, STR("ok\n"));
}

static result readyz_resource(struct admin_request *request)
{
	const struct admin_options *options = request->options;

	if (options->hooks.is_draining(options->owner))
		return admin_answer_text(request, 503, STR("draining\n"));
	return admin_answer_text(request, 200, STR("ready\n"));
}

static const struct resource resources[] = {
	{ "/healthz", HTTP_GET, true, healthz_resource },
	{ "/readyz", HTTP_GET, true, readyz_resource },
	{ "/metrics", HTTP_GET, false, metrics_resource },
	{ "/v1/config", HTTP_GET, false, config_resource },
	{ "/v1/apis", HTTP_GET, false, apis_resource },
	{ "/v1/consumers", HTTP_GET, false, consumers_resource },
	{ "/v1/upstreams", HTTP_GET, false, upstreams_resource },
	{ "/v1/certificates", HTTP_GET, false, certificates_resource },
	{ "/v1/explain", HTTP_GET, false, explain_resource },
	{ "/v1/reload", HTTP_POST, false, reload_resource },
	{ "/v1/check", HTTP_POST, false, check_resource },
};

static const struct resource endpoint_actions = { "/v1/upstreams/", HTTP_POST, false, endpoint_resource };

static const struct resource *find(str path)
{
	for (size_t i = 0; i < sizeof resources / sizeof *resources; i++)
		if (str_eq(path, str_of(resources[i].path)))
			return &resources[i];
	return str_starts(path, str_of(endpoint_actions.path)) ? &endpoint_actions : NULL;
}

static bool fits(enum http_method method, const struct resource *resource)
{
	return method == resource->method || (method == HTTP_HEAD && resource->method == HTTP_GET);
}

static result refuse(struct admin_request *request, enum guard_verdict verdict)
{
	static const struct {
		int status;
		str detail;
	} rows[] = {
		[GUARD_FORWARDED] = { 403,
				      STR_INIT(
					      "The admin address does not serve requests that came through a "
					      "proxy.") },
		[GUARD_HOST] = { 403, STR_INIT("Host must be localhost or a loopback address.") },
		[GUARD_ORIGIN] = { 403, STR_INIT("The request comes from a page of another origin.") },
		[GUARD_TOKEN] = { 401, STR_INIT("The token is missing or is not the right one.") },
	};

	return admin_problem(request, rows[verdict].status, rows[verdict].detail);
}

static result dispatch(struct admin_request *request, const struct admin_place *place)
{
	const struct http_request *head = request->exchange->request;
	const struct resource *resource = find(request->path);
	enum guard_verdict verdict = guard_check(place, head);
	bool is_open = resource && resource->is_open;

	if (verdict == GUARD_OK && !is_open)
		verdict = guard_check_token(place, head);
	if (verdict != GUARD_OK)
		return refuse(request, verdict);
	if (!is_open)
		small_exchange_keep(request->exchange);
	if (!resource)
		return admin_problem(request, 404, STR("There is nothing under this path."));
	if (!fits(head->method, resource))
		return admin_problem(request, 405, STR("This path has another method."));
	return resource->serve(request);
}

static result serve(struct small_exchange *exchange)
{
	struct gate *gate = exchange->owner;
	struct admin *admin = gate->admin;
	struct admin_request request = { .exchange = exchange,
					 .options = &admin->options,
					 .checks = &admin->checks,
					 .explanations = &admin->explanations };
	struct snapshot *snapshot = snapshot_ref(gate->snapshot);
	result_value served;

	request.path = exchange->request->target;
	str_cut(exchange->request->target, '?', &request.path, &request.query);
	request.edition = admin->options.hooks.edition(admin->options.owner);
	edition_ref(request.edition);
	served = dispatch(&request, &snapshot->admin);
	edition_unref(&request.edition);
	snapshot_unref(&snapshot);
	return served;
}

static void gate_free(struct gate *gate)
{
	small_server_free(&gate->server);
	listener_context_fini(&gate->tls);
	snapshot_unref(&gate->snapshot);
	free(gate);
}

/* Lets go of former addresses at which nothing is under way any more. */
static void sweep(struct admin *admin)
{
	for (struct gate **link = &admin->former; *link;) {
		struct gate *former = *link;

		if (small_server_connections(former->server)) {
			link = &former->next;
			continue;
		}
		*link = former->next;
		gate_free(former);
	}
}

static void on_empty(void *owner)
{
	struct admin *admin = ((struct gate *)owner)->admin;

	if (!admin->is_ending)
		sweep(admin);
}

/* Each is gone when its last answer is, which has a deadline; so there are never many. */
static void retire(struct admin *admin)
{
	struct gate *gate = admin->gate;

	if (!gate)
		return;
	gate->next = admin->former;
	admin->former = gate;
	admin->gate = NULL;
	admin->is_ending = true;
	small_server_finish(gate->server);
	admin->is_ending = false;
	sweep(admin);
}

/* A Unix socket is for who runs the gateway: who may open it may do everything. It has its mode from the
 * moment it is there, which only the process's mask gives. */
static result bind_private(const struct address *at, int *ret_fd, struct address *ret_bound)
{
	mode_t mask = umask(0077);
	result_value bound = listener_bind(at, ret_fd, ret_bound);

	umask(mask);
	return bound;
}

/* Whether it is ourselves who listen at that port already, at this address of the host or another. */
static bool is_ours(const struct gate *gate, const struct address *at)
{
	struct address bound;

	return gate && address_of_socket(gate->fd, &bound) && address_has_port_of(&bound, at);
}

static result bind_socket(const struct gate *before, const struct address *at, int inherited, int *ret_fd,
			  struct address *ret_bound)
{
	if (inherited < 0) {
		if (!is_ours(before, at))
			TRY(listener_probe(at));
		return bind_private(at, ret_fd, ret_bound);
	}
	*ret_fd = inherited;
	return address_of_socket(inherited, ret_bound) ? OK : error_system("no address of the socket", errno);
}

/* Nobody is let in by rules that are no longer in force. */
static bool is_tls_wanted(void *owner, struct tls_server_context **ret_context)
{
	struct gate *gate = owner;
	const struct admin_options *options = &gate->admin->options;
	struct listener_tls *tls = gate->snapshot->admin.tls;

	if (!tls)
		return false;
	*ret_context = listener_context_follow(&gate->tls, tls, options->tls->library, options->journal);
	if (gate->tls.refused)
		*ret_context = NULL;
	return true;
}

/* Whoever scans the network makes many, or only wants to know whether the port is open. */
static void tell_handshake(void *owner, const struct address *peer, result_value why)
{
	struct gate *gate = owner;
	const struct admin_options *options = &gate->admin->options;
	char text[ADDRESS_TEXT_MAX];
	struct buf ip = buf_over(text, sizeof text);
	uint64_t unsaid;

	if (why.kind == ERROR_CLOSED || why.kind == ERROR_CANCELLED ||
	    !line_limit_pass(&gate->failed_handshakes, loop_now(fibers_loop(options->fibers)), &unsaid))
		return;
	address_print_ip(peer, &ip);
	journal_info(options->journal,
		     "admin: the TLS handshake with %.*s failed: %s (%llu more were not told)",
		     STR_ARG(buf_str(&ip)), why.why, (unsigned long long)unsaid);
}

static result open_server(struct admin *admin, struct gate *gate)
{
	struct small_server_options options = {
		.fibers = admin->options.fibers,
		.blocks = admin->options.blocks,
		.limits = &limits,
		.connections = CONNECTIONS_MAX,
		.body = body_max,
		.patience = 10 * SECOND,
		.whole = 2 * MINUTE,
		.serve = serve,
		.on_empty = on_empty,
		.tls = &admin->tls,
		.owner = gate,
	};

	return small_server_open(&options, gate->fd, &gate->server);
}

/* The new one is there before the old one goes. */
static result move(struct admin *admin, struct snapshot *snapshot, int inherited)
{
	struct gate *gate = calloc(1, sizeof *gate);
	struct address bound;
	char text[ADDRESS_TEXT_MAX];
	struct buf where = buf_over(text, sizeof text);
	result_value opened;

	ASSERT(gate);
	*gate = (struct gate) { .admin = admin, .snapshot = snapshot_ref(snapshot), .fd = -1 };
	opened = bind_socket(admin->gate, &snapshot->admin.address, inherited, &gate->fd, &bound);
	if (!failed(opened))
		opened = open_server(admin, gate);
	if (failed(opened)) {
		if (gate->fd >= 0)
			close(gate->fd);
		gate_free(gate);
		return opened;
	}
	retire(admin);
	admin->gate = gate;
	address_print(&bound, &where);
	journal_info(admin->options.journal, "admin listening on %.*s", STR_ARG(buf_str(&where)));
	return OK;
}

static void stop(struct admin *admin)
{
	if (admin->gate)
		journal_info(admin->options.journal, "admin listening no more");
	retire(admin);
}

static void renew(struct gate *gate, struct snapshot *snapshot)
{
	struct snapshot *before = gate->snapshot;

	gate->snapshot = snapshot_ref(snapshot);
	snapshot_unref(&before);
}

static void print_failure(const struct admin *admin, const struct address *at, result_value why,
			  struct buf *out)
{
	buf_put(out, STR("admin: cannot listen on "));
	address_print(at, out);
	buf_put(out, STR(": "));
	buf_put(out, str_of(why.why));
	buf_put(out, STR(": "));
	buf_put(out, str_of(strerror(why.sys)));
	if (admin->gate)
		buf_put(out, STR("; the address before goes on by its own rules"));
}

result admin_listen(struct admin *admin, struct snapshot *snapshot, int inherited, diagnostics_fn tell,
		    void *audience)
{
	char text[FAILURE_MAX];
	struct buf line = buf_over(text, sizeof text);
	result_value moved;

	if (!snapshot || !snapshot->admin.is_open) {
		stop(admin);
		return OK;
	}
	if (admin->gate && address_eq(&admin->gate->snapshot->admin.address, &snapshot->admin.address)) {
		renew(admin->gate, snapshot);
		return OK;
	}
	moved = move(admin, snapshot, inherited);
	if (!failed(moved))
		return OK;
	print_failure(admin, &snapshot->admin.address, moved, &line);
	journal_error(admin->options.journal, "%.*s", STR_ARG(buf_str(&line)));
	if (tell)
		tell(audience, true, buf_str(&line));
	return moved;
}

struct snapshot *admin_snapshot(const struct admin *admin)
{
	return admin->gate ? admin->gate->snapshot : NULL;
}

int admin_socket(const struct admin *admin)
{
	return admin->gate ? admin->gate->fd : -1;
}

void admin_cut(struct admin *admin)
{
	retire(admin);
	admin->is_ending = true;
	for (struct gate *former = admin->former; former; former = former->next)
		small_server_cut(former->server);
	admin->is_ending = false;
	sweep(admin);
}

size_t admin_connections(const struct admin *admin)
{
	size_t count = admin->gate ? small_server_connections(admin->gate->server) : 0;

	for (const struct gate *former = admin->former; former; former = former->next)
		count += small_server_connections(former->server);
	return count;
}

struct admin *admin_new(const struct admin_options *options)
{
	struct admin *admin = calloc(1, sizeof *admin);

	ASSERT(admin);
	admin->options = *options;
	admin->tls = (struct small_tls) { options->tls, is_tls_wanted, tell_handshake };
	return admin;
}

void admin_free(struct admin **address)
{
	struct admin *admin = *address;

	if (!admin)
		return;
	*address = NULL;
	admin_cut(admin);
	ASSERT(!admin->former);
	free(admin);
}
