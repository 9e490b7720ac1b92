/* SPDX-License-Identifier: Apache-2.0 */
/* What compiling a text, compiling JSON and filling in URLs share. */
#pragma once

#include "policy/value.h"

/* Of a segment. */
enum what {
	WHAT_LITERAL,
	WHAT_GROUP,
	WHAT_ID,
	WHAT_METHOD,
	WHAT_HOST,
	WHAT_PATH,
	WHAT_QUERY,
	WHAT_SCHEME,
	WHAT_FIELD,
	WHAT_QUERY_PARAMETER,
	WHAT_PATH_PARAMETER,
	WHAT_CLIENT_IP,
	WHAT_API,
	WHAT_ROUTE,
	WHAT_ENDPOINT,
	WHAT_CONSUMER,
	WHAT_CONSUMER_LABEL,
	WHAT_CLAIM,
};

/* A value in the making. Literals are gathered in room, as they will stand in the result. */
struct value_builder {
	struct reader *reader;
	enum value_use use;
	unsigned options;
	struct buf room;
	size_t literal_from; /* in room: where the literal under way begins */
	struct value_segment *at;
	size_t count;
};

void value_builder_init(struct value_builder *builder, struct reader *reader, enum value_use use,
			unsigned options, size_t room);

result value_builder_text(struct value_builder *builder, const struct node *node);
/* Adds the scalar's text with what is to be filled in. ERROR_INVALID after a report. */

result value_builder_end(struct value_builder *builder, const struct node *node, struct value *ret_value);
/* Of all that was added, which came from that node. ERROR_INVALID after a report when it is too long. */

void value_url_put(struct buf *out, const struct value_segment *segment, str text);
/* A value as a part of the URL that out holds so far: encoded, unless it is a part of one already, or its
 * host. */
