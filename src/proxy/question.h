/* SPDX-License-Identifier: Apache-2.0 */
/*
 * question: a request as people write it down, a method and a URL, made into a head as it would stand on the
 * wire.
 *
 * A head is printed and parsed again, instead of filling in a request, so that what the parser would refuse
 * is refused in explain and test too.
 */
#pragma once

#include "base/arena.h"

enum { QUESTION_HEADERS_MAX = 256 };

struct question {
	str method, host, target;
	bool is_secure;                    /* https */
	str headers[QUESTION_HEADERS_MAX]; /* "Name: value" */
	size_t header_count;
};

bool question_set_url(struct question *question, str url);
/* "http://host/path?query" or https, or "/path?query", for which host is what a Host header says, or
 * localhost. Slices of url. False when it is none of these. */

str question_print(const struct question *question, bool has_body, size_t length, struct arena *arena);
/* The head with the empty line. A header given twice stands twice; Host and Content-Length are added where
 * they are not given. */
