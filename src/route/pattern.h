/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pattern: the path of a rule, taken apart.
 *
 *     /orders/{id}/items/{sid}.json     literals, a name, a part of a segment
 *     /export/ ** and /export/ *        the rest (also empty) and one segment, without the space
 *     ~^/[0-9]+$                        a regular expression over the path relative to the API's
 *
 * Literals are brought to the same normal form as a request's path, so that comparing bytes is enough.
 */
#pragma once

#include "route/route.h"

enum { PATTERN_SEGMENTS_MAX = 64 };

/* In the order of precedence, where more than one of them can take a segment. */
enum segment_kind { SEGMENT_LITERAL, SEGMENT_PART, SEGMENT_NAME, SEGMENT_STAR };

struct segment {
	enum segment_kind kind;
	str text;          /* of a literal; of a part: its shape, "{}" for each name */
	const str *pieces; /* of a part: the text before, between and after its names; ends may be empty */
	size_t piece_count;
	size_t literal_len; /* of a part: bytes of all pieces */
};

enum pattern_tail {
	PATTERN_END,   /* the path ends here */
	PATTERN_SLASH, /* the same, or with one '/' more: "/" relative to an API's path */
	PATTERN_REST,  /* anything may follow */
	PATTERN_REGEX, /* what follows, or "/" where nothing does, must match */
};

struct pattern {
	struct segment segments[PATTERN_SEGMENTS_MAX];
	size_t count;
	enum pattern_tail tail;
	str regex;
	str names[ROUTE_PARAMETERS_MAX]; /* from left to right */
	size_t name_count;
	size_t api_count, api_name_count; /* of these, the API's own */
};

bool pattern_start(struct arena *arena, str api_path, struct pattern *ret_pattern, str *ret_why);
/* The prefix that an API's path is: literals, names and '*'. ret_pattern matches it and what follows. */

bool pattern_extend(struct arena *arena, struct pattern *pattern, str path, str *ret_why);
/* Makes it the pattern of a route of that API, whatever it was extended by before; an empty path stands for
 * all of the API's. ret_pattern's texts are slices of the configuration or in the arena. False, with what is
 * wrong in words, for a bad template, a name that stands twice, "**" before the end, too many segments or
 * names. */

bool segment_takes(const struct segment *part, str text, str *ret_values);
/* A part against one segment: each name takes at least one byte, the leftmost as few as possible.
 * ret_values has room for one slice a name. */

int segment_part_order(const struct segment *a, const struct segment *b);
/* Which part goes first where both fit: more literal bytes, a longer beginning, a longer end, then bytewise.
 * 0 only for the same shape. */
