/* SPDX-License-Identifier: Apache-2.0 */
/*
 * encoder: a bounded number at work, and a few of each coding kept for the next.
 *
 * Making one means hundreds of kilobytes to be cleared, which is more work than a small answer itself; so
 * those that can begin anew are kept, the warmest on top.
 */
#include "http/encoder_private.h"

#include <stdlib.h>

#include "base/assert.h"

enum { KEPT_MAX = 8 }; /* of each coding */

struct encoder {
	struct encoders *owner;
	enum coding coding;
	void *state;          /* the library's */
	struct encoder *next; /* while kept */
	char room[ENCODER_HEADROOM + ENCODER_ROOM];
};

struct encoders {
	size_t max, at_work;
	struct allowance *allowance;
	struct encoder *kept[CODINGS];
	size_t kept_count[CODINGS];
};

str coding_name(enum coding coding)
{
	return encoder_libraries[coding].name;
}

struct encoders *encoders_new(size_t max, struct allowance *allowance)
{
	struct encoders *encoders = calloc(1, sizeof *encoders);

	ASSERT(encoders);
	encoders->max = max;
	encoders->allowance = allowance;
	return encoders;
}

static void encoder_close(struct encoder *encoder)
{
	encoder_libraries[encoder->coding].close(encoder->state);
	allowance_give(encoder->owner->allowance, ENCODER_BYTES);
	free(encoder);
}

static struct encoder *kept_pop(struct encoders *encoders, enum coding coding)
{
	struct encoder *encoder = encoders->kept[coding];

	if (encoder) {
		encoders->kept[coding] = encoder->next;
		encoders->kept_count[coding]--;
	}
	return encoder;
}

void encoders_free(struct encoders **address)
{
	struct encoders *encoders = *address;

	if (!encoders)
		return;
	ASSERT(encoders->at_work == 0);
	for (enum coding coding = 0; coding < CODINGS; coding++)
		for (struct encoder *kept; (kept = kept_pop(encoders, coding));)
			encoder_close(kept);
	free(encoders);
	*address = NULL;
}

size_t encoders_at_work(const struct encoders *encoders)
{
	return encoders->at_work;
}

static struct encoder *encoder_open(struct encoders *encoders, enum coding coding)
{
	struct encoder *encoder;

	if (!allowance_take(encoders->allowance, ENCODER_BYTES))
		return NULL;
	encoder = malloc(sizeof *encoder);
	ASSERT(encoder);
	encoder->owner = encoders;
	encoder->coding = coding;
	encoder->next = NULL;
	encoder->state = encoder_libraries[coding].open();
	if (encoder->state)
		return encoder;
	allowance_give(encoders->allowance, ENCODER_BYTES);
	free(encoder);
	return NULL;
}

struct encoder *encoder_take(struct encoders *encoders, enum coding coding)
{
	struct encoder *encoder;

	if (encoders->at_work == encoders->max)
		return NULL;
	encoder = kept_pop(encoders, coding);
	if (!encoder)
		encoder = encoder_open(encoders, coding);
	encoders->at_work += encoder != NULL;
	return encoder;
}

void encoder_give(struct encoder **address)
{
	struct encoder *encoder = *address;
	struct encoders *owner;

	if (!encoder)
		return;
	*address = NULL;
	owner = encoder->owner;
	owner->at_work--;
	if (owner->kept_count[encoder->coding] == KEPT_MAX || !encoder_libraries[encoder->coding].reset ||
	    !encoder_libraries[encoder->coding].reset(encoder->state)) {
		encoder_close(encoder);
		return;
	}
	encoder->next = owner->kept[encoder->coding];
	owner->kept[encoder->coding] = encoder;
	owner->kept_count[encoder->coding]++;
}

char *encoder_room(struct encoder *encoder)
{
	return encoder->room + ENCODER_HEADROOM;
}

result encoder_run(struct encoder *encoder, enum encoder_step step, str *in, struct buf *out,
		   bool *ret_is_done)
{
	return encoder_libraries[encoder->coding].run(encoder->state, step, in, out, ret_is_done);
}
