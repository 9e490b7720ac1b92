/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_cluster: the slots' nodes, as the last that was asked had them, and as redirections have corrected it
 * since.
 *
 * A node that CLUSTER SLOTS names no longer is let go of. Who asks is never held up by learning: until it is
 * done he is redirected.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "store/redis_private.h"

static const duration learn_every = SECOND, learn_timeout = SECOND;

/* ---- nodes ---- */

static void print_address(struct redis_node *node, str host, uint16_t port)
{
	struct buf out = buf_over(node->text, sizeof node->text);
	bool is_v6 = str_contains(host, STR(":"));

	buf_put(&out, is_v6 ? STR("[") : STR(""));
	buf_put(&out, host);
	buf_put(&out, is_v6 ? STR("]:") : STR(":"));
	buf_put_u64(&out, port);
	ASSERT(!buf_overflowed(&out));
	node->address = buf_str(&out);
}

static size_t find_node(const struct redis *redis, str address)
{
	for (size_t i = 0; i < REDIS_NODES_MAX; i++)
		if (redis->nodes[i] && str_eq(redis->nodes[i]->address, address))
			return i;
	return REDIS_NODES_MAX;
}

static size_t free_place(const struct redis *redis)
{
	size_t i = 0;

	while (i < REDIS_NODES_MAX && redis->nodes[i])
		i++;
	return i;
}

/* Finds or makes it. REDIS_NODES_MAX: there are as many as there may be, or it has no host. */
static size_t get_node(struct redis *redis, str said_by, const struct redis_spot *spot)
{
	str host = spot->host.len ? spot->host : said_by;
	struct redis_node *node = calloc(1, sizeof *node);
	size_t at;

	ASSERT(node);
	print_address(node, str_slice(host, 0, REDIS_HOST_MAX), spot->port);
	at = find_node(redis, node->address);
	if (at < REDIS_NODES_MAX || !host.len || (at = free_place(redis)) == REDIS_NODES_MAX) {
		free(node);
	} else {
		node->connection = redis_connection_new(redis->means, redis->place, &node->address, 1);
		redis->nodes[at] = node;
	}
	if (at < REDIS_NODES_MAX)
		redis->nodes[at]->is_named = true;
	return at;
}

static void drop_node(struct redis *redis, size_t at)
{
	struct redis_node *node = redis->nodes[at];

	redis->nodes[at] = NULL;
	if (redis->is_stopped)
		redis_connection_stop(&node->connection);
	else
		redis_connection_dismiss(&node->connection);
	free(node);
}

/* ---- whom to ask ---- */

struct redis_connection *redis_cluster_connection(struct redis *redis, unsigned slot)
{
	size_t at = redis->slots ? redis->slots[slot] : REDIS_NODES_MAX;

	return at < REDIS_NODES_MAX ? redis->nodes[at]->connection : redis->home;
}

static void begin_slots(struct redis *redis)
{
	if (redis->slots)
		return;
	redis->slots = malloc(REDIS_SLOTS);
	ASSERT(redis->slots);
	memset(redis->slots, REDIS_NODES_MAX, REDIS_SLOTS);
}

struct redis_connection *redis_cluster_follow(struct redis *redis, const struct redis_connection *from,
					      enum redis_redirect redirect, unsigned slot,
					      const struct redis_spot *spot)
{
	size_t at;

	if (redis->is_stopped)
		return NULL;
	at = get_node(redis, redis_connection_host(from), spot);
	if (at == REDIS_NODES_MAX)
		return NULL;
	begin_slots(redis);
	if (redirect == REDIS_MOVED) {
		redis->slots[slot] = (uint8_t)at;
		redis_cluster_learn(redis);
	}
	return redis->nodes[at]->connection;
}

/* ---- learning ---- */

/* Who is asked, and what he said. */
struct lesson {
	struct redis *redis;
	str host;
	bool is_home; /* who is configured is asked, not one that it has named */
	uint8_t slots[REDIS_SLOTS];
};

/* A cluster may give way to one Redis at its address: what it is sent is its own then. */
static bool denies_cluster(const struct lesson *lesson, const struct resp_value *reply)
{
	return lesson->is_home && reply->kind == RESP_ERROR &&
	       str_starts(reply->text, STR("ERR This instance has cluster support disabled"));
}

static void end_cluster(struct redis *redis)
{
	free(redis->slots);
	redis->slots = NULL;
	for (size_t i = 0; i < REDIS_NODES_MAX; i++)
		if (redis->nodes[i])
			drop_node(redis, i);
}

static bool take_range(void *self, unsigned first, unsigned last, const struct redis_spot *spot)
{
	struct lesson *lesson = self;
	size_t at = get_node(lesson->redis, lesson->host, spot);

	if (at == REDIS_NODES_MAX)
		return false;
	memset(lesson->slots + first, (int)at, last - first + 1);
	return true;
}

static void forget_unnamed(struct redis *redis)
{
	for (size_t i = 0; i < REDIS_NODES_MAX; i++)
		if (redis->nodes[i] && !redis->nodes[i]->is_named)
			drop_node(redis, i);
}

static void take_slots(void *self, const struct resp_value *reply)
{
	struct lesson *lesson = self;
	struct redis *redis = lesson->redis;

	if (redis->is_stopped)
		return;
	if (denies_cluster(lesson, reply)) {
		end_cluster(redis);
		return;
	}
	for (size_t i = 0; i < REDIS_NODES_MAX; i++)
		if (redis->nodes[i])
			redis->nodes[i]->is_named = false;
	memset(lesson->slots, REDIS_NODES_MAX, sizeof lesson->slots);
	if (!redis_slots_read(reply, take_range, lesson) || reply->size == 1)
		return; /* what was known serves on */
	memcpy(redis->slots, lesson->slots, REDIS_SLOTS);
	forget_unnamed(redis);
}

static struct redis_connection *find_teacher(const struct redis *redis)
{
	if (redis_connection_is_up(redis->home))
		return redis->home;
	for (size_t i = 0; i < REDIS_NODES_MAX; i++)
		if (redis->nodes[i] && redis_connection_is_up(redis->nodes[i]->connection))
			return redis->nodes[i]->connection;
	return redis->home;
}

static void run_lesson(struct fiber *self, void *argument)
{
	static const str words[] = { STR_INIT("CLUSTER"), STR_INIT("SLOTS") };
	struct redis *redis = argument;
	struct lesson *lesson = calloc(1, sizeof *lesson);
	struct redis_question question = { .words = words, .count = 2, .take = take_slots, .self = lesson };
	deadline now = loop_now(fibers_loop(redis->means->fibers));
	struct redis_connection *teacher;
	result_value asked = OK;

	(void)self;
	ASSERT(lesson);
	lesson->redis = redis;
	if (!redis->is_stopped) {
		teacher = find_teacher(redis);
		lesson->host = redis_connection_host(teacher);
		lesson->is_home = teacher == redis->home;
		asked = redis_connection_ask(teacher, &question, deadline_after(now, learn_timeout));
	}
	(void)asked; /* it is asked again when it is needed again */
	free(lesson);
	redis->is_learning = false;
	redis_leave(redis);
}

void redis_cluster_learn(struct redis *redis)
{
	deadline now = loop_now(fibers_loop(redis->means->fibers));

	if (redis->is_learning || now < redis->learn_after)
		return;
	redis->learn_after = deadline_after(now, learn_every);
	redis->is_learning = true;
	redis->users++;
	if (failed(fiber_start(redis->means->fibers, run_lesson, redis))) {
		redis->is_learning = false;
		redis_leave(redis);
	}
}

void redis_cluster_tend(struct redis *redis)
{
	if (redis->is_stopped)
		return;
	for (size_t i = 0; i < REDIS_NODES_MAX; i++)
		if (redis->nodes[i] && !redis_connection_is_up(redis->nodes[i]->connection))
			redis_cluster_learn(redis);
}

void redis_cluster_stop(struct redis *redis)
{
	redis_connection_stop(&redis->home);
	for (size_t i = 0; i < REDIS_NODES_MAX; i++)
		if (redis->nodes[i])
			drop_node(redis, i);
}
