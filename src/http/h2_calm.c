/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h2_calm: the sizes. Resets: as many as a client that has the usual 100 streams can cause in one go, and
 * half of that again; together with what time pays, an attack of ten seconds gets fewer than 200 requests
 * through. Controls: the acknowledgements of a thousand frames are what nghttp2 itself keeps at most.
 */
#include "http/h2_calm.h"

struct account {
	int64_t most;
	int64_t each_second;
};

static const struct account accounts[H2_ACCOUNTS] = {
	[H2_RESETS] = { 150, 4 },
	[H2_CONTROLS] = { 1000, 100 },
};

void h2_calm_init(struct h2_calm *calm, deadline now)
{
	for (unsigned i = 0; i < H2_ACCOUNTS; i++)
		calm->left[i] = accounts[i].most;
	calm->paid = now;
}

/* Whole seconds, so that nothing is lost to rounding. */
static void pay_time(struct h2_calm *calm, deadline now)
{
	int64_t seconds = (now - calm->paid) / SECOND;

	if (seconds <= 0)
		return;
	for (unsigned i = 0; i < H2_ACCOUNTS; i++) {
		int64_t missing = accounts[i].most - calm->left[i];
		int64_t wages = seconds < missing ? seconds * accounts[i].each_second : missing;

		calm->left[i] += wages < missing ? wages : missing;
	}
	calm->paid += seconds * SECOND;
}

bool h2_calm_spend(struct h2_calm *calm, enum h2_account account, deadline now)
{
	pay_time(calm, now);
	if (calm->left[account] == 0)
		return false;
	calm->left[account]--;
	return true;
}

void h2_calm_earn(struct h2_calm *calm, enum h2_account account, unsigned count)
{
	calm->left[account] += count;
	if (calm->left[account] > accounts[account].most)
		calm->left[account] = accounts[account].most;
}
