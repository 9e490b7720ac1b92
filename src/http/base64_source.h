/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base64_source: a body source that gives the source below it in base64, or without it, for gRPC-Web's text
 * format.
 *
 * Nothing is held back for more to come: what was taken is padded and goes when nothing more is ready below,
 * so that a stream of messages arrives message by message.
 */
#pragma once

#include "codec/base64.h"
#include "http/body.h"

struct base64_source {
	struct body_source source;
	struct body_source *from;
	bool is_encoding;
	struct base64_decoder decoder;
	struct base64_encoder encoder;
	char *room;     /* of the arena */
	size_t at, len; /* bytes in it: used, and all */
	bool is_over;   /* nothing more comes into the room */
	bool is_malformed;
};

void base64_source_init(struct base64_source *base64, struct body_source *from, bool is_encoding,
			struct arena *arena);
/* from must outlive it. ERROR_MALFORMED: what is to be decoded is no base64, or ends within a group. */
