/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_stream: JSON written to a client as it is made, however long it becomes.
 *
 * It holds one buffer, which is sent whenever it is half full. So each call may yield, and what is printed
 * must be held by whoever prints it. The first failure is remembered and everything after it does nothing:
 * callers ask once, at the end. Commas are put where they belong.
 */
#pragma once

#include "http/small_server.h"

struct json_stream {
	struct small_exchange *exchange;
	struct buf room;
	result_value sent;
	bool needs_comma;
	unsigned pieces; /* that were sent */
};

void json_begin(struct json_stream *json, struct small_exchange *exchange);
/* The exchange's answer has begun, and gets nothing but this. The buffer is the exchange's arena's. */

result json_end(struct json_stream *json);
/* Yields. Sends the rest, and a line end behind it. The first failure of all, if there was one. */

/* Yield, all of them. */

void json_open(struct json_stream *json, char bracket);
void json_close(struct json_stream *json, char bracket);
/* '{' and '}', '[' and ']'. */

void json_key(struct json_stream *json, str name);
void json_text(struct json_stream *json, str text);
void json_number(struct json_stream *json, uint64_t number);
void json_bool(struct json_stream *json, bool value);
void json_raw(struct json_stream *json, str text);
/* What is JSON already: a number, null. At most 1 KiB. */

static inline void json_pair(struct json_stream *json, const char *key, str text)
{
	json_key(json, str_of(key));
	json_text(json, text);
}

static inline void json_pair_number(struct json_stream *json, const char *key, uint64_t number)
{
	json_key(json, str_of(key));
	json_number(json, number);
}

static inline void json_pair_bool(struct json_stream *json, const char *key, bool value)
{
	json_key(json, str_of(key));
	json_bool(json, value);
}

static inline void json_open_at(struct json_stream *json, const char *key, char bracket)
{
	json_key(json, str_of(key));
	json_open(json, bracket);
}
