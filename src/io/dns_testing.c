/* SPDX-License-Identifier: Apache-2.0 */
#include "io/dns_testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/container.h"

enum {
	TYPE_A = 1,
	TYPE_AAAA = 28,
	TYPE_SRV = 33,
	NXDOMAIN = 3,
	SERVFAIL = 2,
	REFUSED = 5,
	TRUNCATED = 0x02,
	PACKET = 512
};

static const struct zone zones[] = {
	{ .name = "one.test", .a = 1, .ttl = 30 },
	{ .name = "both.test", .a = 2, .aaaa = 2, .ttl = 30 },
	{ .name = "six.test", .aaaa = 1, .ttl = 30 },
	{ .name = "many.test", .a = 20, .ttl = 30 },
	{ .name = "short.test", .a = 1, .ttl = 0 },
	{ .name = "long.test", .a = 1, .ttl = 86400 },
	{ .name = "empty.test" },
	{ .name = "gone.test", .code = NXDOMAIN },
	{ .name = "broken.test", .code = SERVFAIL },
	{ .name = "closed.test", .code = REFUSED },
	{ .name = "silent.test", .a = 1, .ttl = 30, .is_silent = true },
	{ .name = "big.test", .a = 12, .ttl = 30, .is_truncated = true },
	{ .name = "crowd.test", .a = 300, .ttl = 30, .is_truncated = true },
	{ .name = "_web.test",
	  .services = { { 1, 5, 8001, "one.test" }, { 2, 7, 8002, "both.test" } },
	  .ttl = 20 },
	{ .name = "_fast.test", .services = { { 0, 0, 8001, "one.test" } }, .ttl = 2 },
	{ .name = "_slow.test", .services = { { 0, 0, 8001, "short.test" } }, .ttl = 20 },
	{ .name = "_not.test", .services = { { 0, 0, 0, "" } }, .ttl = 20 },
	{ .name = "_half.test",
	  .services = { { 0, 1, 8001, "gone.test" }, { 0, 1, 8002, "one.test" } },
	  .ttl = 20 },
	{ .name = "_lost.test", .services = { { 0, 1, 8001, "gone.test" } }, .ttl = 20 },
	{ .name = "_crowds.test",
	  .services = { { 30, 1, 8003, "one.test" },
			{ 20, 1, 8002, "crowd.test" },
			{ 10, 1, 8001, "one.test" } },
	  .ttl = 20 },
	{ .name = "_mute.test",
	  .services = { { 0, 1, 8001, "silent.test" },
			{ 0, 1, 8002, "silent.test" },
			{ 1, 1, 8002, "one.test" },
			{ 1, 1, 8003, "one.test" } },
	  .ttl = 20 },
	{ .name = "_long.test", .targets = 40, .ttl = 20, .is_truncated = true },
	{ .name = "_down.test", .services = { { 0, 1, 8001, "broken.test" } }, .ttl = 20 },
	{ .name = "_torn.test",
	  .services = { { 0, 1, 8002, "broken.test" }, { 0, 1, 8001, "one.test" } },
	  .ttl = 20 },
};

struct packet {
	struct buf out;
	char bytes[8192];
};

static void put_u16(struct buf *out, unsigned value)
{
	buf_put_char(out, (char)(value >> 8));
	buf_put_char(out, (char)value);
}

static unsigned services_of(const struct zone *zone)
{
	unsigned count = 0;

	while (count < ZONE_SERVICES_MAX && zone->services[count].target)
		count++;
	return count;
}

static unsigned records_of(const struct zone *zone, unsigned type)
{
	if (type != TYPE_SRV)
		return type == TYPE_A ? zone->a : zone->aaaa;
	return services_of(zone) + zone->targets;
}

static void put_head(struct buf *out, const struct zone *zone, unsigned type, size_t len)
{
	put_u16(out, 0xc00c); /* the name in the question */
	put_u16(out, type);
	put_u16(out, 1);
	put_u16(out, zone->ttl >> 16);
	put_u16(out, zone->ttl);
	put_u16(out, (unsigned)len);
}

static void put_addresses(struct buf *out, const struct server *server, const struct zone *zone,
			  unsigned type)
{
	for (unsigned i = 1; i <= records_of(zone, type); i++) {
		put_head(out, zone, type, type == TYPE_A ? 4 : 16);
		if (type == TYPE_AAAA)
			buf_put(out, STR("\xfd\0\0\0\0\0\0\0\0\0\0\0"));
		put_u16(out, server->uses_other_addresses ? 0x0a01 : 0x0a00);
		put_u16(out, i);
	}
}

static void put_service(struct buf *out, const struct zone *zone, const struct zone_service *service)
{
	str rest = str_of(service->target), label;

	put_head(out, zone, TYPE_SRV, 6 + rest.len + (rest.len ? 2 : 1));
	put_u16(out, service->priority);
	put_u16(out, service->weight);
	put_u16(out, service->port);
	/* The target's labels, and the root's. */
	while (str_next(&rest, '.', &label)) {
		buf_put_char(out, (char)label.len);
		buf_put(out, label);
	}
	buf_put_char(out, 0);
}

static void put_services(struct buf *out, const struct zone *zone)
{
	for (unsigned i = 0; i < services_of(zone); i++)
		put_service(out, zone, &zone->services[i]);
	for (unsigned i = 100; i < 100 + zone->targets; i++) {
		char target[16];

		ASSERT(snprintf(target, sizeof target, "t%u.test", i) > 0);
		put_service(out, zone, &(struct zone_service) { 0, 1, (uint16_t)(8000 + i), target });
	}
}

/* The name of the question, in dots; the end of the question is after its type and class. */
static size_t question_name(str packet, char name[256], unsigned *ret_type)
{
	size_t at = 12, len = 0;

	while (at < packet.len && packet.ptr[at]) {
		size_t label = (unsigned char)packet.ptr[at];

		if (len)
			name[len++] = '.';
		memcpy(name + len, packet.ptr + at + 1, label);
		len += label;
		at += label + 1;
	}
	name[len] = 0;
	*ret_type = (unsigned char)packet.ptr[at + 2];
	return at + 5;
}

static const struct zone *zone_find(const struct server *server, const char *name)
{
	static const struct zone unknown = { .code = NXDOMAIN }, target = { .a = 1, .ttl = 30 };

	for (const struct zone *zone = server->zones; zone && zone->name; zone++)
		if (strcmp(zone->name, name) == 0)
			return zone;
	for (size_t i = 0; i < sizeof zones / sizeof *zones; i++)
		if (strcmp(zones[i].name, name) == 0)
			return &zones[i];
	return strncmp(name, "t1", 2) == 0 ? &target : &unknown;
}

/* False: no answer. */
static bool server_answer(struct server *server, str question, bool is_udp, struct packet *packet)
{
	char name[256];
	unsigned type;
	size_t end = question_name(question, name, &type);
	const struct zone *zone = zone_find(server, name);
	bool is_truncated = is_udp && zone->is_truncated;
	unsigned code = server->is_down ? SERVFAIL : zone->code;

	server->questions += is_udp && type == TYPE_A;
	if (is_udp && (zone->is_silent || server->is_silent))
		return false;
	packet->out = buf_over(packet->bytes, sizeof packet->bytes);
	buf_put(&packet->out, str_slice(question, 0, 2));
	buf_put_char(&packet->out, (char)(0x85 | (is_truncated ? TRUNCATED : 0)));
	buf_put_char(&packet->out, (char)(0x80 | code));
	put_u16(&packet->out, 1);
	put_u16(&packet->out, code || is_truncated ? 0 : records_of(zone, type));
	put_u16(&packet->out, 0);
	put_u16(&packet->out, 0);
	buf_put(&packet->out, str_slice(question, 12, end));
	if (code || is_truncated)
		return true;
	if (type == TYPE_SRV)
		put_services(&packet->out, zone);
	else
		put_addresses(&packet->out, server, zone, type);
	return true;
}

static void server_on_ready(struct source *source)
{
	struct server *server = (struct server *)(void *)source;
	struct sockaddr_in from;
	socklen_t len = sizeof from;
	char question[PACKET];
	ssize_t count;

	while ((count = recvfrom(source->fd, question, sizeof question, 0, (struct sockaddr *)&from, &len)) >
	       0) {
		struct packet packet;

		if (server_answer(server, (str) { question, (size_t)count }, true, &packet))
			ASSERT(sendto(source->fd, packet.out.bytes, packet.out.len, 0,
				      (struct sockaddr *)&from, len) > 0);
	}
}

struct tcp_question {
	struct server *server;
	struct socket socket;
};

static void tcp_release(struct socket *socket)
{
	free(CONTAINER_OF(socket, struct tcp_question, socket));
}

/* Answers in two pieces, so that the resolver has to put them together. */
static result tcp_serve(struct tcp_question *question, struct intake *in)
{
	struct stream *stream = &question->socket.stream;
	struct packet packet;
	char size[2];

	for (;;) {
		while (in->len < 2 || in->len < 2 + (size_t)(unsigned char)intake_data(in).ptr[1])
			TRY(stream_fill(stream, in, DEADLINE_NEVER));
		server_answer(question->server, str_skip(intake_data(in), 2), false, &packet);
		intake_consume(in, 2 + (size_t)(unsigned char)intake_data(in).ptr[1]);
		size[0] = (char)(packet.out.len >> 8);
		size[1] = (char)packet.out.len;
		TRY(stream_send_all(stream, (str) { size, 2 }, DEADLINE_NEVER));
		TRY(fiber_sleep(fiber_current(stream->fibers), 0));
		TRY(stream_send_all(stream, buf_str(&packet.out), DEADLINE_NEVER));
	}
}

static void tcp_run(struct fiber *self, void *argument)
{
	struct tcp_question *question = argument;
	struct intake in;
	result_value served;

	(void)self;
	intake_init(&in, &question->server->world->scratch);
	served = tcp_serve(question, &in);
	ASSERT(failed(served));
	intake_fini(&in);
	stream_close(&question->socket.stream);
}

static void server_on_accept(struct listener *listener, int fd, const struct address *peer)
{
	struct server *server = listener->owner;
	struct tcp_question *question = calloc(1, sizeof *question);

	(void)peer;
	question->server = server;
	ASSERT(!failed(socket_open(&question->socket, server->world->fibers, fd)));
	question->socket.release = tcp_release;
	world_start(server->world, tcp_run, question);
}

/* UDP on the port that TCP was given, which somebody else may have. */
static int udp_open(const struct address *at)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (bind(fd, &at->any, at->len) == 0)
		return fd;
	close(fd);
	return -1;
}

uint16_t server_open(struct server *server, struct world *world)
{
	struct address any, at;
	int tcp, udp;

	*server = (struct server) { .world = world };
	ASSERT(address_of_ip(STR("127.0.0.1"), 0, &any));
	for (;;) {
		ASSERT(!failed(listener_bind(&any, &tcp, &at)));
		udp = udp_open(&at);
		if (udp >= 0)
			break;
		close(tcp);
	}
	ASSERT(!failed(source_open(world->loop, &server->udp, udp, server_on_ready)));
	ASSERT(!failed(listener_open(&server->tcp, world->loop, tcp, server_on_accept, NULL, server)));
	return address_port(&at);
}

void server_close(struct server *server)
{
	source_close(&server->udp);
	listener_close(&server->tcp);
}
