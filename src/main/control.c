/* SPDX-License-Identifier: Apache-2.0 */
#include "main/control.h"

/* Files are looked for here, and glob(3) takes up to 64 KiB of stack for their names. */
enum { BLOCKS_KEPT = 64, STACK_SIZE = 256 * 1024 };

static const size_t blocks_max = (size_t)1 << 30;

static result control_build(struct control *control)
{
	struct fibers_options options = { .guard = &control->guard, .stack_size = STACK_SIZE };

	TRY(fiber_guard_install(&control->guard));
	TRY(loop_new(&control->loop));
	TRY(fibers_new(control->loop, &control->scratch, &options, &control->fibers));
	return dns_new(control->fibers, &control->dns);
}

result control_init(struct control *control, struct journal *journal)
{
	*control = (struct control) { .journal = journal };
	block_pool_init(&control->blocks, BLOCKS_KEPT, blocks_max);
	scratch_init(&control->scratch, &control->blocks);
	return control_build(control);
}

void control_run(struct control *control)
{
	loop_run(control->loop);
}

void control_stop(struct control *control)
{
	loop_stop(control->loop);
}

/* One turn more than there are fibers for: what was posted by those that ended is done in it. */
void control_settle(struct control *control)
{
	do
		loop_turn(control->loop, deadline_after(time_monotonic(), 10 * MILLISECOND));
	while (fibers_alive(control->fibers));
}

void control_fini(struct control *control)
{
	if (control->dns)
		dns_free(&control->dns);
	if (control->fibers)
		fibers_free(&control->fibers);
	if (control->loop)
		loop_free(&control->loop);
	scratch_fini(&control->scratch);
	block_pool_fini(&control->blocks);
}
