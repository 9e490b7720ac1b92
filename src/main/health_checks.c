/* SPDX-License-Identifier: Apache-2.0 */
/*
 * health_checks: a timer for each check, and a queue of those that are due while all places are taken.
 */
#include "main/health_checks.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/container.h"
#include "base/random.h"
#include "codec/grpc_health.h"
#include "tls/scratch.h"

enum {
	KEY_MAX = HEALTH_PATH_MAX + HEALTH_HOST_MAX + GRPC_HEALTH_SERVICE_MAX + 1024,
	WORDS_MAX = STANDING_WORDS_MAX,
};

/* A question on its way; on the list as long as its fiber runs. */
struct asking {
	struct health_check *check;
	struct fiber *fiber;
	struct asking *next, **link;
};

struct health_checks {
	struct health_checks_options options;
	struct registry by_key;
	struct health_check *all;
	struct health_check *first_waiting, **last_waiting;
	struct asking *asking;
	size_t under_way;
	struct tls_scratch tls;
	struct pool *pool;
	struct random random;
	bool is_closing;
};

static struct loop *loop_of(const struct health_checks *checks)
{
	return checks->options.control->loop;
}

/* ---- one question ---- */

/* A tenth to either side. */
static duration spread(struct health_checks *checks, duration every)
{
	return every - every / 10 + (duration)random_below(&checks->random, (uint64_t)(every / 5) + 1);
}

static void ask_later(struct health_check *check, deadline began)
{
	struct health_checks *checks = check->checks;
	deadline due = deadline_after(began, spread(checks, check->question.config.every));
	deadline now = loop_now(loop_of(checks));

	if (check->is_wanted && !checks->is_closing)
		timer_set(loop_of(checks), &check->timer, due > now ? due : now);
}

static void hear(struct health_check *check, bool has_passed, const char *words)
{
	struct health_checks *checks = check->checks;
	const struct health_check_config *config = &check->question.config;
	struct tally_limits limits = { (uint32_t)config->healthy_after, (uint32_t)config->unhealthy_after };
	bool has_changed = tally_hear(&check->tally, &limits, has_passed);

	checks->options.on_checked(checks->options.owner, check, has_passed, has_changed, words);
}

/* What comes of a check that nobody wants any more is no news, nor is what this process has run out of. */
static void ask_once(struct health_check *check)
{
	struct health_checks *checks = check->checks;
	char text[WORDS_MAX];
	struct buf words = buf_over(text, sizeof text - 1);
	deadline began = loop_now(loop_of(checks));
	struct arena arena;
	result_value asked;

	arena_init(&arena, NULL, health_probe_room(&check->question));
	asked = health_probe_run(checks->pool, &check->question, check->endpoint, &arena,
				 deadline_after(began, check->question.config.timeout), &words);
	arena_fini(&arena);
	text[words.len] = '\0';
	if (check->is_wanted && asked.kind != ERROR_CANCELLED && asked.kind != ERROR_LIMIT)
		hear(check, !failed(asked), text);
	ask_later(check, began);
}

static void leave(struct asking *asking)
{
	struct health_check *check = asking->check;

	*asking->link = asking->next;
	if (asking->next)
		asking->next->link = asking->link;
	free(asking);
	check->checks->under_way--;
	check->is_under_way = false;
	registered_unref(&check->registered);
}

static void begin(struct health_check *check);

/* There is a place for the one that waits longest; those whom nobody wants any more need none. */
static void begin_next(struct health_checks *checks)
{
	struct health_check *next;

	while ((next = checks->first_waiting) && !checks->is_closing &&
	       checks->under_way < HEALTH_PROBES_MAX) {
		checks->first_waiting = next->next_waiting;
		if (!checks->first_waiting)
			checks->last_waiting = &checks->first_waiting;
		next->is_waiting = false;
		if (next->is_wanted)
			begin(next);
		registered_unref(&next->registered);
	}
}

static void run(struct fiber *self, void *argument)
{
	struct asking *asking = argument;
	struct health_checks *checks = asking->check->checks;

	asking->fiber = self;
	ask_once(asking->check);
	leave(asking);
	begin_next(checks);
}

/* Without a fiber it is asked the next time. */
static void begin(struct health_check *check)
{
	struct health_checks *checks = check->checks;
	struct asking *asking = calloc(1, sizeof *asking);
	result_value started;

	ASSERT(asking);
	*asking = (struct asking) { .check = check, .next = checks->asking, .link = &checks->asking };
	if (asking->next)
		asking->next->link = &asking->next;
	checks->asking = asking;
	checks->under_way++;
	check->is_under_way = true;
	registered_ref(&check->registered);
	started = fiber_start(checks->options.control->fibers, run, asking);
	if (!failed(started))
		return;
	ask_later(check, loop_now(loop_of(checks)));
	leave(asking);
}

static void wait_for_place(struct health_check *check)
{
	struct health_checks *checks = check->checks;

	if (check->is_waiting)
		return;
	check->is_waiting = true;
	check->next_waiting = NULL;
	registered_ref(&check->registered);
	*checks->last_waiting = check;
	checks->last_waiting = &check->next_waiting;
}

static void on_due(struct timer *timer)
{
	struct health_check *check = CONTAINER_OF(timer, struct health_check, timer);

	if (check->is_under_way)
		return;
	if (check->checks->under_way < HEALTH_PROBES_MAX)
		begin(check);
	else
		wait_for_place(check);
}

/* ---- what a check is ---- */

static void put_number(struct buf *key, uint64_t number)
{
	buf_put_u64(key, number);
	buf_put_char(key, '\n');
}

static void put_text(struct buf *key, str text)
{
	buf_put(key, text);
	buf_put_char(key, '\n');
}

/* Of a TLS identity its place: as long as the check is there, it is no other's. */
static void print_key(const struct health_question *question, str address, struct buf *key)
{
	const struct health_check_config *config = &question->config;

	put_text(key, config->path);
	put_text(key, question->host);
	put_text(key, config->service);
	put_number(key, (uint64_t)(uintptr_t)question->tls);
	put_number(key, (uint64_t)question->protocol);
	put_number(key, (uint64_t)config->type);
	put_number(key, (uint64_t)config->every);
	put_number(key, (uint64_t)config->timeout);
	put_number(key, (uint64_t)config->healthy_after);
	put_number(key, (uint64_t)config->unhealthy_after);
	for (size_t i = 0; i < config->status.count; i++) {
		put_number(key, config->status.at[i].from);
		put_number(key, config->status.at[i].to);
	}
	put_text(key, address);
}

static result check_make(void *owner, str name, struct registered **ret_made)
{
	struct health_checks *checks = owner;
	struct health_check *check = calloc(1, sizeof *check + name.len);
	char *room;

	ASSERT(check);
	room = (char *)(check + 1);
	memcpy(room, name.ptr, name.len);
	check->registered.name = (str) { room, name.len };
	check->checks = checks;
	check->timer.on_due = on_due;
	check->next = checks->all;
	check->link = &checks->all;
	if (check->next)
		check->next->link = &check->next;
	checks->all = check;
	*ret_made = &check->registered;
	return OK;
}

static void check_release(struct registered *registered)
{
	struct health_check *check = (struct health_check *)registered;

	timer_clear(&check->timer);
	*check->link = check->next;
	if (check->next)
		check->next->link = check->link;
	endpoint_unref(&check->endpoint);
	tls_client_identity_unref(&check->question.tls);
	free(check);
}

static str take_line(str *rest)
{
	str line = *rest, after = { 0 };

	str_cut(*rest, '\n', &line, &after);
	*rest = after;
	return line;
}

/* Texts that outlive the configuration: they stand at the beginning of the key. */
static void check_init(struct health_check *check, const struct health_question *question,
		       struct endpoint *endpoint, const struct standing *standing)
{
	str rest = check->registered.name;

	check->question = *question;
	check->question.config.path = take_line(&rest);
	check->question.host = take_line(&rest);
	check->question.config.service = take_line(&rest);
	check->question.config.host = (str) { 0 };
	if (question->tls)
		tls_client_identity_ref(question->tls);
	check->endpoint = endpoint_ref(endpoint);
	check->tally.word = standing->record.checked;
	timer_set(loop_of(check->checks), &check->timer, loop_now(loop_of(check->checks)));
}

/* ---- who is asked ---- */

/* As an operator would write it: a socket has no name of its own. */
static str host_of(const struct upstream *upstream, const struct endpoint *endpoint)
{
	if (upstream->check->host.len)
		return upstream->check->host;
	if (upstream->config->tls.server_name.len)
		return upstream->config->tls.server_name;
	return str_starts(endpoint->text, STR("unix:")) ? STR("localhost") : endpoint->text;
}

/* The endpoint itself, or another port of the same host. A reference. */
static result endpoint_to_ask(struct health_checks *checks, const struct upstream *upstream,
			      const struct endpoint *endpoint, struct endpoint **ret_endpoint)
{
	char text[KEY_MAX];
	struct buf address = buf_over(text, sizeof text);
	size_t end = endpoint->text.len;

	while (end && endpoint->text.ptr[end - 1] != ':')
		end--;
	buf_put(&address, upstream->check->port ? str_slice(endpoint->text, 0, end) : endpoint->text);
	if (upstream->check->port)
		buf_put_u64(&address, (uint64_t)upstream->check->port);
	return endpoints_get(checks->options.endpoints, buf_str(&address), ret_endpoint);
}

/* An endpoint that an upstream names twice has one standing, which is here the second time. */
static void want(struct health_check *check, struct standing *standing)
{
	for (const struct standing *at = check->standings; at; at = at->record.next)
		if (at == standing)
			return;
	if (!check->is_wanted)
		registered_ref(&check->registered);
	check->is_wanted = true;
	if (check->tally.word != TALLY_UNKNOWN)
		standing->record.checked = check->tally.word;
	standing->record.next = check->standings;
	check->standings = standing;
}

void health_checks_want(struct health_checks *checks, const struct upstream *upstream,
			struct standing *standing, const struct endpoint *endpoint)
{
	struct health_question question = { .config = *upstream->check,
					    .protocol = upstream->config->protocol,
					    .tls = upstream->tls,
					    .host = host_of(upstream, endpoint) };
	char text[KEY_MAX];
	struct buf key = buf_over(text, sizeof text);
	struct registered *registered;
	struct health_check *check;
	struct endpoint *asked;

	if (failed(endpoint_to_ask(checks, upstream, endpoint, &asked)))
		return;
	print_key(&question, asked->text, &key);
	/* What is longer names no host, and cannot be asked. */
	if (!buf_overflowed(&key) && !failed(registry_get(&checks->by_key, buf_str(&key), &registered))) {
		check = (struct health_check *)registered;
		if (!check->endpoint)
			check_init(check, &question, asked, standing);
		want(check, standing);
		registered_unref(registered);
	}
	endpoint_unref(&asked);
}

/* The reference of being wanted is kept until the end, so that what goes on is not made anew. */
void health_checks_begin(struct health_checks *checks)
{
	for (struct health_check *check = checks->all; check; check = check->next)
		check->standings = NULL;
}

void health_checks_end(struct health_checks *checks)
{
	for (struct health_check *check = checks->all, *next; check; check = next) {
		next = check->next;
		if (check->standings || !check->is_wanted)
			continue;
		check->is_wanted = false;
		timer_clear(&check->timer);
		registered_unref(&check->registered);
	}
}

/* ---- all of it ---- */

result health_checks_open(const struct health_checks_options *options, struct health_checks **ret_checks)
{
	struct health_checks *checks = calloc(1, sizeof *checks);
	struct control *control = options->control;

	ASSERT(checks);
	*ret_checks = checks;
	checks->options = *options;
	checks->last_waiting = &checks->first_waiting;
	random_init(&checks->random);
	registry_init(&checks->by_key, SIZE_MAX, check_make, check_release, checks);
	TRY(tls_scratch_init(&checks->tls, &control->blocks));
	checks->pool = pool_new(control->fibers, control->dns, &checks->tls);
	return OK;
}

static void stop_waiting(struct health_checks *checks)
{
	while (checks->first_waiting) {
		struct health_check *check = checks->first_waiting;

		checks->first_waiting = check->next_waiting;
		registered_unref(&check->registered);
	}
}

void health_checks_close(struct health_checks **address)
{
	struct health_checks *checks = *address;

	if (!checks)
		return;
	checks->is_closing = true;
	health_checks_begin(checks);
	health_checks_end(checks);
	stop_waiting(checks);
	for (struct asking *asking = checks->asking, *next; asking; asking = next) {
		next = asking->next; /* a fiber may end in the call */
		if (asking->fiber)
			fiber_cancel(asking->fiber);
	}
	while (checks->asking)
		loop_turn(loop_of(checks), deadline_after(time_monotonic(), 10 * MILLISECOND));
	pool_free(&checks->pool);
	tls_scratch_fini(&checks->tls);
	registry_fini(&checks->by_key);
	free(checks);
	*address = NULL;
}
