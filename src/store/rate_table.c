/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rate_table: sets of four cells, each set a line of the cache, so that a decision costs one miss however
 * many keys there are.
 *
 * A cell is one number of 128 bits: the time in its upper 80, the key's tag in its lower 48. Times count
 * nanoseconds since 1970 in 2^-16 parts: what one unit moves the time on by is a whole number of those, and
 * even 300,000,000 a second drift by a millionth of that. The set's number is made of the hash's lower bits,
 * and the tag of the upper 48, so that with 2^16 sets or more no bit of the hash is lost.
 *
 * Why a key never has two cells, as long as its set has one that is free or paid back: whoever brings a new
 * key takes the cell that it sees with the smallest number, and such a cell only ever gets a larger one. Say
 * that A puts a key into y, and B, which did not see it there, puts the same into x later. B read y before A
 * changed it, so B saw y no larger than A did; x had not changed when B took it, so A saw x no larger than B
 * did. A chose y, so y <= x as A saw them, and B chose x, so x <= y as B saw them. Then all four are the
 * same number, and of cells with the same number (free ones) both would have chosen the first.
 *
 * Where nothing in the set is paid back, a cell can get a smaller number, and two workers that bring one new
 * key at that very moment may count it apart, once. Counts are being lost there anyway: those are evictions.
 */
#include "store/rate_table.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/assert.h"
#include "base/random.h"

enum {
	WAYS = 4, /* cells of a set */
	FRACTION_BITS = 16,
	TAG_BITS = 48,
};

typedef unsigned __int128 wide; /* a time, or a time and a tag */

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the lower half of a cell stands first");

union cell {
	wide whole; /* changed by compare-and-swap only */
	struct {
		_Atomic uint64_t low, high;
	};
};

struct set {
	union cell at[WAYS];
} __attribute__((aligned(64)));

/* What changes is on a line of its own: every decision reads the rest. */
struct rate_table {
	struct set *sets;
	size_t mask; /* of their number */
	uint64_t seed;
	_Atomic uint64_t evictions __attribute__((aligned(64)));
};

/* How far a time may lie ahead for no other reason than that another worker looked at its clock later. */
static const wide slack = (wide)SECOND << FRACTION_BITS;

static wide ticks_of(int64_t nanoseconds)
{
	return (wide)(nanoseconds < 0 ? 0 : nanoseconds) << FRACTION_BITS;
}

/* Rounded up: who waits so long finds it done. */
static duration nanoseconds_of(wide ticks)
{
	return (duration)((ticks + (1 << FRACTION_BITS) - 1) >> FRACTION_BITS);
}

/* The interval is rounded up, so that nobody gets more than the rate; the burst is a number of intervals, so
 * that it is exact whatever they are rounded to. */
bool gcra_make(struct rate rate, uint64_t burst, struct gcra *ret_gcra)
{
	wide number = (wide)rate.number, interval;

	ASSERT(rate.number > 0 && rate.period > 0 && burst > 0 && burst <= (uint64_t)RATE_BURST_MAX);
	interval = (ticks_of(rate.period) + number - 1) / number;
	if (interval > ticks_of(RATE_WHOLE_MAX) / burst)
		return false;
	*ret_gcra = (struct gcra) { interval, interval * burst, burst };
	return true;
}

struct gcra gcra_share(const struct gcra *gcra, unsigned sharers, uint64_t cost)
{
	uint64_t burst = gcra->burst / sharers, least = cost < gcra->burst ? cost : gcra->burst;
	wide interval = gcra->interval * sharers, most;

	if (burst < least)
		burst = least;
	burst += burst == 0;
	most = ticks_of(RATE_WHOLE_MAX) / burst;
	if (interval > most)
		interval = most;
	return (struct gcra) { interval, interval * burst, burst };
}

/* The system gives the pages when they are touched, and zeroes in them. */
struct rate_table *rate_table_new(size_t cells)
{
	struct rate_table *table = aligned_alloc(64, sizeof *table);
	size_t sets = 1;

	ASSERT(table);
	while (sets * WAYS < cells)
		sets *= 2;
	*table = (struct rate_table) { .mask = sets - 1, .seed = random_u64() };
	table->sets = mmap(NULL, sets * sizeof(struct set), PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	ASSERT(table->sets != MAP_FAILED);
	return table;
}

void rate_table_free(struct rate_table **address)
{
	struct rate_table *table = *address;

	*address = NULL;
	if (!table)
		return;
	munmap(table->sets, (table->mask + 1) * sizeof(struct set));
	free(table);
}

uint64_t rate_table_seed(const struct rate_table *table)
{
	return table->seed;
}

uint64_t rate_table_evictions(const struct rate_table *table)
{
	return atomic_load_explicit(&table->evictions, memory_order_relaxed);
}

/* ---- cells ---- */

static struct set *set_of(struct rate_table *table, uint64_t key)
{
	return &table->sets[key & table->mask];
}

/* Never 0, which is that of a free cell. */
static uint64_t tag_of(uint64_t key)
{
	uint64_t tag = key >> (64 - TAG_BITS);

	return tag ? tag : 1;
}

static wide word_of(wide time, uint64_t tag)
{
	return time << TAG_BITS | tag;
}

static uint64_t tag_in(wide word)
{
	return (uint64_t)word & ((UINT64_C(1) << TAG_BITS) - 1);
}

static wide time_in(wide word)
{
	return word >> TAG_BITS;
}

/* Two halves, for there is no load of both at once that takes no line of the cache away from other workers.
 * The lower one has the tag: when it is the same before and after, the upper one belongs to it. */
static wide cell_read(const union cell *cell)
{
	uint64_t low, high, again = atomic_load_explicit(&cell->low, memory_order_acquire);

	do {
		low = again;
		high = atomic_load_explicit(&cell->high, memory_order_acquire);
		again = atomic_load_explicit(&cell->low, memory_order_acquire);
	} while (low != again);
	return (wide)high << 64 | low;
}

/* __sync, because gcc calls a library for the __atomic of this size. */
static bool cell_change(union cell *cell, wide from, wide to)
{
	return __sync_bool_compare_and_swap(&cell->whole, from, to);
}

/* The cell of a key, and what is in it. NULL: it has none, and ret_least is the one that it would get. */
static union cell *set_find(struct set *set, uint64_t tag, wide *ret_word, union cell **ret_least)
{
	wide least = 0;

	*ret_least = NULL;
	for (size_t i = 0; i < WAYS; i++) {
		wide word = cell_read(&set->at[i]);

		if (tag_in(word) == tag) {
			*ret_word = word;
			return &set->at[i];
		}
		if (!*ret_least || word < least) {
			*ret_least = &set->at[i];
			least = word;
		}
	}
	*ret_word = least;
	return NULL;
}

/* ---- GCRA ---- */

/* A time that is paid back is as good as now. One that lies further ahead than anything could have moved it
 * was written before the clock was set back: as far as the burst goes it holds. */
static wide time_from(wide time, wide now, const struct gcra *gcra)
{
	if (time < now)
		return now;
	return time > now + gcra->whole + slack ? now + gcra->whole : time;
}

/* A worker whose clock is behind may see a little more than the burst taken. */
static struct rate_standing standing_of(wide time, wide now, const struct gcra *gcra)
{
	wide used = time - now;

	return (struct rate_standing) {
		.left = used < gcra->whole ? (uint64_t)((gcra->whole - used) / gcra->interval) : 0,
		.until_whole = nanoseconds_of(used),
	};
}

static bool may_take(wide time, wide now, const struct gcra *gcra, uint64_t cost)
{
	return !cost || (cost <= gcra->burst && time + cost * gcra->interval <= now + gcra->whole);
}

static struct rate_standing refuse(wide time, wide now, const struct gcra *gcra, uint64_t cost)
{
	struct rate_standing standing = standing_of(time, now, gcra);

	standing.until_enough = -1;
	if (cost <= gcra->burst)
		standing.until_enough = nanoseconds_of(time + cost * gcra->interval - gcra->whole - now);
	return standing;
}

static void count_eviction(struct rate_table *table)
{
	atomic_fetch_add_explicit(&table->evictions, 1, memory_order_relaxed);
}

/* One try: false when another worker was faster, and it must be looked again. */
static bool try_take(struct rate_table *table, uint64_t key, wide now, const struct gcra *gcra, uint64_t cost,
		     struct rate_standing *ret_standing)
{
	uint64_t tag = tag_of(key);
	wide word, time, then;
	union cell *least, *cell = set_find(set_of(table, key), tag, &word, &least);

	time = cell ? time_from(time_in(word), now, gcra) : now;
	if (!may_take(time, now, gcra, cost)) {
		*ret_standing = refuse(time, now, gcra, cost);
		/* Only what a clock that was set back has left behind is put right. */
		return !cell || time >= time_in(word) || cell_change(cell, word, word_of(time, tag));
	}
	then = time + cost * gcra->interval;
	*ret_standing = standing_of(then, now, gcra);
	ret_standing->is_admitted = true;
	if (!cost)
		return true;
	if (!cell_change(cell ? cell : least, word, word_of(then, tag)))
		return false;
	if (!cell && time_in(word) > now)
		count_eviction(table);
	return true;
}

struct rate_standing rate_table_take(struct rate_table *table, uint64_t key, wall_time now,
				     const struct gcra *gcra, uint64_t cost)
{
	struct rate_standing standing;

	while (!try_take(table, key, ticks_of(now), gcra, cost, &standing))
		continue;
	return standing;
}

/* Not further back than now: what is paid back is as good as that, and a cell that others may take must not
 * get a smaller number. */
void rate_table_give_back(struct rate_table *table, uint64_t key, wall_time now, const struct gcra *gcra,
			  uint64_t cost)
{
	wide since = ticks_of(now), back = cost * gcra->interval, word, time;
	union cell *least, *cell;

	ASSERT(cost <= gcra->burst);
	do {
		cell = set_find(set_of(table, key), tag_of(key), &word, &least);
		time = cell ? time_in(word) : 0;
		if (time <= since)
			return;
	} while (!cell_change(cell, word, word_of(time - since > back ? time - back : since, tag_of(key))));
}
