/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis: a call is asked for until somebody answers it: by its script's name, by the script itself where that
 * is not known, and where each server says that another one is to be asked.
 */
#include "store/redis.h"

#include <openssl/evp.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/line_limit.h"
#include "store/redis_private.h"

enum { TRIES_MAX = 6, SAID_MAX = 256, DIGITS_MAX = 20, SHA1_BYTES = REDIS_SHA1_LEN / 2 };

/* A call under way. */
struct asking {
	struct redis *redis;
	const struct redis_call *call;
	unsigned slot;
	bool is_whole;  /* the script itself is sent */
	bool is_asking; /* see redis_question */
	/* Of the last reply. */
	bool is_answered;
	char said[SAID_MAX]; /* an error */
	size_t said_len;
};

void redis_script_init(struct redis_script *script, str source)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len;

	ASSERT(EVP_Digest(source.ptr, source.len, digest, &len, EVP_sha1(), NULL) && len == SHA1_BYTES);
	script->source = source;
	for (size_t i = 0; i < SHA1_BYTES; i++) {
		script->sha1[2 * i] = digits[digest[i] >> 4];
		script->sha1[2 * i + 1] = digits[digest[i] & 15];
	}
}

str redis_number(int64_t number, char out[REDIS_NUMBER_MAX])
{
	return (str) { out, (size_t)snprintf(out, REDIS_NUMBER_MAX, "%lld", (long long)number) };
}

/* ---- one reply ---- */

static bool read_integers(const struct resp_value *reply, struct redis_answer *ret_answer)
{
	ret_answer->count = reply->count;
	if (reply->kind != RESP_ARRAY || reply->count > REDIS_INTEGERS_MAX)
		return false;
	for (size_t i = 0; i < reply->count; i++) {
		if (reply[1 + i].kind != RESP_INTEGER)
			return false;
		ret_answer->at[i] = reply[1 + i].integer;
	}
	return true;
}

static void take_reply(void *self, const struct resp_value *reply)
{
	struct asking *asking = self;
	struct redis_answer answer = { 0 };
	str said = reply->kind == RESP_ERROR ? str_slice(reply->text, 0, SAID_MAX) : (str) { 0 };

	asking->said_len = said.len;
	if (said.len)
		memcpy(asking->said, said.ptr, said.len);
	asking->is_answered =
		read_integers(reply, &answer) && asking->call->read(asking->call->self, &answer);
}

static result ask(struct asking *asking, struct redis_connection *connection, deadline until)
{
	const struct redis_call *call = asking->call;
	char digits[DIGITS_MAX];
	struct buf number = buf_over(digits, sizeof digits);
	str words[REDIS_WORDS_MAX] = { STR("EVALSHA"), { call->script->sha1, REDIS_SHA1_LEN } };
	size_t count = 3;

	if (asking->is_whole) {
		words[0] = STR("EVAL");
		words[1] = call->script->source;
	}
	buf_put_u64(&number, call->key_count);
	words[2] = buf_str(&number);
	ASSERT(count + call->key_count + call->argument_count <= REDIS_WORDS_MAX);
	for (size_t i = 0; i < call->key_count; i++)
		words[count++] = call->keys[i];
	for (size_t i = 0; i < call->argument_count; i++)
		words[count++] = call->arguments[i];
	return redis_connection_ask(connection,
				    &(struct redis_question) { .words = words,
							       .count = count,
							       .is_asking = asking->is_asking,
							       .take = take_reply,
							       .self = asking },
				    until);
}

/* ---- what a reply asks for ---- */

/* A request a second may fail so, or all of them: one line a second tells. */
static void tell(struct redis *redis, const char *what, str said)
{
	uint64_t unsaid;

	if (line_limit_pass(&redis->refusals, loop_now(fibers_loop(redis->means->fibers)), &unsaid))
		journal_warn(redis->means->journal, "store: redis %s%.*s", what, STR_ARG(said));
}

static result be_invalid(struct redis *redis, const char *why)
{
	tell(redis, why, (str) { 0 });
	return error_make(ERROR_INVALID, why);
}

static result refuse(struct asking *asking, struct redis_connection *connection)
{
	str said = { asking->said, asking->said_len };

	if (!said.len)
		return be_invalid(asking->redis, "answers what the script does not return");
	if (str_starts(said, STR("READONLY ")))
		redis_connection_distrust(connection, "it is a replica, and cannot count");
	else
		tell(asking->redis, "answers with an error: ", said);
	return error_make(ERROR_DENIED, "it answers with an error");
}

/* True: ask again, *connection then; NULL: it cannot be asked. */
static bool is_to_be_continued(struct asking *asking, struct redis_connection **connection)
{
	str said = { asking->said, asking->said_len };
	enum redis_redirect redirect;
	struct redis_spot spot;
	unsigned slot;

	if (str_starts(said, STR("NOSCRIPT")) && !asking->is_whole) {
		asking->is_whole = true;
		return true;
	}
	redirect = redis_redirect_parse(said, &slot, &spot);
	if (redirect == REDIS_STAYS || slot != asking->slot)
		return false;
	asking->is_asking = redirect == REDIS_ASK;
	*connection = redis_cluster_follow(asking->redis, *connection, redirect, slot, &spot);
	return true;
}

/* Whom was asked is held: it may be let go of while he answers. */
static result try_once(struct asking *asking, struct redis_connection **connection, deadline until,
		       bool *ret_is_over)
{
	struct redis_connection *held = *connection;
	result_value asked;

	redis_connection_hold(held);
	asked = ask(asking, held, until);
	*ret_is_over = failed(asked) || asking->is_answered || asking->redis->is_stopped ||
		       !is_to_be_continued(asking, connection);
	if (*ret_is_over && !failed(asked) && !asking->is_answered)
		asked = refuse(asking, held);
	redis_connection_release(held);
	return asked;
}

static result run(struct asking *asking, deadline until)
{
	struct redis_connection *connection = redis_cluster_connection(asking->redis, asking->slot);

	for (unsigned tries = 0; tries < TRIES_MAX && connection; tries++) {
		bool is_over;
		result_value asked;

		asked = try_once(asking, &connection, until, &is_over);
		if (is_over)
			return asked;
	}
	return be_invalid(asking->redis, connection ? "sends us from one node of the cluster to the other"
						    : "names a node of the cluster that cannot be asked");
}

/* ---- counting what became of it ---- */

static enum redis_outcome outcome_of(result_value ran)
{
	switch (ran.kind) {
	case ERROR_NONE:
		return REDIS_ANSWERED;
	case ERROR_DENIED:
		return REDIS_DENIED;
	case ERROR_TIMEOUT:
		return REDIS_LATE;
	case ERROR_REFUSED:
	case ERROR_LIMIT:
		return REDIS_SKIPPED;
	default:
		return REDIS_BROKEN;
	}
}

result redis_run(struct redis *redis, const struct redis_call *call, deadline until)
{
	struct asking asking = { .redis = redis, .call = call, .slot = redis_slot(call->keys[0]) };
	result_value ran = error_make(ERROR_CLOSED, "the gateway needs it no longer");

	redis->users++;
	if (!redis->is_stopped)
		ran = run(&asking, until);
	if (ran.kind != ERROR_CANCELLED)
		redis_place_count(redis->place, outcome_of(ran));
	if (redis->slots && failed(ran) && ran.kind != ERROR_CANCELLED && !redis->is_stopped)
		redis_cluster_learn(redis);
	redis_leave(redis);
	return ran;
}
