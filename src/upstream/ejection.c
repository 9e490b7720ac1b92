/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/ejection.h"

enum { TIMES_MAX = 10 };

/* Where there is another to ask, one may always be ejected, or a share of three would forbid all. */
bool ejection_is_allowed(size_t ejected, size_t members, int64_t max_percent)
{
	if (max_percent == 0)
		return false;
	if (ejected == 0 && members >= 2)
		return true;
	return (int64_t)(ejected + 1) * 100 <= max_percent * (int64_t)members;
}

/* What the time that it served without a fault is worth. */
static void forgive(struct ejection *ejection, duration eject_for, deadline now)
{
	uint64_t good = ejection->times ? (uint64_t)((now - ejection->served) / eject_for) : 0;

	ejection->times -= good < ejection->times ? (uint32_t)good : ejection->times;
}

duration ejection_begin(struct ejection *ejection, duration eject_for, deadline now)
{
	duration length;

	forgive(ejection, eject_for, now);
	if (ejection->times < TIMES_MAX)
		ejection->times++;
	length = eject_for * ejection->times;
	ejection->until = deadline_after(now, length);
	return length;
}

void ejection_end(struct ejection *ejection, deadline now)
{
	if (ejection->until)
		ejection->served = now;
	ejection->until = 0;
}
