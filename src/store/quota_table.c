/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets of eight cells; a part is so many sets, a lock, and a list of its cells that have changed. A cell may
 * get another key while it is in the list: what it holds is looked at when the list is emptied.
 *
 * A cell is pinned while its change is being written: it gets no other key then, or what comes back of the
 * writing could not be told from what another process has counted.
 */
#include "store/quota_table.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/assert.h"
#include "base/random.h"

enum { WAYS = 8, PART_BITS = 8, BEHIND_MAX = 60 /* seconds */ };

struct cell {
	uint64_t key; /* 0: free */
	int64_t window;
	int64_t count, written;
	uint32_t next;   /* in the list: its place in the part, and one more; 0: the last */
	bool is_changed; /* it is in the list */
	bool is_pinned;
};

struct part {
	pthread_mutex_t lock;
	struct cell *cells;
	uint32_t changed; /* the first in the list */
} __attribute__((aligned(64)));

struct quota_table {
	struct cell *cells;
	size_t sets; /* of a part */
	_Atomic uint64_t seed, evictions;
	struct part parts[QUOTA_PARTS];
};

static size_t cells_of(const struct quota_table *table)
{
	return table->sets * WAYS;
}

/* The system gives the pages when they are touched, and zeroes in them. */
struct quota_table *quota_table_new(size_t cells)
{
	struct quota_table *table = aligned_alloc(64, sizeof *table);
	size_t of_set = (size_t)QUOTA_PARTS * WAYS;

	ASSERT(table);
	memset(table, 0, sizeof *table);
	table->sets = (cells + of_set - 1) / of_set;
	table->seed = random_u64();
	table->cells = mmap(NULL, cells_of(table) * QUOTA_PARTS * sizeof(struct cell), PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	ASSERT(table->cells != MAP_FAILED);
	for (size_t i = 0; i < QUOTA_PARTS; i++) {
		table->parts[i].cells = table->cells + i * cells_of(table);
		pthread_mutex_init(&table->parts[i].lock, NULL);
	}
	return table;
}

void quota_table_free(struct quota_table **address)
{
	struct quota_table *table = *address;

	*address = NULL;
	if (!table)
		return;
	for (size_t i = 0; i < QUOTA_PARTS; i++)
		pthread_mutex_destroy(&table->parts[i].lock);
	munmap(table->cells, cells_of(table) * QUOTA_PARTS * sizeof(struct cell));
	free(table);
}

uint64_t quota_table_seed(const struct quota_table *table)
{
	return atomic_load_explicit(&table->seed, memory_order_relaxed);
}

uint64_t quota_table_evictions(const struct quota_table *table)
{
	return atomic_load_explicit(&table->evictions, memory_order_relaxed);
}

static void count_eviction(struct quota_table *table)
{
	atomic_fetch_add_explicit(&table->evictions, 1, memory_order_relaxed);
}

static struct part *lock_part(struct quota_table *table, uint64_t key)
{
	struct part *part = &table->parts[key % QUOTA_PARTS];

	pthread_mutex_lock(&part->lock);
	return part;
}

static void unlock_part(struct part *part)
{
	pthread_mutex_unlock(&part->lock);
}

/* ---- cells ---- */

/* 0 is that of a free cell; another one of the same part. */
static uint64_t key_of(uint64_t key)
{
	return key ? key : QUOTA_PARTS;
}

static struct cell *set_of(const struct quota_table *table, const struct part *part, uint64_t key)
{
	return part->cells + (key >> PART_BITS) % table->sets * WAYS;
}

static struct cell *cell_find(const struct quota_table *table, const struct part *part, uint64_t key)
{
	struct cell *set = set_of(table, part, key);

	for (size_t i = 0; i < WAYS; i++)
		if (set[i].key == key)
			return &set[i];
	return NULL;
}

enum worth { WORTH_FREE, WORTH_OVER, WORTH_WRITTEN, WORTH_COUNTED };

static enum worth worth_of(const struct cell *cell, int64_t now)
{
	if (!cell->key)
		return WORTH_FREE;
	if (cell->window <= now)
		return WORTH_OVER;
	return cell->count == cell->written ? WORTH_WRITTEN : WORTH_COUNTED;
}

static bool is_worth_less(const struct cell *cell, const struct cell *than, int64_t now)
{
	enum worth a = worth_of(cell, now), b = worth_of(than, now);

	return a < b || (a == b && cell->count < than->count);
}

/* NULL: all of the set are pinned. */
static struct cell *cell_least(struct cell *set, int64_t now)
{
	struct cell *least = NULL;

	for (size_t i = 0; i < WAYS; i++)
		if (!set[i].is_pinned && (!least || is_worth_less(&set[i], least, now)))
			least = &set[i];
	return least;
}

/* What keeps its place in the list of changes and its pin. */
static void cell_restart(struct cell *cell, uint64_t key, int64_t window)
{
	cell->key = key;
	cell->window = window;
	cell->count = 0;
	cell->written = 0;
}

/* With the window that is asked for. NULL: there is no room at this moment. */
static struct cell *cell_get(struct quota_table *table, struct part *part, uint64_t key, int64_t window,
			     int64_t now)
{
	struct cell *cell = cell_find(table, part, key);

	if (!cell) {
		cell = cell_least(set_of(table, part, key), now);
		if (!cell || worth_of(cell, now) == WORTH_COUNTED)
			count_eviction(table);
		if (!cell)
			return NULL;
		cell_restart(cell, key, window);
	}
	if (cell->window != window)
		cell_restart(cell, key, window);
	return cell;
}

static void cell_changed(struct part *part, struct cell *cell)
{
	if (cell->is_changed || cell->count == cell->written)
		return;
	cell->is_changed = true;
	cell->next = part->changed;
	part->changed = (uint32_t)(cell - part->cells) + 1;
}

/* ---- counting ---- */

static uint64_t left_of(const struct cell *cell, int64_t window, uint64_t limit)
{
	int64_t count = cell && cell->window == window ? cell->count : 0;

	if (count < 0)
		count = 0;
	return limit > (uint64_t)count ? limit - (uint64_t)count : 0;
}

/* A clock that is a little behind another counts in the window that has begun, and forgets nothing of it. */
static int64_t window_of(const struct cell *cell, const struct quota_ask *ask)
{
	bool is_behind = cell && cell->window > ask->window && ask->window - ask->now <= BEHIND_MAX;

	return is_behind ? cell->window : ask->window;
}

/* Who is refused makes nobody go. Who finds no room is let in: the alternative is to refuse all. */
static struct quota_standing take(struct quota_table *table, struct part *part, uint64_t key,
				  const struct quota_ask *ask)
{
	struct cell *cell = cell_find(table, part, key);
	int64_t window = window_of(cell, ask);
	uint64_t left = left_of(cell, window, ask->limit);

	if (ask->cost > left)
		return (struct quota_standing) { .left = left };
	if (!ask->cost)
		return (struct quota_standing) { true, left };
	cell = cell_get(table, part, key, window, ask->now);
	if (cell) {
		cell->count += (int64_t)ask->cost;
		cell_changed(part, cell);
	}
	return (struct quota_standing) { true, left - ask->cost };
}

struct quota_standing quota_table_take(struct quota_table *table, const struct quota_ask *ask)
{
	uint64_t key = key_of(ask->key);
	struct part *part = lock_part(table, key);
	struct quota_standing standing = take(table, part, key, ask);

	unlock_part(part);
	return standing;
}

void quota_table_give_back(struct quota_table *table, const struct quota_ask *ask)
{
	uint64_t key = key_of(ask->key);
	struct part *part = lock_part(table, key);
	struct cell *cell = cell_find(table, part, key);

	if (cell && cell->window == ask->window) {
		cell->count -= (int64_t)ask->cost;
		cell_changed(part, cell);
	}
	unlock_part(part);
}

/* ---- writing down ---- */

static void part_begin(const struct quota_table *table, struct part *part, bool is_forgotten)
{
	for (size_t i = 0; i < cells_of(table); i++) {
		struct cell *cell = &part->cells[i];

		if (!cell->key)
			continue;
		cell->written = 0;
		if (is_forgotten)
			cell->key = 0;
		else
			cell_changed(part, cell);
	}
}

void quota_table_begin(struct quota_table *table, uint64_t seed, bool is_empty)
{
	bool is_forgotten = seed != quota_table_seed(table);

	if (!is_forgotten && !is_empty)
		return;
	atomic_store_explicit(&table->seed, seed, memory_order_relaxed);
	for (uint64_t i = 0; i < QUOTA_PARTS; i++) {
		struct part *part = lock_part(table, i);

		part_begin(table, part, is_forgotten);
		unlock_part(part);
	}
}

size_t quota_table_changes(struct quota_table *table, size_t part_index, struct quota_change *ret_changes,
			   size_t max)
{
	struct part *part = lock_part(table, part_index);
	size_t count = 0;

	while (part->changed && count < max) {
		struct cell *cell = &part->cells[part->changed - 1];

		part->changed = cell->next;
		cell->is_changed = false;
		if (!cell->key || cell->count == cell->written)
			continue;
		cell->is_pinned = true;
		ret_changes[count++] = (struct quota_change) { .key = cell->key,
							       .window = cell->window,
							       .delta = cell->count - cell->written,
							       .known = cell->written };
	}
	unlock_part(part);
	return count;
}

/* A cell whose window is another one by now has nothing to do with what was written. */
static void settle(struct quota_table *table, const struct quota_change *change, int64_t total)
{
	struct part *part = lock_part(table, change->key);
	struct cell *cell = cell_find(table, part, change->key);

	if (cell) {
		cell->is_pinned = false;
		if (cell->window == change->window) {
			cell->count += total - change->known - change->delta;
			cell->written = total;
		}
		cell_changed(part, cell);
	}
	unlock_part(part);
}

void quota_table_written(struct quota_table *table, const struct quota_change *change, int64_t total)
{
	settle(table, change, total);
}

void quota_table_not_written(struct quota_table *table, const struct quota_change *change)
{
	struct part *part = lock_part(table, change->key);
	struct cell *cell = cell_find(table, part, change->key);

	if (cell) {
		cell->is_pinned = false;
		cell_changed(part, cell);
	}
	unlock_part(part);
}

/* What was counted here meanwhile is still to be written. */
void quota_table_load(struct quota_table *table, uint64_t key, int64_t window, int64_t now, int64_t total)
{
	struct part *part = lock_part(table, key);
	struct cell *cell = cell_get(table, part, key, window, now);

	if (cell) {
		cell->count += total - cell->written;
		cell->written = total;
		cell_changed(part, cell);
	}
	unlock_part(part);
}
