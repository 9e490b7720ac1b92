/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_connection: a fiber that connects, greets and reads until it breaks, and pauses and does so again.
 *
 * There is no fiber for writing: what does not leave at the end of a turn leaves when the next replies have
 * come. As nothing is kept back but behind commands whose replies are still to come, they do.
 *
 * The state is known to all that ask:
 *
 *     CONNECTING  for the first time, or after an orderly life; who asks waits for it
 *     UP          commands are sent
 *     DOWN        it failed, and is tried again in the background; who asks is told at once
 *     STOPPED     nothing follows
 */
#include "store/redis_connection.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/container.h"
#include "fiber/condition.h"
#include "io/socket.h"

enum {
	OUT_MAX = 256 * 1024,
	FAILURES_MAX = 5,
	PATIENCE = 3, /* timeouts */
	SAID_MAX = 128,
	DATABASE_DIGITS = 20,
	SECRET_BEGIN = 4, /* by which a password is known that was cut off */
};

static const duration connect_timeout = 2 * SECOND;
static const duration pause_min = 50 * MILLISECOND, pause_max = 2 * SECOND;
static const duration orderly_life = SECOND; /* of a connection whose end may be nobody's fault */

enum state { CONNECTING, UP, DOWN, STOPPED };

/* Who waits for a reply, on its own stack. */
struct waiter {
	struct fiber *fiber;
	const struct redis_question *question;
	uint64_t turn; /* its place in the queue */
	bool is_settled;
	result_value outcome;
};

/* One connection of TCP, from its beginning to its end. */
struct session {
	struct socket socket; /* first */
	struct tls_stream tls;
	struct tls_client_peer peer;
	struct stream *stream; /* the socket's, or TLS above it */
	struct intake in;
};

struct redis_connection {
	const struct redis_means *means;
	struct redis_place *place;
	struct fiber *fiber;
	enum state state;
	struct condition changed; /* the state */
	size_t users;             /* fibers that hold it, and its own */
	struct arena arena;
	str addresses[REDIS_ADDRESSES_MAX];
	size_t address_count, address; /* the one in use */

	struct session *session; /* NULL: none */
	deadline since;          /* when it was greeted */
	struct buf out;
	size_t sent;                               /* of out */
	struct waiter *queue[REDIS_IN_FLIGHT_MAX]; /* by turn; NULL: nobody wants it any more */
	uint64_t first, next;                      /* turns */
	struct turn_end flush;

	unsigned failures;    /* in a row, */
	deadline failing;     /* since then */
	duration pause;       /* after the next failure */
	const char *given_up; /* why; NULL: it was not */
	bool is_told_down;
	bool is_distrusted;  /* it greeted well, and could not do what it was asked for */
	bool is_unstarted;   /* there was no fiber for it */
	char said[SAID_MAX]; /* by the server, when it refused */
};

static struct loop *loop_of(const struct redis_connection *c)
{
	return fibers_loop(c->means->fibers);
}

static deadline now_of(const struct redis_connection *c)
{
	return loop_now(loop_of(c));
}

static str address_of(const struct redis_connection *c)
{
	return c->addresses[c->address];
}

/* ---- the state ---- */

static void set_state(struct redis_connection *c, enum state state)
{
	c->state = state;
	condition_broadcast(&c->changed);
}

/* One line for all workers: by whoever is the first to lose it, and the last to have it back. */
static void tell_down(struct redis_connection *c, result_value why)
{
	const char *cause = c->said[0] ? c->said : why.sys ? strerror(why.sys) : NULL;

	if (c->is_told_down)
		return;
	c->is_told_down = true;
	if (atomic_fetch_add_explicit(&c->place->down, 1, memory_order_relaxed))
		return;
	journal_warn(c->means->journal, "store: redis %.*s is not available: %s%s%s", STR_ARG(address_of(c)),
		     why.why, cause ? ": " : "", cause ? cause : "");
}

/* news: NULL: nothing is said. */
static void tell_up(struct redis_connection *c, const char *news)
{
	if (!c->is_told_down)
		return;
	c->is_told_down = false;
	if (atomic_fetch_sub_explicit(&c->place->down, 1, memory_order_relaxed) == 1 && news)
		journal_info(c->means->journal, "store: redis %.*s %s", STR_ARG(address_of(c)), news);
}

/* ---- waiters ---- */

static struct waiter **place_of(struct redis_connection *c, uint64_t turn)
{
	return &c->queue[turn % REDIS_IN_FLIGHT_MAX];
}

static void settle(struct waiter *waiter, result_value outcome)
{
	waiter->is_settled = true;
	waiter->outcome = outcome;
	fiber_wake(waiter->fiber);
}

static void fail_all(struct redis_connection *c, result_value why)
{
	while (c->first < c->next) {
		struct waiter **waiter = place_of(c, c->first++);

		if (*waiter)
			settle(*waiter, why);
		*waiter = NULL;
	}
	c->out.len = c->sent = 0;
}

/* It does what it is asked for. */
static void prove(struct redis_connection *c)
{
	c->pause = pause_min;
	c->is_distrusted = false;
	tell_up(c, "is available again");
}

static result deliver_one(struct redis_connection *c, const struct resp_value *reply)
{
	struct waiter **waiter = place_of(c, c->first);

	if (c->first == c->next || reply->kind == RESP_PUSH)
		return error_make(ERROR_MALFORMED, "it sent what nobody had asked for");
	c->first++;
	if (!*waiter)
		return OK;
	c->failures = 0;
	if (reply->kind != RESP_ERROR)
		prove(c);
	if ((*waiter)->question->take)
		(*waiter)->question->take((*waiter)->question->self, reply);
	settle(*waiter, OK);
	*waiter = NULL;
	return OK;
}

/* ---- sending ---- */

static bool send_some(struct redis_connection *c)
{
	struct iovec part = { c->out.bytes + c->sent, c->out.len - c->sent };
	size_t sent = 0;
	result_value gone = stream_send(c->session->stream, &part, 1, STREAM_AT_ONCE, &sent);

	c->sent += sent;
	return !failed(gone) && sent;
}

/* What does not go now goes later. That the connection broke is found out by reading. */
static void send_out(struct redis_connection *c)
{
	while (c->sent < c->out.len && send_some(c))
		continue;
	if (c->sent == c->out.len)
		c->sent = c->out.len = 0;
}

static void on_turn_end(struct turn_end *end)
{
	struct redis_connection *c = CONTAINER_OF(end, struct redis_connection, flush);

	if (c->state == UP)
		send_out(c);
}

/* What has left makes room for what comes. */
static void close_gap(struct redis_connection *c)
{
	if (!c->sent)
		return;
	memmove(c->out.bytes, c->out.bytes + c->sent, c->out.len - c->sent);
	c->out.len -= c->sent;
	c->sent = 0;
}

static void enqueue_one(struct redis_connection *c, struct waiter *waiter)
{
	if (waiter)
		waiter->turn = c->next;
	*place_of(c, c->next++) = waiter;
}

static result enqueue(struct redis_connection *c, const struct redis_question *question,
		      struct waiter *waiter)
{
	static const str asking = STR_INIT("ASKING");
	size_t before;

	if (c->out.len > OUT_MAX / 2)
		close_gap(c);
	before = c->out.len;
	if (question->is_asking)
		resp_put_command(&c->out, &asking, 1);
	resp_put_command(&c->out, question->words, question->count);
	if (buf_overflowed(&c->out) || c->next - c->first + 2 > REDIS_IN_FLIGHT_MAX) {
		c->out.len = before;
		c->out.overflow = false;
		return error_make(ERROR_LIMIT, "too many calls wait for an answer");
	}
	if (question->is_asking)
		enqueue_one(c, NULL);
	enqueue_one(c, waiter);
	loop_at_turn_end(loop_of(c), &c->flush);
	return OK;
}

/* ---- reading ---- */

static result parse(struct redis_connection *c, size_t *ret_len)
{
	static const struct resp_limits limits = { REDIS_REPLY_MAX, REDIS_VALUES_MAX };
	str bytes = intake_data(&c->session->in);

	*ret_len = 0;
	switch (resp_parse(bytes, &limits, c->means->values, ret_len)) {
	case RESP_DONE:
		return OK;
	case RESP_MORE:
		*ret_len = 0;
		return OK;
	case RESP_LARGE:
		return error_make(ERROR_MALFORMED, "its answer is larger than any should be");
	case RESP_MALFORMED:
	default:
		return error_make(ERROR_MALFORMED, "what it sends is not Redis' protocol");
	}
}

/* All replies that are there. */
static result deliver(struct redis_connection *c)
{
	size_t len;

	TRY(parse(c, &len));
	while (len) {
		TRY(deliver_one(c, c->means->values));
		intake_consume(&c->session->in, len);
		TRY(parse(c, &len));
	}
	return OK;
}

static result serve(struct redis_connection *c)
{
	for (;;) {
		TRY(deliver(c));
		send_out(c);
		TRY(stream_fill(c->session->stream, &c->session->in, DEADLINE_NEVER));
	}
}

/* ---- greeting ---- */

static void keep_said(struct redis_connection *c, str words)
{
	snprintf(c->said, sizeof c->said, "%.*s", STR_ARG(words));
}

static result read_greeting(struct redis_connection *c, deadline until)
{
	const struct resp_value *reply = c->means->values;
	size_t len;

	TRY(parse(c, &len));
	while (!len) {
		TRY(stream_fill(c->session->stream, &c->session->in, until));
		TRY(parse(c, &len));
	}
	if (reply->kind == RESP_ERROR)
		keep_said(c, reply->text);
	intake_consume(&c->session->in, len);
	if (reply->kind == RESP_ERROR)
		return error_make(ERROR_DENIED, "it refuses");
	return reply->kind == RESP_SIMPLE ? OK
					  : error_make(ERROR_MALFORMED, "it does not greet as Redis does");
}

/* Nobody else sends while it is not up. */
static result greet(struct redis_connection *c, const str *words, size_t count, deadline until)
{
	struct buf *out = &c->out;
	result_value sent;

	out->len = 0;
	resp_put_command(out, words, count);
	sent = buf_overflowed(out) ? error_make(ERROR_LIMIT, "the password is too long")
				   : stream_send_all(c->session->stream, buf_str(out), until);
	memset(out->bytes, 0, out->len); /* it may be a password */
	*out = buf_over(out->bytes, OUT_MAX);
	TRY(sent);
	return read_greeting(c, until);
}

/* Whoever does not know the command says so with what came with it. */
static void forget_secret(struct redis_connection *c)
{
	str said = str_of(c->said), begin = str_slice(c->place->options.password, 0, SECRET_BEGIN);
	size_t at = 0;

	while (at < said.len && !str_starts(str_skip(said, at), begin) &&
	       !str_starts(begin, str_skip(said, at)))
		at++;
	memset(c->said + at, 0, sizeof c->said - at);
}

static result authenticate(struct redis_connection *c, deadline until)
{
	const struct redis_options *options = &c->place->options;
	const str words[] = { STR("AUTH"), options->username, options->password };
	const str alone[] = { STR("AUTH"), options->password };
	result_value greeted;

	if (!options->password.len)
		return OK;
	if (options->username.len)
		greeted = greet(c, words, 3, until);
	else
		greeted = greet(c, alone, 2, until);
	forget_secret(c);
	return greeted;
}

static result choose_database(struct redis_connection *c, deadline until)
{
	char digits[DATABASE_DIGITS];
	struct buf number = buf_over(digits, sizeof digits);
	str words[] = { STR("SELECT"), { 0 } };

	if (!c->place->options.database)
		return OK;
	buf_put_u64(&number, (uint64_t)c->place->options.database);
	words[1] = buf_str(&number);
	return greet(c, words, 2, until);
}

/* The last one shows that it answers in time. */
static result greet_all(struct redis_connection *c, deadline until)
{
	static const str ping = STR_INIT("PING");
	result_value greeted;

	TRY(authenticate(c, until));
	TRY(choose_database(c, until));
	greeted = greet(c, &ping, 1,
			deadline_min(until, deadline_after(time_monotonic(), c->place->options.timeout)));
	if (greeted.kind == ERROR_TIMEOUT)
		return error_make(ERROR_TIMEOUT, "it does not answer in time");
	return greeted;
}

/* ---- connecting ---- */

static result resolve(struct redis_connection *c, deadline until, struct dns_answer *ret_answer)
{
	struct address_text text;

	TRY(address_text_parse(address_of(c), &text));
	ret_answer->count = 1;
	if (address_of_text(&text, &ret_answer->at[0]))
		return OK;
	return dns_resolve(c->means->dns, text.host, text.port, until, ret_answer);
}

static result connect_any(struct redis_connection *c, struct session *session, deadline until)
{
	struct dns_answer answer;
	result_value connected = error_make(ERROR_MISSING, "its name has no address");

	TRY(resolve(c, until, &answer));
	for (size_t i = 0; i < answer.count; i++) {
		connected = socket_connect(&session->socket, c->means->fibers, &answer.at[i], until);
		if (!failed(connected) || connected.kind == ERROR_CANCELLED)
			break;
	}
	return connected;
}

static result secure(struct redis_connection *c, struct session *session, deadline until)
{
	session->stream = &session->socket.stream;
	if (!c->place->options.tls)
		return OK;
	session->peer = (struct tls_client_peer) { .identity = c->place->options.tls,
						   .host = redis_connection_host(c),
						   .name = address_of(c) };
	TRY(tls_clients_open(c->means->tls_clients, &session->peer, session->stream, c->means->tls,
			     &session->tls));
	session->stream = &session->tls.stream;
	return tls_clients_handshake(&session->tls, until);
}

static void release_session(struct socket *socket)
{
	free((struct session *)socket);
}

static void close_session(struct redis_connection *c)
{
	struct session *session = c->session;
	result_value said = OK;

	c->session = NULL;
	if (!session)
		return;
	if (session->stream != &session->socket.stream) {
		said = stream_shut(session->stream);
		tls_stream_fini(&session->tls);
	}
	(void)said; /* the end is said if it can be */
	intake_fini(&session->in);
	stream_close(&session->socket.stream);
}

static result open_session(struct redis_connection *c)
{
	deadline until = deadline_after(now_of(c), connect_timeout);
	struct session *session = calloc(1, sizeof *session);
	result_value connected;

	ASSERT(session);
	c->said[0] = '\0';
	connected = connect_any(c, session, until);
	if (failed(connected)) {
		loop_retire(loop_of(c), session, free); /* events of this turn may still point to it */
		return connected;
	}
	session->socket.release = release_session;
	intake_init(&session->in, fibers_scratch(c->means->fibers));
	c->session = session;
	socket_keep_alive(&session->socket);
	TRY(secure(c, session, until));
	return greet_all(c, until);
}

/* ---- its life ---- */

static void rise(struct redis_connection *c)
{
	c->since = now_of(c);
	c->failures = 0;
	c->given_up = NULL;
	if (!c->is_distrusted)
		tell_up(c, "is available again");
	set_state(c, UP);
}

/* Redis itself ends connections that were idle for long, and so do others on the way: that is no failure yet.
 */
static bool is_orderly(const struct redis_connection *c, result_value why)
{
	return c->state == UP && !c->given_up && now_of(c) - c->since >= orderly_life &&
	       (why.kind == ERROR_CLOSED || why.kind == ERROR_RESET);
}

static void rest(struct redis_connection *c, struct fiber *self)
{
	duration time = c->pause / 2 + (duration)random_below(c->means->random, (uint64_t)c->pause / 2 + 1);
	result_value slept;

	c->pause = c->pause * 2 < pause_max ? c->pause * 2 : pause_max;
	c->address = (c->address + 1) % c->address_count;
	slept = fiber_sleep(self, deadline_after(now_of(c), time));
	(void)slept; /* cancelled: it is stopped, which is looked at next */
}

static void fall(struct redis_connection *c, struct fiber *self, result_value why)
{
	bool was_orderly = is_orderly(c, why);

	if (c->given_up)
		why = error_make(ERROR_TIMEOUT, c->given_up);
	if (c->state == STOPPED)
		return;
	if (!was_orderly)
		tell_down(c, why);
	set_state(c, was_orderly ? CONNECTING : DOWN);
	fail_all(c, why);
	close_session(c);
	c->failures = 0;
	if (!was_orderly)
		rest(c, self);
}

void redis_connection_hold(struct redis_connection *c)
{
	c->users++;
}

void redis_connection_release(struct redis_connection *c)
{
	if (--c->users)
		return;
	redis_place_unref(&c->place);
	arena_fini(&c->arena);
	free(c->out.bytes);
	loop_retire(loop_of(c), c, free);
}

static void run(struct fiber *self, void *argument)
{
	struct redis_connection *c = argument;

	c->fiber = self;
	while (c->state != STOPPED) {
		result_value over = open_session(c);

		if (!failed(over) && c->state != STOPPED) {
			rise(c);
			over = serve(c);
		}
		fall(c, self, over);
	}
	c->fiber = NULL;
	fail_all(c, error_make(ERROR_CLOSED, "the gateway needs it no longer"));
	close_session(c);
	tell_up(c, NULL);
	redis_connection_release(c);
}

/* Where there are as many fibers as may be, nobody waits for this one: whoever asks the next time tries
 * again. */
static void begin(struct redis_connection *c)
{
	result_value started = fiber_start(c->means->fibers, run, c);

	c->is_unstarted = failed(started);
	if (c->is_unstarted) {
		c->state = DOWN;
		tell_down(c, started);
	}
}

struct redis_connection *redis_connection_new(const struct redis_means *means, struct redis_place *place,
					      const str *addresses, size_t count)
{
	struct redis_connection *c = calloc(1, sizeof *c);
	char *out = malloc(OUT_MAX);

	ASSERT(c && out && count && count <= REDIS_ADDRESSES_MAX);
	c->means = means;
	c->place = redis_place_ref(place);
	c->users = 1;
	c->out = buf_over(out, OUT_MAX);
	c->pause = pause_min;
	c->flush.on_end = on_turn_end;
	c->address_count = count;
	arena_init(&c->arena, NULL, SIZE_MAX / 2);
	for (size_t i = 0; i < count; i++)
		c->addresses[i] = arena_str(&c->arena, addresses[i]);
	begin(c);
	return c;
}

void redis_connection_stop(struct redis_connection **address)
{
	struct redis_connection *c = *address;

	*address = NULL;
	if (!c)
		return;
	set_state(c, STOPPED);
	if (c->fiber)
		fiber_cancel(c->fiber);
	if (c->is_unstarted) {
		tell_up(c, NULL);
		redis_connection_release(c);
	}
}

void redis_connection_dismiss(struct redis_connection **address)
{
	tell_up(*address, "is no part of the cluster any more");
	redis_connection_stop(address);
}

/* ---- asking ---- */

/* What is still being connected goes on with that, and nobody waits for it. */
static void give_up(struct redis_connection *c, const char *why)
{
	if (c->state == CONNECTING) {
		tell_down(c, error_make(ERROR_TIMEOUT, why));
		set_state(c, DOWN);
	}
	if (c->state != UP || c->given_up)
		return;
	c->given_up = why;
	c->state = DOWN; /* from now on nobody waits */
	fiber_cancel(c->fiber);
}

/* Many that left together are late together, as happens on a busy machine: it takes some time, too. */
static void count_failure(struct redis_connection *c)
{
	if (!c->failures++)
		c->failing = now_of(c);
	if (c->failures >= FAILURES_MAX && now_of(c) - c->failing >= PATIENCE * c->place->options.timeout)
		give_up(c, "it does not answer in time");
}

static result wait(struct redis_connection *c, struct waiter *waiter, deadline until)
{
	while (!waiter->is_settled) {
		result_value parked = fiber_park(waiter->fiber, until);

		if (parked.kind == ERROR_CANCELLED || (failed(parked) && !waiter->is_settled)) {
			if (!waiter->is_settled)
				*place_of(c, waiter->turn) = NULL;
			return parked;
		}
	}
	return waiter->outcome;
}

static result ask(struct redis_connection *c, const struct redis_question *question, deadline until)
{
	struct waiter waiter = { .fiber = fiber_current(c->means->fibers), .question = question };
	result_value asked = OK;

	if (c->is_unstarted && c->state != STOPPED)
		begin(c);
	while (c->state == CONNECTING && !failed(asked))
		asked = condition_wait(&c->changed, waiter.fiber, until);
	if (c->state != UP && !failed(asked))
		return error_make(ERROR_REFUSED, "it is not available");
	if (!failed(asked))
		asked = enqueue(c, question, &waiter);
	if (!failed(asked))
		asked = wait(c, &waiter, until);
	if (asked.kind == ERROR_TIMEOUT || asked.kind == ERROR_LIMIT)
		count_failure(c);
	return asked;
}

result redis_connection_ask(struct redis_connection *c, const struct redis_question *question, deadline until)
{
	result_value asked;

	redis_connection_hold(c);
	asked = ask(c, question, until);
	redis_connection_release(c);
	return asked;
}

bool redis_connection_is_up(const struct redis_connection *c)
{
	return c->state == UP;
}

void redis_connection_distrust(struct redis_connection *c, const char *why)
{
	c->is_distrusted = true;
	give_up(c, why);
}

str redis_connection_host(const struct redis_connection *c)
{
	struct address_text text;

	if (failed(address_text_parse(address_of(c), &text)))
		return (str) { 0 };
	return text.host;
}
