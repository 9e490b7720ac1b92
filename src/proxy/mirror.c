/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mirror: ordered by a policy, filled while the request is uploaded, sent when that is over, and forgotten.
 *
 * Both bodies are summed up as they pass, whatever their pieces are: two answers are compared without either
 * being held.
 */
#include "proxy/mirror.h"

#include <stdlib.h>

#include "base/assert.h"
#include "proxy/destination.h"
#include "proxy/fetch.h"
#include "proxy/handover.h"

enum {
	UNDER_WAY_MAX = 256, /* and waiting to leave */
	ARENA_MAX = 4 * 1024 * 1024,
	ROOM_LEAST = 64 * 1024 * 1024, /* that the worker must have left for its own */
	LINES_MAX = 10,                /* in the log, a second */
};

struct mirrors {
	struct mirror_copy *first; /* under way */
	size_t count;              /* with those that have not left yet */
	deadline second;           /* in which lines have been written */
	unsigned lines;
};

/* What a body comes to. */
struct body_sum {
	uint64_t hash, length;
};

struct mirror_copy {
	struct worker *worker;
	struct generation *generation;
	const struct upstream *upstream;
	struct arena arena;
	struct mirror_copy *next, **link; /* of the exchange's, or the worker's */
	struct fiber *fiber;
	enum http_method method;
	bool compares;
	bool is_cancelled;
	bool is_complete; /* the request's body is here whole */
	bool is_too_large;
	char *body;
	size_t len, max;
	str head, request_id;

	int status; /* of the upstream's answer */
	struct body_sum sum, its_sum;
};

struct mirrors *mirrors_new(void)
{
	struct mirrors *mirrors = calloc(1, sizeof *mirrors);

	ASSERT(mirrors);
	return mirrors;
}

void mirrors_free(struct mirrors **address)
{
	ASSERT(!*address || (*address)->count == 0);
	free(*address);
	*address = NULL;
}

/* ---- sums ---- */

/* FNV-1a: byte by byte, so that pieces make no difference. It tells answers apart, and keeps nobody out. */
static void sum_add(struct body_sum *sum, str bytes)
{
	if (!sum->length)
		sum->hash = 0xcbf29ce484222325;
	for (size_t i = 0; i < bytes.len; i++)
		sum->hash = (sum->hash ^ (unsigned char)bytes.ptr[i]) * 0x100000001b3;
	sum->length += bytes.len;
}

static bool sum_take(void *self, str bytes)
{
	sum_add(self, bytes);
	return true;
}

/* ---- what goes by ---- */

/* A source above a source that shows what is consumed. */
struct tap {
	struct body_source source; /* first */
	struct body_source *from;
	struct mirror_copy *copy;
	void (*show)(struct mirror_copy *copy, str bytes, bool is_end);
	size_t len; /* of the last piece */
	bool is_last;
};

static struct tap *tap_of(const struct body_source *source)
{
	return (struct tap *)(uintptr_t)source;
}

static bool tap_is_ready(const struct body_source *source)
{
	return body_is_ready(tap_of(source)->from);
}

static result tap_peek(struct body_source *source, deadline until, struct piece *ret_piece)
{
	struct tap *tap = tap_of(source);

	TRY(body_peek(tap->from, until, ret_piece));
	tap->len = ret_piece->bytes.len;
	tap->is_last = ret_piece->is_last;
	source->trailers = tap->from->trailers;
	if (tap->is_last && !tap->len) /* of nothing nothing need be consumed */
		tap->show(tap->copy, (str) { 0 }, true);
	return OK;
}

/* The bytes are asked for again, for the piece may have moved while it was sent. */
static void tap_consume(struct body_source *source, size_t n)
{
	struct tap *tap = tap_of(source);
	bool is_end = tap->is_last && n == tap->len;
	struct piece piece = { 0 };

	if (n)
		ASSERT(!failed(body_peek(tap->from, 0, &piece)) && piece.bytes.len >= n);
	if (n)
		tap->show(tap->copy, str_slice(piece.bytes, 0, n), is_end);
	body_consume(tap->from, n);
	tap->len -= n;
}

static const struct body_source_ops tap_ops = {
	.is_ready = tap_is_ready,
	.peek = tap_peek,
	.consume = tap_consume,
};

static struct body_source *tap_new(struct exchange *x, struct body_source *from, struct mirror_copy *copy,
				   void (*show)(struct mirror_copy *copy, str bytes, bool is_end))
{
	struct tap *tap = ARENA_NEW(&x->arena, struct tap);

	*tap = (struct tap) { .source.ops = &tap_ops, .from = from, .copy = copy, .show = show };
	return &tap->source;
}

/* For its whole body, which is asked for when some of it is there. */
static bool has_room(const struct mirror_copy *copy)
{
	return copy->body || arena_left(&copy->arena) >= copy->max;
}

static void show_request(struct mirror_copy *copy, str bytes, bool is_end)
{
	copy->is_complete |= is_end;
	if (!bytes.len)
		return;
	copy->is_too_large |= bytes.len > copy->max - copy->len || !has_room(copy);
	if (copy->is_too_large)
		return;
	if (!copy->body)
		copy->body = arena_bytes(&copy->arena, copy->max);
	memcpy(copy->body + copy->len, bytes.ptr, bytes.len);
	copy->len += bytes.len;
}

static void show_answer(struct mirror_copy *copy, str bytes, bool is_end)
{
	(void)is_end;
	sum_add(&copy->sum, bytes);
}

struct body_source *mirror_request(struct exchange *x, struct body_source *body)
{
	const struct http_request *request = &x->request.head;

	for (struct mirror_copy *copy = x->mirrors; copy; copy = copy->next) {
		copy->max = exchange_limits(x)->replay;
		copy->is_complete = request->framing == HTTP_NO_BODY;
		if (request->framing == HTTP_LENGTH) {
			copy->is_too_large = request->length > copy->max;
			copy->max = copy->is_too_large ? 0 : (size_t)request->length;
		}
		if (!copy->is_complete && !copy->is_too_large)
			body = tap_new(x, body, copy, show_request);
	}
	return body;
}

struct body_source *mirror_answer(struct exchange *x, struct body_source *body)
{
	for (struct mirror_copy *copy = x->mirrors; copy; copy = copy->next)
		if (copy->compares)
			body = tap_new(x, body, copy, show_answer);
	return body;
}

/* ---- its life ---- */

static void link_to(struct mirror_copy **list, struct mirror_copy *copy)
{
	copy->next = *list;
	copy->link = list;
	if (copy->next)
		copy->next->link = &copy->next;
	*list = copy;
}

static void unlink_copy(struct mirror_copy *copy)
{
	*copy->link = copy->next;
	if (copy->next)
		copy->next->link = copy->link;
}

void mirror_order(void *self, struct view *view, const struct destination *to, bool compares)
{
	struct exchange *x = exchange_of(view);
	struct worker *worker = x->worker;
	struct mirror_copy *copy;

	(void)self;
	if (x->is_websocket) /* nobody would talk to it */
		return;
	if (worker->mirrors->count == UNDER_WAY_MAX || block_pool_left(&worker->blocks) < ROOM_LEAST) {
		metrics_count_copy(worker->metrics, COPY_BUSY);
		return;
	}
	copy = calloc(1, sizeof *copy);
	ASSERT(copy);
	worker->mirrors->count++;
	arena_init(&copy->arena, &worker->blocks, ARENA_MAX);
	copy->worker = worker;
	copy->generation = x->generation;
	generation_enter(copy->generation);
	copy->upstream = to->upstream;
	copy->compares = compares;
	link_to(&x->mirrors, copy);
}

/* Linked or not. */
static void copy_free(struct mirror_copy *copy)
{
	copy->worker->mirrors->count--;
	arena_fini(&copy->arena);
	generation_leave(copy->generation);
	free(copy);
}

void mirror_drop(struct exchange *x)
{
	while (x->mirrors) {
		struct mirror_copy *copy = x->mirrors;

		unlink_copy(copy);
		ASSERT(x->mirrors != copy);
		if (copy->is_too_large)
			metrics_count_copy(copy->worker->metrics, COPY_LARGE);
		copy_free(copy);
	}
}

/* At most so many a second: one upstream that differs must not fill the log. */
static bool may_write(struct mirrors *mirrors, deadline now)
{
	if (now - mirrors->second >= SECOND) {
		mirrors->second = now;
		mirrors->lines = 0;
	}
	return mirrors->lines++ < LINES_MAX;
}

static void compare(struct mirror_copy *copy, int its_status)
{
	struct worker *worker = copy->worker;
	bool is_same = copy->status == its_status && copy->sum.length == copy->its_sum.length &&
		       copy->sum.hash == copy->its_sum.hash;

	metrics_count_copy(worker->metrics, is_same ? COPY_SAME : COPY_OTHER);
	if (is_same || !may_write(worker->mirrors, loop_now(worker->loop)))
		return;
	journal_warn(worker->journal,
		     "mirror %.*s differs for request %.*s: status %d and %llu bytes, where %d and %llu were "
		     "sent",
		     STR_ARG(copy->upstream->name), STR_ARG(copy->request_id), its_status,
		     (unsigned long long)copy->its_sum.length, copy->status,
		     (unsigned long long)copy->sum.length);
}

static void copy_send(struct mirror_copy *copy)
{
	const struct upstream_timeouts *timeouts = &copy->upstream->config->timeouts;
	struct worker *worker = copy->worker;
	struct fetch_call call = {
		.worker = worker,
		.generation = copy->generation,
		.upstream = copy->upstream,
		.arena = &copy->arena,
		.method = copy->method,
		.head = copy->head,
		.body = { copy->body, copy->len },
		.until = deadline_after(loop_now(worker->loop), timeouts->connect + timeouts->response),
		.take = sum_take,
		.self = &copy->its_sum,
	};
	struct http_response response;
	bool is_whole;
	result_value asked = fetch_run(&call, &response, &is_whole);

	metrics_count_copy(worker->metrics, failed(asked) || !is_whole ? COPY_FAILED : COPY_ANSWERED);
	if (copy->compares && !failed(asked) && is_whole)
		compare(copy, response.status);
}

static void copy_fiber(struct fiber *self, void *argument)
{
	struct mirror_copy *copy = argument;

	copy->fiber = self;
	copy_send(copy);
	unlink_copy(copy);
	copy_free(copy);
}

void mirrors_cancel(struct mirrors *mirrors)
{
	struct mirror_copy *copy = mirrors->first;

	while (copy) {
		bool is_due = copy->fiber && !copy->is_cancelled;

		copy->is_cancelled |= is_due;
		if (is_due)
			fiber_cancel(copy->fiber);
		copy = is_due ? mirrors->first : copy->next; /* others may be gone with it */
	}
}

/* The request's head as the upstream gets it, with the length of what is here. */
static str print_head(struct exchange *x, struct mirror_copy *copy)
{
	struct http_request *request = &x->request.head;
	struct http_request as_it_was = *request;
	str head;

	if (request->framing != HTTP_NO_BODY)
		request->framing = HTTP_LENGTH;
	request->length = copy->len;
	head = handover_print_request(x);
	request->framing = as_it_was.framing;
	request->length = as_it_was.length;
	return arena_str(&copy->arena, head);
}

static void leave(struct exchange *x, struct mirror_copy *copy)
{
	struct mirrors *mirrors = copy->worker->mirrors;
	result_value started;

	unlink_copy(copy);
	copy->method = x->request.head.method;
	copy->head = print_head(x, copy);
	copy->request_id = arena_str(&copy->arena, x->view.request_id);
	copy->status = x->status;
	link_to(&mirrors->first, copy);
	started = fiber_start(x->worker->fibers, copy_fiber, copy);
	if (!failed(started))
		return;
	metrics_count_copy(x->worker->metrics, COPY_BUSY);
	unlink_copy(copy);
	copy_free(copy);
}

void mirror_leave(struct exchange *x, bool is_over, bool is_whole)
{
	struct mirror_copy *next;

	for (struct mirror_copy *copy = x->mirrors; copy; copy = next) {
		next = copy->next;
		if (!copy->is_complete || copy->is_too_large || (copy->compares && !is_over))
			continue;
		copy->compares &= is_whole; /* half an answer is like none */
		leave(x, copy);
	}
}
