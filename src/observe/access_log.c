/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a worker does for a line: pick, format, commit, and look whether the writer sleeps. Everything that
 * can take time is the writer's (log_writer).
 */
#include "observe/access_log.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/random.h"
#include "observe/log_line.h"
#include "observe/log_writer.h"

enum {
	CONFIG_MAX = 1024 * 1024,
	ROOM_MIN = 256, /* with less left in the ring a line is not even tried */
};

struct access_log_ring {
	struct access_log *log;
	struct log_ring *ring; /* the writer's */
	struct log_clock clock;
	struct random random;
};

/* A configuration with its texts. Workers read it whenever they write a line, and never keep it. */
struct terms {
	struct access_log_config config;
	struct arena arena;
};

struct access_log {
	_Atomic(struct terms *) terms;
	struct terms *before; /* a worker may be reading them still */
	struct log_writer *writer;
	struct access_log_ring **rings;
	size_t count;
};

static struct terms *terms_new(const struct access_log_config *config)
{
	struct terms *terms = calloc(1, sizeof *terms);

	ASSERT(terms);
	arena_init(&terms->arena, NULL, CONFIG_MAX);
	terms->config = access_log_config_copy(config, &terms->arena);
	return terms;
}

static void terms_free(struct terms *terms)
{
	if (terms)
		arena_fini(&terms->arena);
	free(terms);
}

static struct access_log_ring *ring_new(struct access_log *log, size_t index)
{
	struct access_log_ring *ring = calloc(1, sizeof *ring);

	ASSERT(ring);
	ring->log = log;
	ring->ring = log_writer_ring(log->writer, index);
	random_init(&ring->random);
	return ring;
}

result access_log_open(const struct access_log_config *config, struct journal *journal, size_t workers,
		       struct access_log **ret_log)
{
	struct access_log *log = calloc(1, sizeof *log);
	result_value opened;

	ASSERT(log);
	opened = log_writer_open(&config->to, journal, workers, &log->writer);
	if (failed(opened)) {
		free(log);
		return opened;
	}
	atomic_init(&log->terms, terms_new(config));
	log->count = workers;
	log->rings = calloc(workers, sizeof(struct access_log_ring *));
	ASSERT(log->rings);
	for (size_t i = 0; i < workers; i++)
		log->rings[i] = ring_new(log, i);
	*ret_log = log;
	return OK;
}

static bool is_same_place(const struct log_target *a, const struct log_target *b)
{
	return a->destination == b->destination && str_eq(a->path, b->path);
}

result access_log_configure(struct access_log *log, const struct access_log_config *config)
{
	struct terms *now = atomic_load_explicit(&log->terms, memory_order_relaxed);

	if (!is_same_place(&now->config.to, &config->to))
		TRY(log_writer_redirect(log->writer, &config->to));
	terms_free(log->before);
	log->before = now;
	atomic_store_explicit(&log->terms, terms_new(config), memory_order_release);
	return OK;
}

void access_log_close(struct access_log **address)
{
	struct access_log *log = *address;

	if (!log)
		return;
	log_writer_close(&log->writer);
	for (size_t i = 0; i < log->count; i++)
		free(log->rings[i]);
	free(log->rings);
	terms_free(log->before);
	terms_free(atomic_load(&log->terms));
	free(log);
	*address = NULL;
}

struct access_log_ring *access_log_ring(struct access_log *log, size_t worker)
{
	ASSERT(worker < log->count);
	return log->rings[worker];
}

static bool is_picked(struct access_log_ring *ring, const struct access_log_config *config)
{
	int64_t sample = config->sample;

	return sample == 0 || sample == 100 || random_below(&ring->random, 100) < (uint64_t)sample;
}

void access_log_write(struct access_log_ring *ring, const struct exchange_facts *facts)
{
	struct access_log *log = ring->log;
	const struct access_log_config *config =
		&atomic_load_explicit(&log->terms, memory_order_acquire)->config;
	struct buf line;

	if (config->to.destination == LOG_TO_NOWHERE || !is_picked(ring, config))
		return;
	line = log_ring_begin(ring->ring);
	if (line.max >= ROOM_MIN)
		log_line_put(&ring->clock, config, facts, &line);
	if (line.max < ROOM_MIN || buf_overflowed(&line)) {
		log_ring_drop(ring->ring);
		return;
	}
	log_writer_tell(log->writer, log_ring_commit(ring->ring, line.len));
}

void access_log_reopen(struct access_log *log)
{
	log_writer_reopen(log->writer);
}

uint64_t access_log_dropped(const struct access_log *log)
{
	return log_writer_dropped(log->writer);
}
