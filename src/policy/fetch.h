/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fetch: what a policy asks of other services, and what it gets.
 *
 * A policy knows whom it asks as a destination only, which the configuration's compiler makes for it: where
 * that is, and how it is reached, is not a policy's business. Whatever it asks is bounded in time and in
 * size.
 */
#pragma once

#include "base/time.h"
#include "codec/http_head.h"

struct destination;
struct fetch_answer;

struct fetch_request {
	const struct destination *to; /* at the path of its URL */
	enum http_method method;
	const struct http_fields *fields; /* also Content-Type, where there is a body */
	str body;                         /* empty: none */
	duration timeout;                 /* for all of it */
	size_t body_max;                  /* of the answer's body, in bytes */
	duration remembers; /* how long a 2xx answer serves for the same request; 0: it does not */

	/* Whether a whole 2xx answer is worth to be remembered, before whoever asks has it; NULL: any is. */
	bool (*is_of_use)(void *self, struct arena *arena, const struct fetch_answer *answer);
	void *self;
};

/* The same for a URL that nobody knew when the configuration was read. */
struct url_request {
	str url; /* http or https, absolute */
	enum http_method method;
	const struct http_fields *fields;
	str body;
	duration timeout;
	size_t body_max;
};

struct fetch_answer {
	int status;
	struct http_fields fields; /* without those of framing and connection */
	str body;
	bool is_body_whole; /* false: it was too large, or broke off; there is none then */
	bool is_supposed;   /* nobody has said so: a rehearsal without a stand-in supposes 200 and nothing */
};
