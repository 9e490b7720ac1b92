/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who has an edition, and when it is unused: once, whoever is last, on whatever thread.
 */
#include "proxy/edition.h"

#include <pthread.h>

#include "base/testing.h"
#include "proxy/generation.h"

#define CONFIGURATION                                                                         \
	"listeners: { a: { address: \"127.0.0.1:0\", limits: { headers: 7 } },\n"             \
	"  b: { address: \"127.0.0.1:0\", limits: { headers: 9 } } }\n"                       \
	"upstreams: { u: { endpoints: [\"127.0.0.1:1\", \"127.0.0.1:2\"] }, v: { endpoints: " \
	"[\"127.0.0.1:2\"] } }\n"                                                             \
	"apis: { x: { upstream: u } }\n"

enum { THREADS = 4, ROUNDS = 20000 };

struct bench {
	struct identities identities;
	struct snapshot *snapshot;
	struct edition *unused; /* told by on_unused */
	_Atomic unsigned told;
};

static void on_unused(struct edition *edition, void *owner)
{
	struct bench *bench = owner;

	bench->unused = edition;
	atomic_fetch_add(&bench->told, 1);
}

static struct edition *bench_open(struct bench *bench)
{
	struct diagnostics *diagnostics;

	*bench = (struct bench) { 0 };
	identities_init(&bench->identities);
	assert_false(failed(snapshot_parse(STR("t.yaml"), STR(CONFIGURATION), &bench->identities,
					   &diagnostics, &bench->snapshot)));
	return edition_new(bench->snapshot, on_unused, bench);
}

/* Everything is let go: the identities assert it. */
static void bench_close(struct bench *bench)
{
	assert_int_equal(bench->told, 1);
	edition_free(&bench->unused);
	assert_null(bench->unused);
	edition_free(&bench->unused);
	assert_int_equal(endpoints_count(bench->identities.endpoints), 0);
	identities_fini(&bench->identities);
}

static void the_last_to_let_go_tells(void **state)
{
	struct bench bench;
	struct edition *edition = bench_open(&bench), *other = edition, *none = NULL;

	(void)state;
	snapshot_unref(&bench.snapshot); /* the edition has it */
	edition_ref(edition);
	edition_unref(&edition);
	assert_null(edition);
	assert_int_equal(bench.told, 0);
	edition_unref(&none);
	assert_ptr_equal(other->snapshot->upstreams[0]->roster, other->rosters[0]);
	assert_int_equal(endpoints_count(bench.identities.endpoints), 2);
	edition_unref(&other);
	assert_int_equal(bench.told, 1);
	assert_int_equal(endpoints_count(bench.identities.endpoints), 2); /* the owner has not freed it */
	bench_close(&bench);
}

static void without_an_owner_it_is_freed_at_once(void **state)
{
	struct bench bench;
	struct edition *first = bench_open(&bench), *second = edition_new(bench.snapshot, NULL, NULL);

	(void)state;
	snapshot_unref(&bench.snapshot);
	edition_unref(&first);
	edition_free(&bench.unused);
	assert_int_equal(endpoints_count(bench.identities.endpoints), 2); /* one snapshot, two editions */
	edition_unref(&second);
	assert_int_equal(endpoints_count(bench.identities.endpoints), 0);
	bench_close(&bench);
}

static void who_serves_is_found_by_upstream(void **state)
{
	struct bench bench;
	struct edition *edition = bench_open(&bench);

	(void)state;
	assert_int_equal(edition_roster(edition, bench.snapshot->upstreams[0])->count, 2);
	assert_int_equal(edition_roster(edition, bench.snapshot->upstreams[1])->count, 1);
	assert_ptr_equal(edition_roster(edition, bench.snapshot->upstreams[0])->members[1].endpoint,
			 edition_roster(edition, bench.snapshot->upstreams[1])->members[0].endpoint);
	snapshot_unref(&bench.snapshot);
	edition_unref(&edition);
	bench_close(&bench);
}

/* ---- a worker's half ---- */

static void the_last_one_out_of_a_generation_lets_go(void **state)
{
	struct bench bench;
	struct edition *edition = bench_open(&bench);
	struct generation *generation = generation_new(edition);

	(void)state;
	snapshot_unref(&bench.snapshot);
	edition_unref(&edition);
	for (unsigned i = 0; i < 100; i++)
		generation_enter(generation);
	generation_leave(generation); /* the worker has a newer one */
	for (unsigned i = 0; i < 99; i++)
		generation_leave(generation);
	assert_int_equal(bench.told, 0);
	generation_leave(generation);
	bench_close(&bench);
}

static void nothing_is_made_for_an_upstream_before_it_is_asked(void **state)
{
	struct balance_tried nobody = { .count = 0 };
	struct bench bench;
	struct edition *edition = bench_open(&bench);
	struct generation *generation = generation_new(edition);
	struct random random;
	struct balance_choosing choosing = { &generation->turns[0], &generation->arena, &random, 0, 0 };

	(void)state;
	random_init(&random);
	assert_null(generation->arena.blocks);
	assert_null(generation->turns[0].credit);
	assert_non_null(balance_pick(generation->snapshot->upstreams[0]->config,
				     generation_roster(generation, generation->snapshot->upstreams[0]),
				     &choosing, &nobody));
	assert_non_null(generation->turns[0].credit);
	assert_null(generation->turns[1].credit);
	memset(generation->request_fields, 1, 9 * sizeof *generation->request_fields); /* as many as any */
	snapshot_unref(&bench.snapshot);
	edition_unref(&edition);
	generation_leave(generation);
	bench_close(&bench);
}

/* ---- many threads ---- */

static void *hold_and_release(void *argument)
{
	struct edition *edition = argument;

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct edition *mine = edition;

		edition_ref(edition);
		edition_unref(&mine);
	}
	edition_unref(&edition);
	return NULL;
}

static void it_is_told_once_whoever_is_last(void **state)
{
	pthread_t threads[THREADS];
	struct bench bench;
	struct edition *edition = bench_open(&bench);

	(void)state;
	snapshot_unref(&bench.snapshot);
	for (unsigned i = 0; i < THREADS; i++) {
		edition_ref(edition);
		assert_int_equal(pthread_create(&threads[i], NULL, hold_and_release, edition), 0);
	}
	edition_unref(&edition);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	bench_close(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_to_let_go_tells),
		cmocka_unit_test(without_an_owner_it_is_freed_at_once),
		cmocka_unit_test(who_serves_is_found_by_upstream),
		cmocka_unit_test(the_last_one_out_of_a_generation_lets_go),
		cmocka_unit_test(nothing_is_made_for_an_upstream_before_it_is_asked),
		cmocka_unit_test(it_is_told_once_whoever_is_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
