/* SPDX-License-Identifier: Apache-2.0 */
/* The admin address with a gateway of hooks: what each outcome is answered with, and moving it. */
#include "admin/admin.h"

#include <stdio.h>
#include <unistd.h>

#include "http/small_server_testing.h"

struct bench {
	struct world world;
	struct identities identities;
	struct snapshot *snapshot;
	struct edition *edition;
	struct journal *journal;
	struct admin *admin;
	struct address at;
	enum admin_reload reload;
	result_value check;
	const char *lines[4]; /* told by reload and check; those that begin with '?' are warnings */
	bool is_draining;
	bool waits;       /* check does, until it is cancelled */
	unsigned checked; /* and how often it was called */
	size_t text_len;  /* of the last candidate */
};

static struct edition *edition_hook(void *owner)
{
	return ((struct bench *)owner)->edition;
}

static bool draining_hook(void *owner)
{
	return ((struct bench *)owner)->is_draining;
}

static void read_hook(void *owner, struct metrics_reading *ret_reading)
{
	(void)owner;
	*ret_reading = (struct metrics_reading) { .generation = 5, .log_dropped = 6 };
}

static void tell_lines(const struct bench *bench, diagnostics_fn tell, void *audience)
{
	for (size_t i = 0; i < COUNT_OF(bench->lines) && bench->lines[i]; i++) {
		bool is_warning = bench->lines[i][0] == '?';

		tell(audience, is_warning, str_of(bench->lines[i] + is_warning));
	}
}

static enum admin_reload reload_hook(void *owner, struct fiber *self, diagnostics_fn tell, void *audience)
{
	(void)self;
	tell_lines(owner, tell, audience);
	return ((struct bench *)owner)->reload;
}

static result check_hook(void *owner, struct fiber *self, str text, diagnostics_fn tell, void *audience)
{
	struct bench *bench = owner;

	bench->checked++;
	bench->text_len = text.len;
	if (bench->waits)
		TRY(fiber_sleep(self, DEADLINE_NEVER));
	tell_lines(bench, tell, audience);
	return bench->check;
}

static struct snapshot *parse(struct bench *bench)
{
	struct diagnostics *diagnostics;
	struct snapshot *snapshot;

	assert_false(
		failed(snapshot_parse(STR("t.yaml"),
				      STR("listeners: { a: { address: '127.0.0.1:0' } }\n"
					  "upstreams: { app: { endpoints: ['10.0.0.1:80', 'unix:/a/b'] } }\n"
					  "apis: { all: { upstream: app } }\n"
					  "admin: { address: '127.0.0.1:0' }\nworkers: 1\n"),
				      &bench->identities, &diagnostics, &snapshot)));
	return snapshot;
}

/* As one with that address, and perhaps a token that nobody knows. */
static result_value try_to_listen(struct bench *bench, const struct address *at, int fd, bool has_token)
{
	struct snapshot *snapshot = parse(bench);
	result_value listened;

	snapshot->admin.address = *at;
	snapshot->admin.has_token = has_token;
	listened = admin_listen(bench->admin, snapshot, fd, NULL, NULL);
	snapshot_unref(&snapshot);
	return listened;
}

static void listen_on(struct bench *bench, int fd)
{
	assert_false(failed(try_to_listen(bench, &bench->at, fd, false)));
	assert_int_equal(admin_socket(bench->admin), fd);
}

static void bench_open(struct bench *bench)
{
	static const struct admin_hooks hooks = { edition_hook, draining_hook, read_hook, reload_hook,
						  check_hook };
	int fd = testing_listen(&bench->at);

	world_open(&bench->world);
	identities_init(&bench->identities);
	bench->identities.is_counting = true;
	bench->snapshot = parse(bench);
	bench->edition = edition_new(bench->snapshot, NULL, NULL);
	bench->journal = journal_new_on(-1, JOURNAL_ERROR);
	bench->admin = admin_new(&(struct admin_options) { .fibers = bench->world.fibers,
							   .blocks = &bench->world.pool,
							   .journal = bench->journal,
							   .metrics = bench->identities.metrics,
							   .hooks = hooks,
							   .owner = bench });
	assert_int_equal(admin_socket(bench->admin), -1);
	listen_on(bench, fd);
}

static void bench_close(struct bench *bench)
{
	do {
		admin_cut(bench->admin);
		testing_turn(&bench->world, 1);
	} while (admin_connections(bench->admin));
	admin_free(&bench->admin);
	assert_null(bench->admin);
	edition_unref(&bench->edition);
	snapshot_unref(&bench->snapshot);
	identities_fini(&bench->identities);
	journal_free(&bench->journal);
	world_close(&bench->world);
}

/* To HTTP/1.0, so that the answer ends with the connection. */
static char *ask(struct bench *bench, const char *method, const char *path, const char *body)
{
	char request[1024];
	int len = snprintf(request, sizeof request, "%s %s HTTP/1.0\r\nContent-Length: %zu\r\n\r\n%s", method,
			   path, strlen(body), body);

	return testing_ask(&bench->world, &bench->at, (str) { request, (size_t)len });
}

static void assert_answer(struct bench *bench, const char *method, const char *path, const char *body,
			  const char *status, const char *part)
{
	char *answer = ask(bench, method, path, body);

	if (strncmp(answer + 9, status, 3) != 0 || !strstr(answer, part))
		fail_msg("%s %s: not %s with %s:\n%s", method, path, status, part, answer);
	free(answer);
}

static void test_resources(void **state)
{
	static const struct {
		const char *method, *path, *status, *part;
	} rows[] = {
		{ "GET", "/healthz", "200", "\r\n\r\nok\n" },
		{ "GET", "/readyz", "200", "ready" },
		{ "GET", "/metrics", "200", "\ngatehouse_config_generation 5\n" },
		{ "GET", "/metrics", "200", "\ngatehouse_log_dropped_total 6\n" },
		{ "GET", "/metrics", "200",
		  "gatehouse_upstream_endpoint_up{upstream=\"app\",endpoint=\"unix:/a/b\"} 1" },
		{ "HEAD", "/metrics", "200", "text/plain; version=0.0.4" },
		{ "GET", "/v1/config", "200", "\"endpoints\":[\"10.0.0.1:80\",\"unix:/a/b\"]" },
		{ "GET", "/v1/apis", "200", "{\"name\":\"all\"" },
		{ "GET", "/v1/consumers", "200", "\"total\":0,\"consumers\":[]" },
		{ "GET", "/v1/upstreams", "200", "\"address\":\"unix:/a/b\"" },
		{ "HEAD", "/v1/upstreams", "200", "application/json" },
		{ "GET", "/v1/explain?url=/x", "200",
		  "\"outcome\":\"matched\",\"status\":null,\"reason\":null,\"host\":\"localhost\"" },
		{ "GET", "/v1/explain?method=POST&url=http%3a%2f%2fh%2Fx%3Ftoken%3Dsecret", "200",
		  "\"url\":\"http://10.0.0.1:80/x?token=***\"" },
		{ "GET", "/v1/explain?url=/&header=Host:+a.test:8080", "200", "\"host\":\"a.test\"" },
		{ "GET", "/v1/explain?url=/&header=Host:a&header=Host:b", "200", "\"outcome\":\"refused\"" },
		{ "HEAD", "/v1/explain?url=/", "200", "application/json" },
		{ "GET", "/v1/explain", "400", "want the URL of the request" },
		{ "GET", "/v1/explain?url=/&header=secret", "400", "header: read \\\"\\\"; want Name:value" },
		{ "POST", "/v1/explain?url=/", "405", "Allow: GET, HEAD" },
		{ "POST", "/v1/upstreams/app/endpoints/10.0.0.1:80/drain", "200", "\"drained\":true" },
		{ "POST", "/v1/upstreams/app/endpoints/10.0.0.1:80/enable", "200", "\"drained\":false" },
		{ "POST", "/v1/upstreams/app/endpoints/unix:/a/b/drain", "200", "\"drained\":true" },
		{ "POST", "/v1/upstreams/%61pp/endpoints/unix:%2Fa%2Fb/enable", "200", "\"drained\":false" },

		{ "GET", "/", "404", "application/problem+json" },
		{ "GET", "/v1/", "404", "" },
		{ "GET", "/healthz/", "404", "" },
		{ "GET", "/v1/upstream", "404", "" },
		{ "POST", "/v1/upstreams/app/endpoints/10.0.0.2:80/drain", "404", "" },
		{ "POST", "/v1/upstreams/none/endpoints/10.0.0.1:80/drain", "404", "" },
		{ "POST", "/v1/upstreams/app/endpoints/10.0.0.1:80/stop", "404", "" },
		{ "POST", "/v1/upstreams/app/endpoints/drain", "404", "" },
		{ "POST", "/v1/upstreams/drain", "404", "" },
		{ "POST", "/healthz", "405", "Allow: GET, HEAD" },
		{ "GET", "/v1/reload", "405", "Allow: POST" },
		{ "DELETE", "/v1/check", "405", "" },
	};
	struct bench bench = { 0 };

	(void)state;
	bench_open(&bench);
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_answer(&bench, rows[i].method, rows[i].path, "", rows[i].status, rows[i].part);
	bench.is_draining = true;
	assert_answer(&bench, "GET", "/readyz", "", "503", "draining");
	assert_answer(&bench, "GET", "/healthz", "", "200", "ok");
	bench_close(&bench);
}

static void test_reload(void **state)
{
	static const struct {
		enum admin_reload reload;
		const char *line, *status, *part;
	} rows[] = {
		{ ADMIN_RELOAD_APPLIED, NULL, "200",
		  "{\"outcome\":\"applied\",\"generation\":1,\"errors\":[],\"warnings\":[]}" },
		{ ADMIN_RELOAD_APPLIED, "?g.yaml:1:2: careful", "200",
		  "\"warnings\":[\"g.yaml:1:2: careful\"]" },
		{ ADMIN_RELOAD_UNCHANGED, NULL, "200", "\"outcome\":\"unchanged\"" },
		{ ADMIN_RELOAD_REFUSED, "g.yaml:1:2: wrong", "422", "\"errors\":[\"g.yaml:1:2: wrong\"]" },
		{ ADMIN_RELOAD_FAILED, NULL, "503", "\"outcome\":\"failed\"" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct bench bench = { .reload = rows[i].reload, .lines = { rows[i].line } };

		bench_open(&bench);
		assert_answer(&bench, "POST", "/v1/reload", "", rows[i].status, rows[i].part);
		bench_close(&bench);
	}
}

/* Of other files than the candidate only the place is told. */
static void test_check(void **state)
{
	static const struct {
		result_value check;
		const char *line, *status, *part;
	} rows[] = {
		{ { 0 }, NULL, "200", "\"outcome\":\"good\"" },
		{ { 0 },
		  "?candidate.yaml:1:2: careful",
		  "200",
		  "\"warnings\":[\"candidate.yaml:1:2: careful\"]" },
		{ { ERROR_INVALID, 0, "wrong" },
		  "candidate.yaml:1:2: wrong",
		  "422",
		  "[\"candidate.yaml:1:2: wrong\"]" },
		{ { ERROR_INVALID, 0, "wrong" },
		  "/etc/passwd:1:2: read \"root:x\"",
		  "422",
		  "[\"/etc/passwd:1:2: is not part of the candidate: see `gatehouse check`\"]" },
		{ { ERROR_INVALID, 0, "wrong" },
		  "x/candidate.yaml:1:2: root:x",
		  "422",
		  "[\"x/candidate.yaml:1:2: is not part of the candidate" },
		{ { ERROR_INVALID, 0, "wrong" },
		  "without a place",
		  "422",
		  "[\": is not part of the candidate" },
		{ { ERROR_LIMIT, 0, "no thread for it" }, NULL, "503", "no thread for it" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct bench bench = { .check = rows[i].check, .lines = { rows[i].line } };

		bench_open(&bench);
		assert_answer(&bench, "POST", "/v1/check", "a: 1\n", rows[i].status, rows[i].part);
		assert_int_equal(bench.text_len, 5);
		bench_close(&bench);
	}
}

/* Two at a time, and one that is cut short lets go of its place. */
static void test_checks_have_a_bound(void **state)
{
	struct bench bench = { .waits = true };
	int busy[2];

	(void)state;
	bench_open(&bench);
	for (size_t i = 0; i < 2; i++) {
		busy[i] = testing_connect(&bench.at);
		testing_send(busy[i], STR("POST /v1/check HTTP/1.0\r\nContent-Length: 1\r\n\r\na"));
	}
	while (bench.checked < 2)
		testing_turn(&bench.world, 1);
	assert_answer(&bench, "POST", "/v1/check", "b", "503", "being checked");
	assert_int_equal(bench.checked, 2);
	assert_answer(&bench, "GET", "/healthz", "", "200", "ok");
	bench_close(&bench);
	close(busy[0]);
	close(busy[1]);
}

/* What is under way on the old address finishes there. */
static void test_moving(void **state)
{
	struct bench bench = { 0 };
	struct address old;
	char *answer;
	int busy, late, fd;

	(void)state;
	bench_open(&bench);
	old = bench.at;
	busy = testing_connect(&old);
	testing_send(busy, STR("POST /v1/check HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\na"));
	while (admin_connections(bench.admin) < 1)
		testing_turn(&bench.world, 1);
	testing_turn(&bench.world, 2);
	fd = testing_listen(&bench.at);
	listen_on(&bench, fd);
	assert_answer(&bench, "GET", "/healthz", "", "200", "ok");
	late = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(late, &old.any, old.len), -1);
	close(late);
	testing_send(busy, STR("b"));
	answer = testing_receive(&bench.world, busy);
	assert_non_null(strstr(answer, "\"outcome\":\"good\""));
	assert_int_equal(bench.text_len, 2);
	free(answer);
	assert_false(failed(admin_listen(bench.admin, NULL, -1, NULL, NULL)));
	assert_int_equal(admin_socket(bench.admin), -1);
	assert_false(failed(admin_listen(bench.admin, NULL, -1, NULL, NULL)));
	bench_close(&bench);
}

/* An address before keeps its snapshot for what is under way there, and no longer. */
static void test_an_address_before_lets_go(void **state)
{
	struct bench bench = { 0 };
	struct snapshot *before;
	int busy, fd;

	(void)state;
	bench_open(&bench);
	before = parse(&bench);
	before->admin.address = bench.at;
	assert_false(failed(admin_listen(bench.admin, before, -1, NULL, NULL)));
	assert_int_equal(before->references, 2);
	busy = testing_connect(&bench.at);
	testing_send(busy, STR("POST /v1/check HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\na"));
	while (admin_connections(bench.admin) < 1)
		testing_turn(&bench.world, 1);
	testing_turn(&bench.world, 2);
	fd = testing_listen(&bench.at);
	listen_on(&bench, fd);
	assert_true(before->references > 1);
	testing_send(busy, STR("b"));
	free(testing_receive(&bench.world, busy));
	assert_int_equal(before->references, 1);

	assert_false(failed(admin_listen(bench.admin, before, -1, NULL, NULL)));
	assert_false(failed(admin_listen(bench.admin, NULL, -1, NULL, NULL)));
	assert_int_equal(before->references, 1);
	snapshot_unref(&before);
	bench_close(&bench);
}

/* Addresses that overlap at one port: its own socket does not keep it from moving. */
static void test_moving_at_its_own_port(void **state)
{
	static const char *const rows[] = { "0.0.0.0", "127.0.0.1", "::ffff:127.0.0.1", "127.0.0.2" };
	struct bench bench = { 0 };
	struct address at;
	uint16_t port;

	(void)state;
	bench_open(&bench);
	port = address_port(&bench.at);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_true(address_of_ip(str_of(rows[i]), port, &at));
		assert_row(!failed(try_to_listen(&bench, &at, -1, false)), i, rows[i]);
		bench.at = at;
		assert_answer(&bench, "GET", "/healthz", "", "200", "ok");
	}
	bench_close(&bench);
}

/* It stays where it is when it cannot have the new address. */
static void test_an_address_that_is_taken(void **state)
{
	struct bench bench = { 0 };
	struct address taken;
	int fd, other;

	(void)state;
	bench_open(&bench);
	fd = admin_socket(bench.admin);
	other = testing_listen(&taken);
	assert_true(failed(try_to_listen(&bench, &taken, -1, false)));
	assert_int_equal(admin_socket(bench.admin), fd);
	assert_answer(&bench, "GET", "/healthz", "", "200", "ok");
	close(other);
	bench_close(&bench);
}

/* What an address asks of clients changes with the configuration that has it, not with one that would rather
 * have another. */
static void test_rules_belong_to_the_address(void **state)
{
	struct bench bench = { 0 };
	struct address taken;
	int fd, other;

	(void)state;
	bench_open(&bench);
	fd = admin_socket(bench.admin);
	other = testing_listen(&taken);
	assert_answer(&bench, "GET", "/v1/apis", "", "200", "all");
	assert_false(failed(try_to_listen(&bench, &bench.at, -1, true)));
	assert_int_equal(admin_socket(bench.admin), fd);
	assert_answer(&bench, "GET", "/v1/apis", "", "401", "token");
	assert_true(failed(try_to_listen(&bench, &taken, -1, false)));
	assert_answer(&bench, "GET", "/v1/apis", "", "401", "token");
	close(other);
	bench_close(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_resources),
		cmocka_unit_test(test_reload),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_checks_have_a_bound),
		cmocka_unit_test(test_moving),
		cmocka_unit_test(test_an_address_before_lets_go),
		cmocka_unit_test(test_moving_at_its_own_port),
		cmocka_unit_test(test_an_address_that_is_taken),
		cmocka_unit_test(test_rules_belong_to_the_address),
	};

	return cmocka_run_group_tests_name("admin", tests, NULL, NULL);
}
