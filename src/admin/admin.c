/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin: where it listens, and from a request to its resource.
 *
 * The order is: who may ask at all, then the token, then what there is: so nobody without a token learns
 * which paths exist. A change of address lets what is under way on the old one finish, above all the very
 * request that asked for the reload.
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

enum { CONNECTIONS_MAX = 64, FIELDS_MAX = 64 };

static const uint64_t body_max = 16 * 1024 * 1024;

static const struct h1_limits limits = {
	.request_line = 8192, .field = 8192, .name = 256, .head = 16384, .fields = FIELDS_MAX
};

/* A server of an address before, as long as something is under way there. */
struct former {
	struct former *next;
	struct small_server *server;
};

struct admin {
	struct admin_options options;
	struct small_server *server; /* NULL: it listens nowhere */
	struct former *former;
	struct address wanted; /* as configured: with port 0 where any will do */
	int fd;
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

static result dispatch(struct admin_request *request)
{
	const struct admin_place *place = &request->edition->snapshot->admin;
	const struct http_request *head = request->exchange->request;
	const struct resource *resource = find(request->path);
	enum guard_verdict verdict = guard_check(place, head);

	if (verdict == GUARD_OK && !(resource && resource->is_open))
		verdict = guard_check_token(place, head);
	if (verdict != GUARD_OK)
		return refuse(request, verdict);
	if (!resource)
		return admin_problem(request, 404, STR("There is nothing under this path."));
	if (!fits(head->method, resource))
		return admin_problem(request, 405, STR("This path has another method."));
	return resource->serve(request);
}

static result serve(struct small_exchange *exchange)
{
	struct admin *admin = exchange->owner;
	struct admin_request request = { .exchange = exchange,
					 .options = &admin->options,
					 .checks = &admin->checks,
					 .explanations = &admin->explanations };
	result_value served;

	request.path = exchange->request->target;
	str_cut(exchange->request->target, '?', &request.path, &request.query);
	request.edition = admin->options.hooks.edition(admin->options.owner);
	edition_ref(request.edition);
	served = dispatch(&request);
	edition_unref(&request.edition);
	return served;
}

struct admin *admin_new(const struct admin_options *options)
{
	struct admin *admin = calloc(1, sizeof *admin);

	ASSERT(admin);
	admin->options = *options;
	admin->fd = -1;
	return admin;
}

/* Lets go of the servers of former addresses on which nothing is under way any more. */
static void sweep(struct admin *admin)
{
	for (struct former **link = &admin->former; *link;) {
		struct former *former = *link;

		if (small_server_connections(former->server)) {
			link = &former->next;
			continue;
		}
		*link = former->next;
		small_server_free(&former->server);
		free(former);
	}
}

/* Each is gone when its last answer is, which has a deadline; so there are never many. */
static void retire(struct admin *admin)
{
	struct former *former = calloc(1, sizeof *former);

	ASSERT(former);
	*former = (struct former) { .next = admin->former, .server = admin->server };
	admin->former = former;
	admin->server = NULL;
	admin->fd = -1;
	small_server_finish(former->server);
}

static bool is_there(const struct admin *admin, const struct admin_place *place)
{
	if (!admin->server || !place->is_open)
		return !admin->server && !place->is_open;
	return address_eq(&admin->wanted, &place->address);
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

static result bind_socket(const struct address *at, int inherited, int *ret_fd, struct address *ret_bound)
{
	if (inherited < 0) {
		TRY(listener_probe(at));
		return bind_private(at, ret_fd, ret_bound);
	}
	*ret_fd = inherited;
	return address_of_socket(inherited, ret_bound) ? OK : error_system("no address of the socket", errno);
}

static result open_server(struct admin *admin, int fd, struct small_server **ret_server)
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
		.owner = admin,
	};

	return small_server_open(&options, fd, ret_server);
}

/* The new one is there before the old one goes. */
static result move(struct admin *admin, const struct admin_place *place, int inherited)
{
	struct small_server *server;
	struct address bound;
	char text[ADDRESS_TEXT_MAX];
	struct buf where = buf_over(text, sizeof text);
	int fd = -1;
	result_value opened = bind_socket(&place->address, inherited, &fd, &bound);

	if (!failed(opened))
		opened = open_server(admin, fd, &server);
	if (failed(opened)) {
		if (fd >= 0)
			close(fd);
		return opened;
	}
	if (admin->server)
		retire(admin);
	admin->server = server;
	admin->fd = fd;
	admin->wanted = place->address;
	address_print(&bound, &where);
	journal_info(admin->options.journal, "admin listening on %.*s", STR_ARG(buf_str(&where)));
	return OK;
}

result admin_listen(struct admin *admin, const struct admin_place *place, int inherited)
{
	char text[ADDRESS_TEXT_MAX];
	struct buf where = buf_over(text, sizeof text);
	result_value moved;

	sweep(admin);
	if (is_there(admin, place))
		return OK;
	if (!place->is_open) {
		retire(admin);
		journal_info(admin->options.journal, "admin listening no more");
		return OK;
	}
	moved = move(admin, place, inherited);
	address_print(&place->address, &where);
	if (failed(moved))
		journal_error(admin->options.journal, "admin: cannot listen on %.*s: %s: %s",
			      STR_ARG(buf_str(&where)), moved.why, strerror(moved.sys));
	return moved;
}

int admin_socket(const struct admin *admin)
{
	return admin->fd;
}

void admin_cut(struct admin *admin)
{
	if (admin->server)
		retire(admin);
	for (struct former *former = admin->former; former; former = former->next)
		small_server_cut(former->server);
}

size_t admin_connections(const struct admin *admin)
{
	size_t count = admin->server ? small_server_connections(admin->server) : 0;

	for (const struct former *former = admin->former; former; former = former->next)
		count += small_server_connections(former->server);
	return count;
}

void admin_free(struct admin **address)
{
	struct admin *admin = *address;

	if (!admin)
		return;
	*address = NULL;
	admin_cut(admin);
	sweep(admin);
	ASSERT(!admin->former);
	free(admin);
}
