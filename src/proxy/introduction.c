/* SPDX-License-Identifier: Apache-2.0 */
/*
 * introduction: reads v1 or v2 through the connection's own intake, so that a request that came along stays
 * there.
 *
 * It has the time of a head, in the fiber of the first request: a connection that sends nothing costs none.
 * The balancer's own checks (LOCAL, families that are no IP) leave the address of the peer as it is.
 */
#include "proxy/introduction.h"

#include "codec/proxy_protocol.h"
#include "proxy/door.h"

static result read_header(struct session *session, struct intake *in, struct proxy_header *ret_header)
{
	enum proxy_state state;
	size_t len;

	while ((state = proxy_header_parse(intake_data(in), ret_header, &len)) == PROXY_MORE)
		TRY(stream_fill(&session->connection->socket.stream, in, session->until));
	if (state == PROXY_FAILED)
		return error_make(ERROR_MALFORMED, "no PROXY protocol header, or a malformed one");
	intake_consume(in, len);
	return OK;
}

/* Whom the balancer speaks for is the client from here on. Other families say nothing that could be used. */
static void take_over(struct connection *connection, const struct proxy_header *header)
{
	struct buf ip = buf_over(connection->ip, sizeof connection->ip);

	if (header->family != PROXY_IP)
		return;
	ip_print(header->source, &ip);
	connection->ip_len = (uint8_t)ip.len;
	address_of_ip(buf_str(&ip), header->source_port, &connection->peer);
}

/* Whoever can reach the port can make many. */
static void tell(const struct connection *connection, result_value why)
{
	struct door *door = connection->door;
	struct journal *journal = door->worker->journal;
	uint64_t unsaid;

	if (!line_limit_pass(&door->failed_introductions, loop_now(door->worker->loop), &unsaid))
		return;
	if (unsaid)
		journal_warn(journal,
			     "listener %.*s: %llu more connections were closed without an introduction",
			     STR_ARG(door->snapshot->name), (unsigned long long)unsaid);
	journal_warn(journal, "listener %.*s: a connection from %.*s is closed: %s",
		     STR_ARG(door->snapshot->name), connection->ip_len, connection->ip, why.why);
}

result introduction_read(struct session *session, struct intake *in)
{
	struct connection *connection = session->connection;
	struct proxy_header header;
	result_value read;

	if (connection->is_introduced)
		return OK;
	read = read_header(session, in, &header);
	if (failed(read)) {
		tell(connection, read);
		return read;
	}
	take_over(connection, &header);
	connection->is_introduced = true;
	return OK;
}
