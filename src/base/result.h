/* SPDX-License-Identifier: Apache-2.0 */
/*
 * result: how a call says that it failed.
 *
 * Few kinds, those that a caller branches on. The words are made where it happens: a text that lives
 * for ever, with errno beside it where the system said no. A result is two registers wide and must be used.
 */
#pragma once

#include <stdbool.h>

enum error_kind {
	ERROR_NONE,
	ERROR_CLOSED,    /* the peer ended the stream, in order */
	ERROR_RESET,     /* the peer or the network broke it */
	ERROR_REFUSED,   /* nothing was sent: no connection came about */
	ERROR_UNTRUSTED, /* the peer could not show that it is who it should be */
	ERROR_DENIED,    /* the peer said no to who we are or what we offer */
	ERROR_TIMEOUT,   /* the deadline passed */
	ERROR_CANCELLED, /* whoever asked is gone: unwind */
	ERROR_LIMIT,     /* a stated bound was reached */
	ERROR_BUSY,      /* so was one of a peer's: nothing was sent to it */
	ERROR_MALFORMED, /* bytes that break their format's rules */
	ERROR_MISSING,   /* no such thing */
	ERROR_INVALID,   /* the configuration or an argument makes no sense; diagnostics tell more */
	ERROR_SYSTEM,    /* the system said no: see sys */
};

typedef struct {
	enum error_kind kind;
	int sys;         /* errno, or 0 */
	const char *why; /* lives for ever; NULL when OK */
} result_value;

#define result __attribute__((warn_unused_result)) result_value

#define OK ((result_value) { .kind = ERROR_NONE })

static inline bool failed(result_value r)
{
	return r.kind != ERROR_NONE;
}

static inline result_value error_make(enum error_kind kind, const char *why)
{
	return (result_value) { .kind = kind, .why = why };
}

static inline result_value error_system(const char *why, int sys)
{
	return (result_value) { .kind = ERROR_SYSTEM, .sys = sys, .why = why };
}

/* Passes a failure up. */
#define TRY(call)                                  \
	do {                                       \
		result_value try_result_ = (call); \
		if (failed(try_result_))           \
			return try_result_;        \
	} while (0)

bool error_is_passing(result_value why);
/* Whether the same may go well later though nobody has changed anything: ERROR_SYSTEM for want of something
 * (descriptors, memory, threads), or because a device failed. */

const char *error_name(enum error_kind kind);
/* One word, for messages and tests. */
