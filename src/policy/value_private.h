/* SPDX-License-Identifier: Apache-2.0 */
/* What compiling a text and compiling JSON share. */
#pragma once

#include "policy/value.h"

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

struct value value_builder_end(struct value_builder *builder);
