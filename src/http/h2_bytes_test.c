/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stream that another protocol was switched to, without a fiber: it sends back what comes, as a tunnel
 * would, and says what it was told.
 */
#include "base/testing.h"
#include "http/h2_stream.h"
#include "http/h2_testing.h"
#include "io/stream.h"

enum { TEXT_MAX = 256 * 1024, CARRIED_MAX = 4, ARENA_MAX = 1 << 20 };

struct carried {
	struct h2_stream *stream;
	struct stream *bytes;
	struct intake in;
	result_value end;
	size_t echoed;
	unsigned told;
	bool has_ended, is_quiet; /* nothing is read */
	bool ends_at_once;
};

struct scene {
	struct h2_bench bench; /* first */
	struct frames in;
	struct carried carried[CARRIED_MAX];
	size_t count;
	bool is_quiet, ends_at_once;
};

static void end_carried(struct carried *carried, result_value why)
{
	carried->end = why;
	carried->has_ended = true;
	intake_fini(&carried->in);
	h2_stream_end(carried->stream);
}

/* Until one side has had enough. */
static result echo(struct carried *carried)
{
	for (;;) {
		while (carried->in.len) {
			struct iovec part = { carried->in.at, carried->in.len };
			size_t sent;

			TRY(stream_send(carried->bytes, &part, 1, STREAM_AT_ONCE, &sent));
			intake_consume(&carried->in, sent);
			carried->echoed += sent;
		}
		TRY(stream_fill(carried->bytes, &carried->in, STREAM_AT_ONCE));
	}
}

static void on_ready(void *owner)
{
	struct carried *carried = owner;
	result_value end;

	carried->told++;
	if (carried->has_ended || carried->is_quiet)
		return;
	end = echo(carried);
	if (end.kind == ERROR_TIMEOUT)
		return;
	if (end.kind == ERROR_CLOSED)
		assert_false(failed(stream_shut(carried->bytes)));
	end_carried(carried, end);
}

static void run(struct fiber *self, void *argument)
{
	struct h2_stream *stream = argument;
	struct scene *scene = (struct scene *)h2_stream_connection(stream);
	struct carried *carried = &scene->carried[scene->count++];
	struct server *server = h2_stream_begin(stream, self);
	struct http_response response = { .status = 200, .framing = HTTP_CHUNKED };
	struct server_request request;
	struct intake *in;
	struct arena arena;
	result_value done;

	arena_init(&arena, &scene->bench.world.pool, ARENA_MAX);
	done = server_read(server, &arena, DEADLINE_NEVER, &request);
	assert_false(failed(done));
	done = sink_flush(server_respond(server, &arena, &request.head, &response), DEADLINE_NEVER);
	assert_false(failed(done));
	*carried = (struct carried) { .stream = stream, .is_quiet = scene->is_quiet };
	carried->bytes = server_take_over(server, &in);
	assert_null(in);
	intake_init(&carried->in, &scene->bench.world.scratch);
	arena_fini(&arena);
	h2_stream_carry(stream, on_ready, carried);
	if (scene->ends_at_once)
		end_carried(carried, OK);
	else
		on_ready(carried);
}

static void on_request(struct h2_server *h2, struct h2_stream *stream)
{
	world_start(&((struct scene *)h2)->bench.world, run, stream);
}

static void nothing(struct h2_server *h2)
{
	(void)h2;
}

static const struct h2_server_ops ops = { on_request, nothing, nothing };

#define CONNECT                                                                                  \
	":method: CONNECT\n:protocol: websocket\n:scheme: http\n:authority: gw.test\n:path: /\n" \
	"sec-websocket-version: 13\n"

static void scene_open(struct scene *scene)
{
	*scene = (struct scene) { 0 };
	bench_open(&scene->bench, &(struct h2_options) { .has_connect_protocol = true });
	scene->bench.h2.ops = &ops;
	frames_open(&scene->in);
	put_preface(&scene->in);
}

static void scene_close(struct scene *scene)
{
	for (size_t i = 0; i < scene->count; i++)
		if (!scene->carried[i].has_ended)
			end_carried(&scene->carried[i], OK);
	bench_close(&scene->bench);
	frames_close(&scene->in);
}

static void give(struct scene *scene, size_t step)
{
	bench_feed(&scene->bench, buf_str(&scene->in.buf), step);
	scene->in.buf.len = 0;
	bench_turn(&scene->bench);
}

static void assert_answers(const struct scene *scene, const char *expected)
{
	char *bytes = malloc(TEXT_MAX);
	struct buf text = buf_over(bytes, TEXT_MAX);

	assert_non_null(bytes);
	bench_answers(&scene->bench, &text);
	assert_text(buf_str(&text), expected);
	free(bytes);
}

static void bytes_pass_until_the_client_ends(void **state)
{
	(void)state;
	for (size_t step = 0; step < 40; step++) {
		struct scene scene;

		scene_open(&scene);
		put_head(&scene.in, 1, 0, CONNECT);
		put_frame(&scene.in, FRAME_DATA, 0, 1, STR("hello"));
		put_frame(&scene.in, FRAME_DATA, FRAME_END, 1, STR(", you"));
		give(&scene, step);
		assert_int_equal(scene.carried[0].echoed, 10);
		assert_int_equal(scene.carried[0].end.kind, ERROR_CLOSED);
		if (step == 0)
			assert_answers(&scene, "1 HEADERS :status=200\n1 DATA 10\n1 DATA 0 end\n");
		scene_close(&scene);
	}
}

static void a_reset_is_told(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene);
	put_head(&scene.in, 1, 0, CONNECT);
	give(&scene, 0);
	put_frame(&scene.in, FRAME_DATA, 0, 1, STR("hello"));
	put_number(&scene.in, FRAME_RST_STREAM, 1, 8);
	give(&scene, 0);
	assert_int_equal(scene.carried[0].end.kind, ERROR_RESET);
	assert_true(h2_server_is_idle(&scene.bench.h2));
	scene_close(&scene);
}

/* The client's own, of another stream's, and of the connection. */
static void what_the_client_does_not_take_waits(void **state)
{
	static char bytes[16000];
	struct scene scene;

	(void)state;
	scene_open(&scene);
	put_head(&scene.in, 1, 0, CONNECT);
	for (unsigned i = 0; i < 4; i++)
		put_frame(&scene.in, FRAME_DATA, 0, 1, (str) { bytes, sizeof bytes });
	give(&scene, 0);
	put_frame(&scene.in, FRAME_DATA, 0, 1, (str) { bytes, sizeof bytes });
	give(&scene, 0);
	/* 65,535 bytes are what the client takes without a word; of the rest the gateway holds a window. */
	assert_int_equal(scene.carried[0].echoed, 65535);
	assert_false(scene.carried[0].has_ended);
	put_number(&scene.in, FRAME_WINDOW_UPDATE, 1, 10000);
	give(&scene, 0);
	assert_int_equal(scene.carried[0].echoed, 65535); /* the connection's window is full, too */
	put_number(&scene.in, FRAME_WINDOW_UPDATE, 0, 10000);
	give(&scene, 0);
	assert_int_equal(scene.carried[0].echoed, 75535);
	put_number(&scene.in, FRAME_WINDOW_UPDATE, 0, 100000);
	put_number(&scene.in, FRAME_WINDOW_UPDATE, 1, 100000);
	give(&scene, 0);
	assert_int_equal(scene.carried[0].echoed, 80000);
	scene_close(&scene);
}

/* Who does not read lets the window fill, and gives it back when it reads. */
static void who_does_not_read_holds_the_client_up(void **state)
{
	static char bytes[16000];
	struct scene scene;

	(void)state;
	scene_open(&scene);
	scene.is_quiet = true;
	put_head(&scene.in, 1, 0, CONNECT);
	for (unsigned i = 0; i < 4; i++)
		put_frame(&scene.in, FRAME_DATA, 0, 1, (str) { bytes, sizeof bytes });
	give(&scene, 0);
	assert_answers(&scene, "1 HEADERS :status=200\n");
	scene.carried[0].is_quiet = false;
	on_ready(&scene.carried[0]);
	bench_turn(&scene.bench);
	assert_int_equal(scene.carried[0].echoed, 64000);
	assert_int_equal(scene.bench.world.pool.in_use, 0);
	scene_close(&scene);
}

/* The connection takes nothing for a while: what has no room is told when there is some. */
static void room_in_the_output_is_waited_for(void **state)
{
	static char bytes[16000];
	struct scene scene;

	(void)state;
	scene_open(&scene);
	put_head(&scene.in, 1, 0, CONNECT);
	put_head(&scene.in, 3, 0, CONNECT);
	put_number(&scene.in, FRAME_WINDOW_UPDATE, 0, 1000000);
	put_number(&scene.in, FRAME_WINDOW_UPDATE, 1, 1000000);
	give(&scene, 0);
	scene.bench.takes = 0;
	for (unsigned i = 0; i < 4; i++) {
		put_frame(&scene.in, FRAME_DATA, 0, 1, (str) { bytes, sizeof bytes });
		put_frame(&scene.in, FRAME_DATA, i == 3 ? FRAME_END : 0, 3, (str) { bytes, sizeof bytes });
	}
	give(&scene, 0);
	assert_true(scene.carried[0].echoed + scene.carried[1].echoed < 128000);
	assert_true(scene.bench.h2.out.len < 2 * H2_OUT_MAX);
	scene.bench.takes = 1000;
	bench_turn(&scene.bench);
	assert_int_equal(scene.carried[0].echoed, 64000);
	assert_int_equal(scene.carried[1].echoed, 64000);
	assert_true(scene.carried[1].has_ended);
	scene_close(&scene);
}

/* Whatever is under way when it ends. */
static void a_stream_may_end_at_any_time(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene);
	scene.ends_at_once = true;
	put_head(&scene.in, 1, 0, CONNECT);
	put_frame(&scene.in, FRAME_DATA, 0, 1, STR("hello"));
	put_frame(&scene.in, FRAME_DATA, FRAME_END, 1, STR("too late"));
	give(&scene, 0);
	assert_answers(&scene, "1 HEADERS :status=200\n1 RST_STREAM 2\n");
	scene_close(&scene);
}

static void an_abandoned_connection_ends_all(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene);
	put_head(&scene.in, 1, 0, CONNECT);
	put_head(&scene.in, 3, 0, CONNECT);
	give(&scene, 0);
	h2_server_abandon(&scene.bench.h2);
	assert_int_equal(scene.carried[0].end.kind, ERROR_RESET);
	assert_int_equal(scene.carried[1].end.kind, ERROR_RESET);
	assert_true(h2_server_is_idle(&scene.bench.h2));
	scene_close(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_pass_until_the_client_ends),
		cmocka_unit_test(a_reset_is_told),
		cmocka_unit_test(what_the_client_does_not_take_waits),
		cmocka_unit_test(who_does_not_read_holds_the_client_up),
		cmocka_unit_test(room_in_the_output_is_waited_for),
		cmocka_unit_test(a_stream_may_end_at_any_time),
		cmocka_unit_test(an_abandoned_connection_ends_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
