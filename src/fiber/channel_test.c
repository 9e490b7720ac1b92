/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fiber/channel.h"
#include "fiber/testing.h"

enum { ITEMS = 100 };

/* One end of a channel at work: items are pointers into an array, so their order can be seen. */
struct worker_end {
	struct channel *channel;
	struct fiber *fiber;
	char *items;
	size_t count; /* sent or received */
	deadline until;
	result_value got;
	bool is_done;
};

static void sends(struct fiber *self, void *argument)
{
	struct worker_end *end = argument;

	end->fiber = self;
	end->got = OK;
	while (end->count < ITEMS) {
		end->got = channel_send(end->channel, self, &end->items[end->count], end->until);
		if (failed(end->got))
			break;
		end->count++;
	}
	end->is_done = true;
}

static void receives(struct fiber *self, void *argument)
{
	struct worker_end *end = argument;
	void *item;

	end->fiber = self;
	for (;;) {
		end->got = channel_receive(end->channel, self, end->until, &item);
		if (failed(end->got))
			break;
		assert_ptr_equal(item, &end->items[end->count]);
		end->count++;
	}
	end->is_done = true;
}

static void everything_arrives_in_order(void **state)
{
	static const size_t sizes[] = { 1, 2, 7, ITEMS, ITEMS * 2 };

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		char items[ITEMS];
		struct channel channel;
		struct worker_end sender = { .channel = &channel, .items = items, .until = DEADLINE_NEVER };
		struct worker_end receiver = sender;
		struct world world;

		world_open(&world);
		channel_init(&channel, sizes[i]);
		world_start(&world, sends, &sender);
		assert_int_equal(sender.count, sizes[i] < ITEMS ? sizes[i] : ITEMS); /* then it waits */
		world_start(&world, receives, &receiver);
		assert_true(sender.is_done);
		assert_int_equal(receiver.count, ITEMS);
		channel_close(&channel);
		assert_int_equal(receiver.got.kind, ERROR_CLOSED);
		channel_fini(&channel);
		world_close(&world);
	}
}

static void closing_leaves_what_is_in_it(void **state)
{
	char items[ITEMS];
	struct channel channel;
	struct worker_end receiver = { .channel = &channel, .items = items, .until = DEADLINE_NEVER };
	struct world world;

	(void)state;
	world_open(&world);
	channel_init(&channel, 3);
	assert_false(failed(channel_offer(&channel, &items[0])));
	assert_false(failed(channel_offer(&channel, &items[1])));
	channel_close(&channel);
	channel_close(&channel);
	assert_int_equal(channel_offer(&channel, &items[2]).kind, ERROR_CLOSED);
	world_start(&world, receives, &receiver);
	assert_int_equal(receiver.count, 2);
	assert_int_equal(receiver.got.kind, ERROR_CLOSED);
	channel_fini(&channel);
	world_close(&world);
}

enum how { CANCELLED, LATE, CLOSED };

static const struct {
	const char *name;
	bool is_sender;
	enum how how;
	enum error_kind want;
} end_cases[] = {
	{ "a sender is cancelled", true, CANCELLED, ERROR_CANCELLED },
	{ "a receiver is cancelled", false, CANCELLED, ERROR_CANCELLED },
	{ "a sender is late", true, LATE, ERROR_TIMEOUT },
	{ "a receiver is late", false, LATE, ERROR_TIMEOUT },
	{ "a sender finds it closed", true, CLOSED, ERROR_CLOSED },
	{ "a receiver finds it closed", false, CLOSED, ERROR_CLOSED },
};

static void waiting_ends_for_the_right_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof end_cases / sizeof *end_cases; i++) {
		char items[ITEMS];
		struct channel channel;
		struct worker_end end = { .channel = &channel, .items = items, .until = DEADLINE_NEVER };
		struct world world;

		world_open(&world);
		channel_init(&channel, 2);
		if (end_cases[i].how == LATE)
			end.until = world_in(&world, 2 * MILLISECOND);
		world_start(&world, end_cases[i].is_sender ? sends : receives, &end);
		assert_false(end.is_done);
		if (end_cases[i].how == CANCELLED)
			fiber_cancel(end.fiber);
		if (end_cases[i].how == CLOSED)
			channel_close(&channel);
		world_run(&world);
		if (end.got.kind != end_cases[i].want)
			fail_msg("%s: %s", end_cases[i].name, error_name(end.got.kind));
		assert_int_equal(end.count, end_cases[i].is_sender ? 2 : 0);
		channel_fini(&channel);
		world_close(&world);
	}
}

static void the_loop_offers_and_takes_without_waiting(void **state)
{
	char items[ITEMS];
	struct channel channel;
	struct worker_end receiver = { .channel = &channel, .items = items, .until = DEADLINE_NEVER };
	struct world world;
	void *item;

	(void)state;
	world_open(&world);
	channel_init(&channel, 1);
	assert_false(channel_take(&channel, &item));
	assert_false(failed(channel_offer(&channel, &items[0])));
	assert_int_equal(channel_offer(&channel, &items[1]).kind, ERROR_LIMIT);
	assert_true(channel_take(&channel, &item));
	assert_ptr_equal(item, &items[0]);
	world_start(&world, receives, &receiver);
	assert_false(failed(channel_offer(&channel, &items[0]))); /* the receiver runs inside the call */
	assert_int_equal(receiver.count, 1);
	channel_close(&channel);
	channel_fini(&channel);
	world_close(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_arrives_in_order),
		cmocka_unit_test(closing_leaves_what_is_in_it),
		cmocka_unit_test(waiting_ends_for_the_right_reason),
		cmocka_unit_test(the_loop_offers_and_takes_without_waiting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
