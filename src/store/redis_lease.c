/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_lease: a table by the key's first bytes, with one place for each; a key that comes into another's
 * takes it over.
 */
#include "store/redis_lease.h"

#include <stdlib.h>

#include "base/assert.h"

/* Of a key. */
struct lease {
	unsigned char key[REDIS_LEASE_KEY_LEN];
	int64_t left;        /* taken and not given out */
	int64_t given;       /* since it was last taken */
	deadline good_until; /* of what is left */
	deadline no_use;     /* before, of asking for */
	int64_t refused;     /* as much or more */
	bool is_asking;
	struct rate_standing standing;
	deadline stood; /* when */
};

struct redis_leases {
	struct lease at[REDIS_LEASES];
};

struct redis_leases *redis_leases_new(void)
{
	struct redis_leases *leases = calloc(1, sizeof *leases);

	ASSERT(leases);
	return leases;
}

void redis_leases_free(struct redis_leases **leases)
{
	free(*leases);
	*leases = NULL;
}

static struct lease *place_of(struct redis_leases *leases, const unsigned char *key)
{
	uint64_t number;

	memcpy(&number, key, sizeof number);
	return &leases->at[number % REDIS_LEASES];
}

static bool is_of(const struct lease *lease, const unsigned char *key)
{
	return memcmp(lease->key, key, REDIS_LEASE_KEY_LEN) == 0;
}

/* As it stood then, and time has passed since. */
static struct rate_standing standing_at(const struct lease *lease, const struct redis_lease_take *take)
{
	struct rate_standing standing = lease->standing;
	duration passed = take->now - lease->stood;

	standing.until_whole = standing.until_whole > passed ? standing.until_whole - passed : 0;
	if (standing.until_enough > 0)
		standing.until_enough = standing.until_enough > passed ? standing.until_enough - passed : 0;
	return standing;
}

bool redis_lease_give(struct redis_leases *leases, const struct redis_lease_take *take,
		      struct rate_standing *ret_standing)
{
	struct lease *lease = place_of(leases, take->key);

	if (!is_of(lease, take->key) || !take->cost)
		return false;
	*ret_standing = standing_at(lease, take);
	if (take->cost <= lease->left && take->now < lease->good_until) {
		lease->left -= take->cost;
		lease->given += take->cost;
		ret_standing->is_admitted = true;
		ret_standing->left += (uint64_t)lease->left;
		return true;
	}
	ret_standing->is_admitted = false;
	return take->now < lease->no_use && take->cost >= lease->refused;
}

/* What the limit gives in a period, and no more than the burst. */
static int64_t most(const struct redis_lease_take *take)
{
	unsigned __int128 units = ((unsigned __int128)take->period << 16) / take->gcra->interval;

	return units < take->gcra->burst ? (int64_t)units : (int64_t)take->gcra->burst;
}

static struct lease *begin(struct redis_leases *leases, const unsigned char *key)
{
	struct lease *lease = place_of(leases, key);

	if (is_of(lease, key))
		return lease;
	*lease = (struct lease) { 0 };
	memcpy(lease->key, key, REDIS_LEASE_KEY_LEN);
	return lease;
}

/* Twice what went lately, so that a key that is asked for more and more soon has enough; by one at a time, or
 * a crowd that finds nothing left would take far too much. */
static int64_t wish(const struct lease *lease, const struct redis_lease_take *take)
{
	int64_t wish = lease->is_asking ? 0 : 2 * lease->given;

	if (wish > most(take))
		wish = most(take);
	return wish > take->cost ? wish : take->cost;
}

/* What is left is out of the others' reach until it is known what became of it. What can never be had is not
 * put together from leases either. */
void redis_lease_ask(struct redis_leases *leases, const struct redis_lease_take *take,
		     struct redis_lease_asked *ret_asked)
{
	struct lease *lease = begin(leases, take->key);

	*ret_asked = (struct redis_lease_asked) { .need = take->cost, .want = take->cost };
	if (!take->cost || (uint64_t)take->cost > take->gcra->burst)
		return;
	if (take->now >= deadline_after(lease->good_until, take->period))
		lease->left = lease->given = 0; /* time has paid for it, whoever counts it */
	ret_asked->credit = lease->left;
	ret_asked->need -= lease->left;
	ret_asked->want = wish(lease, take) - lease->left;
	lease->left = 0;
	lease->is_asking = true;
}

static void refuse(struct lease *lease, const struct redis_lease_take *take, duration wait)
{
	lease->no_use = deadline_after(take->now, wait >= 0 && wait < take->period ? wait : take->period);
	lease->refused = take->cost;
}

void redis_lease_keep(struct redis_leases *leases, const struct redis_lease_take *take,
		      const struct redis_lease_asked *asked, struct redis_gcra_taken *taken)
{
	struct lease *lease = begin(leases, take->key);
	deadline good_until = deadline_after(take->now, take->period);

	lease->is_asking = false;
	lease->standing = taken->standing;
	lease->stood = take->now;
	/* What another has taken in the meantime is good no longer than it was. */
	if (!lease->left || good_until < lease->good_until)
		lease->good_until = good_until;
	lease->left += asked->credit + taken->granted;
	lease->given = 0;
	if (taken->standing.is_admitted) {
		lease->left -= take->cost;
		lease->given = take->cost;
	} else {
		refuse(lease, take, taken->standing.until_enough);
	}
	taken->standing.left += (uint64_t)lease->left;
}

void redis_lease_fail(struct redis_leases *leases, const struct redis_lease_take *take)
{
	begin(leases, take->key)->is_asking = false;
}
