/* SPDX-License-Identifier: Apache-2.0 */
/*
 * health_probe: connect, ask, look at the answer.
 */
#include "upstream/health_probe.h"

#include "codec/grpc_health.h"
#include "codec/h1_print.h"
#include "http/h1_head.h"

enum {
	FIELDS_MAX = 64,
	HEAD_MAX = 16 * 1024,
	BODY_READ = 64 * 1024, /* of what the answer to a GET says, which nobody looks at */
	MESSAGE_MAX = 1024,
};

static const struct h1_limits answer_limits = {
	.request_line = 4 * 1024,
	.field = 8 * 1024,
	.name = 256,
	.head = HEAD_MAX,
	.fields = FIELDS_MAX,
};

/* Heads are taken in only while there is room for one: of HTTP/1 for all that may come before the answer, of
 * HTTP/2 for the answer's and its trailers. */
enum { ROOM_H1 = 256 * 1024, ROOM_H2 = 1024 * 1024 };

/* One question under way. */
struct probe_run {
	const struct health_question *question;
	struct arena *arena;
	deadline until;
	struct client *client;
	struct buf *words;
};

static result unhealthy(void)
{
	return error_make(ERROR_INVALID, "the endpoint is not well");
}

static void say(struct probe_run *run, str words)
{
	buf_put(run->words, str_slice(words, 0, run->words->max - run->words->len));
}

static void say_number(struct probe_run *run, const char *before, uint64_t number)
{
	say(run, str_of(before));
	buf_put_u64(run->words, number);
}

/* ---- asking ---- */

static str print_get(const struct probe_run *run)
{
	const struct health_question *question = run->question;
	struct buf out = arena_open(run->arena, HEAD_MAX);

	buf_put(&out, STR("GET "));
	buf_put(&out, question->config.path);
	buf_put(&out, STR(" HTTP/1.1\r\n"));
	h1_line_print(&out, STR("Host"), question->host);
	buf_put(&out, STR("User-Agent: gatehouse-health-check\r\nConnection: close\r\n\r\n"));
	return arena_close(run->arena, &out);
}

static str print_call(const struct probe_run *run, size_t length)
{
	struct buf out = arena_open(run->arena, HEAD_MAX);

	buf_put(&out, STR("POST /grpc.health.v1.Health/Check HTTP/1.1\r\n"));
	h1_line_print(&out, STR("Host"), run->question->host);
	buf_put(&out, STR("Content-Type: application/grpc\r\nTE: trailers\r\n"
			  "User-Agent: gatehouse-health-check\r\nContent-Length: "));
	buf_put_u64(&out, length);
	buf_put(&out, STR("\r\n\r\n"));
	return arena_close(run->arena, &out);
}

static str print_message(const struct probe_run *run)
{
	struct buf out = arena_open(run->arena, MESSAGE_MAX);

	grpc_health_print(run->question->config.service, &out);
	return arena_close(run->arena, &out);
}

/* ---- the answer ---- */

/* As much as there is room for; fails where it breaks off. *ret_len: also of one that is larger. */
static result read_body(struct probe_run *run, char *room, size_t max, size_t *ret_len)
{
	struct body_source *body = run->client->body;
	struct piece piece = { 0 };

	*ret_len = 0;
	while (!piece.is_last && *ret_len < BODY_READ) {
		size_t left = *ret_len < max ? max - *ret_len : 0;

		TRY(body_peek(body, run->until, &piece));
		if (piece.bytes.len && left)
			memcpy(room + *ret_len, piece.bytes.ptr,
			       piece.bytes.len < left ? piece.bytes.len : left);
		*ret_len += piece.bytes.len;
		body_consume(body, piece.bytes.len);
	}
	return OK;
}

static result judge_get(struct probe_run *run, const struct http_response *response)
{
	size_t len;

	if (!status_is_in(&run->question->config.status, response->status)) {
		say_number(run, "answered ", (uint64_t)response->status);
		return unhealthy();
	}
	return read_body(run, NULL, 0, &len);
}

/* As that of any call (http/grpc_source.h): one in the head counts where nothing follows it (a call that was
 * refused has only that), and one that is told twice is none. */
static str grpc_status(const struct probe_run *run, const struct http_response *response, bool has_message)
{
	const struct http_fields *trailers = &run->client->body->trailers;
	const struct http_fields *fields = has_message || trailers->count ? trailers : &response->fields;
	bool is_in_doubt = http_fields_count(fields, HTTP_GRPC_STATUS) > 1;

	return is_in_doubt ? STR("twice") : http_fields_value(fields, HTTP_GRPC_STATUS);
}

static result judge_serving(struct probe_run *run, str body)
{
	uint64_t status;

	if (!grpc_health_read(body, &status)) {
		say(run, STR("answered what is no health check's answer"));
		return unhealthy();
	}
	if (status == GRPC_HEALTH_SERVING)
		return OK;
	if (grpc_health_word(status).len) {
		say(run, STR("answered "));
		say(run, grpc_health_word(status));
	} else {
		say_number(run, "answered status ", status);
	}
	return unhealthy();
}

static result judge_call(struct probe_run *run, const struct http_response *response)
{
	char message[MESSAGE_MAX];
	size_t len;
	str status;

	if (response->status != 200) {
		say_number(run, "answered ", (uint64_t)response->status);
		return unhealthy();
	}
	if (!str_starts(http_fields_value(&response->fields, HTTP_CONTENT_TYPE), STR("application/grpc"))) {
		say(run, STR("answered what is not gRPC"));
		return unhealthy();
	}
	TRY(read_body(run, message, sizeof message, &len));
	status = grpc_status(run, response, len > 0);
	if (!str_eq(status, STR("0"))) {
		say(run, STR("answered grpc-status "));
		say(run, status.len ? status : STR("none"));
		return unhealthy();
	}
	return judge_serving(run, (str) { message, len < sizeof message ? len : sizeof message });
}

/* ---- one run ---- */

static result ask(struct probe_run *run)
{
	bool is_call = run->question->config.type == HEALTH_CHECK_GRPC;
	str body = is_call ? print_message(run) : (str) { 0 };
	str head = is_call ? print_call(run, body.len) : print_get(run);
	struct http_response response;

	run->client->limits = &answer_limits;
	run->client->shared_fields = ARENA_ARRAY(run->arena, struct http_field, FIELDS_MAX);
	TRY(client_send_whole(run->client, run->arena, head, body, run->until));
	TRY(client_read_final(run->client, run->arena, is_call ? HTTP_POST : HTTP_GET, run->until,
			      &response));
	return is_call ? judge_call(run, &response) : judge_get(run, &response);
}

/* The upstream is a stand-in, of which the pool looks at how it is spoken to. A session of HTTP/2 ends with
 * its only stream. */
static result connect_to(struct pool *pool, const struct probe_run *run, struct endpoint *endpoint,
			 struct pool_connection **ret_connection)
{
	const struct health_question *question = run->question;
	bool is_call = question->config.type == HEALTH_CHECK_GRPC;
	const struct upstream_config config = { .protocol = is_call ? UPSTREAM_H2 : question->protocol };
	const struct upstream asked = { .config = &config, .tls = question->tls };

	if (question->config.type == HEALTH_CHECK_TCP && !question->tls)
		return pool_connect_h1(pool, &asked, endpoint, run->until, ret_connection);
	return pool_connect(pool, &asked, endpoint, run->until, ret_connection);
}

/* The system's word says more than that there is no connection. */
static void say_failure(struct probe_run *run, const char *what, result_value why)
{
	say(run, str_of(what));
	if (why.kind == ERROR_TIMEOUT)
		say(run, STR("not in time"));
	else
		say(run, str_of(why.sys ? strerror(why.sys) : why.why));
}

static void say_question(struct probe_run *run)
{
	const struct health_check_config *config = &run->question->config;

	if (config->type == HEALTH_CHECK_HTTP) {
		say(run, STR("GET "));
		say(run, config->path);
	} else {
		say(run, config->type == HEALTH_CHECK_GRPC ? STR("grpc") : STR("tcp"));
	}
	say(run, STR(": "));
}

size_t health_probe_room(const struct health_question *question)
{
	bool is_h1 = question->config.type == HEALTH_CHECK_TCP ||
		     (question->config.type == HEALTH_CHECK_HTTP && question->protocol == UPSTREAM_H1);

	return is_h1 ? ROOM_H1 : ROOM_H2;
}

result health_probe_run(struct pool *pool, const struct health_question *question, struct endpoint *endpoint,
			struct arena *arena, deadline until, struct buf *ret_words)
{
	struct probe_run run = { .question = question, .arena = arena, .until = until, .words = ret_words };
	struct pool_connection *connection;
	result_value done;

	say_question(&run);
	done = connect_to(pool, &run, endpoint, &connection);
	if (failed(done)) {
		say_failure(&run, "no connection: ", done);
		return done;
	}
	run.client = connection->client;
	if (question->config.type != HEALTH_CHECK_TCP)
		done = ask(&run);
	/* It has filled the room that a check has for what is said: that is no want of this process. */
	if (done.kind == ERROR_LIMIT)
		done = error_make(ERROR_MALFORMED, "larger than a check's answer may be");
	pool_drop(&connection);
	if (failed(done) && done.kind != ERROR_INVALID)
		say_failure(&run, "no answer: ", done);
	return done;
}
