/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows: options, what the client asked for, what the service answered, and what the client gets: the coding,
 * and the fields that changed with it.
 */
#include "base/container.h"
#include "base/testing.h"
#include "http/body.h"
#include "policy/policy_testing.h"
#include "policy/principal.h"

#define JSON "Content-Type: application/json\n"
#define GZIP "Accept-Encoding: gzip\n"
#define ALL "Accept-Encoding: gzip, br, zstd\n"
#define VARY "Vary: Accept-Encoding\n"
#define AS_IT_WAS JSON VARY
#define IN(coding) JSON VARY "Content-Encoding: " coding "\n"

enum { LARGE = 5000 };

/* A body that nobody reads, and an encoder that only says which one it would be. */
struct stage {
	struct bench *bench;
	struct body_source body, encoded;
	bool is_ready;
	str bytes;
	const char *coding; /* that it was given in; NULL: none */
	bool is_used_up;
};

static struct stage *stage_of(const struct body_source *source)
{
	return CONTAINER_OF(source, struct stage, body);
}

static bool body_ready(const struct body_source *source)
{
	return stage_of(source)->is_ready;
}

static result body_look(struct body_source *source, deadline until, struct piece *ret_piece)
{
	(void)until;
	*ret_piece = (struct piece) { .bytes = stage_of(source)->bytes, .is_last = true };
	return OK;
}

static void body_take(struct body_source *source, size_t n)
{
	(void)source;
	(void)n;
	fail_msg("a policy took something of the body");
}

static const struct body_source_ops body_ops = { body_ready, body_look, body_take };

static struct body_source *encode(void *self, struct view *view, enum coding coding)
{
	struct stage *stage = self;

	assert_ptr_equal(view->response_body, &stage->body);
	if (stage->is_used_up)
		return NULL;
	stage->coding = coding_name(coding).ptr;
	return &stage->encoded;
}

static struct stage stage_open(const char *options)
{
	struct stage stage = { .bench = bench_new(options), .body.ops = &body_ops };

	assert_string_equal(bench_errors(stage.bench), "");
	return stage;
}

/* GET, unless the fields begin with "HEAD\n". */
static void ask(struct stage *stage, const char *fields)
{
	bool is_head = strncmp(fields, "HEAD\n", 5) == 0;

	bench_ask(stage->bench, is_head ? "HEAD /" : "GET /", is_head ? fields + 5 : fields);
	stage->bench->effects.encode = encode;
	stage->bench->effects.self = stage;
	assert_int_equal(bench_request(stage->bench), POLICY_CONTINUE);
}

static void answer(struct stage *stage, int status, enum http_framing framing, uint64_t length,
		   const char *fields)
{
	struct bench *bench = stage->bench;

	stage->coding = NULL;
	bench->view.response_body = NULL;
	bench_answer(bench, fields); /* the gateway's own: nothing happens */
	assert_null(stage->coding);
	bench->response.status = status;
	bench->response.framing = framing;
	bench->response.length = length;
	bench->view.response_body = &stage->body;
	policy_chain_response(&bench->chain, &bench->view);
	if (stage->coding) {
		assert_ptr_equal(bench->view.response_body, &stage->encoded);
		assert_int_equal(bench->response.framing, HTTP_CHUNKED);
	} else {
		assert_ptr_equal(bench->view.response_body, &stage->body);
		assert_int_equal(bench->response.framing, framing);
	}
}

static const char *answer_fields(struct stage *stage)
{
	return bench_fields(stage->bench, &stage->bench->response.fields);
}

static const struct row {
	const char *options, *request, *answer, *want;
} rows[] = {
	/* what the client likes best */
	{ "", GZIP, JSON, IN("gzip") },
	{ "", ALL, JSON, IN("zstd") },
	{ "", "Accept-Encoding: gzip, br\n", JSON, IN("br") },
	{ "", "Accept-Encoding: gzip\nAccept-Encoding: br\n", JSON, IN("br") },
	{ "", "Accept-Encoding: gzip, br;q=0.9, zstd;q=0.8\n", JSON, IN("gzip") },
	{ "", "Accept-Encoding: *\n", JSON, IN("zstd") },
	{ "", "Accept-Encoding: *, zstd;q=0\n", JSON, IN("br") },
	{ "", "Accept-Encoding: x-gzip\n", JSON, IN("gzip") },
	{ "", "Accept-Encoding: GZIP;Q=0.1\n", JSON, IN("gzip") },
	{ "", "Accept-Encoding: gzip;q=0.5, identity;q=0.5\n", JSON, IN("gzip") },
	{ "", "Accept-Encoding: identity;q=0, br;q=0.1\n", JSON, IN("br") },
	{ "algorithms: [gzip, br]", ALL, JSON, IN("gzip") },
	{ "algorithms: [br]", ALL, JSON, IN("br") },

	/* or does not like */
	{ "", "", JSON, AS_IT_WAS },
	{ "", "Accept-Encoding: identity\n", JSON, AS_IT_WAS },
	{ "", "Accept-Encoding: gzip;q=0\n", JSON, AS_IT_WAS },
	{ "", "Accept-Encoding: *;q=0\n", JSON, AS_IT_WAS },
	{ "", "Accept-Encoding: gzip;q=0.5, identity\n", JSON, AS_IT_WAS },
	{ "", "Accept-Encoding: gzip;q=2\n", JSON, AS_IT_WAS },
	{ "", "Accept-Encoding: deflate, compress\n", JSON, AS_IT_WAS },
	{ "algorithms: [br]", GZIP, JSON, AS_IT_WAS },

	/* types */
	{ "", GZIP, "Content-Type: TEXT/HTML; charset=utf-8\n",
	  "Content-Type: TEXT/HTML; charset=utf-8\n" VARY "Content-Encoding: gzip\n" },
	{ "", GZIP, "Content-Type: application/problem+json\n",
	  "Content-Type: application/problem+json\n" VARY "Content-Encoding: gzip\n" },
	{ "", GZIP, "Content-Type: text/event-stream\n",
	  "Content-Type: text/event-stream\n" VARY "Content-Encoding: gzip\n" },
	{ "types: [\"*/*\"]", GZIP, "Content-Type: image/png\n",
	  "Content-Type: image/png\n" VARY "Content-Encoding: gzip\n" },
	{ "", GZIP, "Content-Type: image/png\n", "Content-Type: image/png\n" },
	{ "", GZIP, "Content-Type: application/jsonp\n", "Content-Type: application/jsonp\n" },
	{ "", GZIP, "Content-Type: application/+jso\n", "Content-Type: application/+jso\n" },
	{ "", GZIP, "Content-Type: application/grpc\n", "Content-Type: application/grpc\n" },
	{ "", GZIP, "A: 1\n", "A: 1\n" },
	{ "types: [text/html]", GZIP, JSON, JSON },

	/* what is told with it */
	{ "", GZIP, JSON "Vary: Origin\n", JSON "Vary: Origin\n" VARY "Content-Encoding: gzip\n" },
	{ "", GZIP, JSON "Vary: Origin, accept-encoding\n",
	  JSON "Vary: Origin, accept-encoding\nContent-Encoding: gzip\n" },
	{ "", GZIP, JSON "Vary: *\n", JSON "Vary: *\nContent-Encoding: gzip\n" },
	{ "", GZIP, JSON "Content-Encoding: identity\n", IN("gzip") },
	{ "", GZIP, JSON "ETag: \"a\"\n", JSON VARY "ETag: W/\"a\"\nContent-Encoding: gzip\n" },
	{ "", GZIP, JSON "ETag: W/\"a\"\n", JSON "ETag: W/\"a\"\n" VARY "Content-Encoding: gzip\n" },
	{ "", "", JSON "ETag: \"a\"\n", JSON "ETag: \"a\"\n" VARY },
	{ "", GZIP,
	  JSON "Content-Length: 5000\nAccept-Ranges: bytes\nContent-Digest: a\nRepr-Digest: b\nDigest: c\n"
	       "Content-MD5: d\n",
	  IN("gzip") },
	{ "", "", JSON "Content-Length: 5000\nAccept-Ranges: bytes\n",
	  JSON "Content-Length: 5000\nAccept-Ranges: bytes\n" VARY },

	/* never */
	{ "", GZIP, JSON "Content-Encoding: br\n", JSON "Content-Encoding: br\n" },
	{ "", GZIP, JSON "Content-Encoding: gzip, identity\n", JSON "Content-Encoding: gzip, identity\n" },
	{ "", GZIP, JSON "Content-Encoding: identity\nContent-Encoding: br\n",
	  JSON "Content-Encoding: identity\nContent-Encoding: br\n" },
	{ "", GZIP, JSON "Content-Encoding:\nContent-Encoding: br\n",
	  JSON "Content-Encoding: \nContent-Encoding: br\n" },
	{ "", GZIP, JSON "Cache-Control: public, No-Transform\n",
	  JSON "Cache-Control: public, No-Transform\n" },
	{ "", GZIP, JSON "Cache-Control: a\nCache-Control: no-transform\n",
	  JSON "Cache-Control: a\nCache-Control: no-transform\n" },
	{ "", GZIP "Cache-Control: no-transform\n", JSON, AS_IT_WAS },
	{ "", GZIP, JSON "Content-Range: bytes 0-4999/9000\n", JSON "Content-Range: bytes 0-4999/9000\n" },
	{ "minimum: 5001", GZIP, JSON, JSON },
	{ "minimum: 5000", GZIP, JSON, IN("gzip") },
	{ "minimum: 0", GZIP, JSON, IN("gzip") },

	/* what a browser sends by itself */
	{ "", GZIP "Cookie: a=b\n", JSON, AS_IT_WAS },
	{ "", GZIP "Authorization: Basic eA==\n", JSON, AS_IT_WAS },
	{ "", GZIP "Authorization: negotiate eA==\n", JSON, AS_IT_WAS },
	{ "", GZIP "Authorization: NTLM\n", JSON, AS_IT_WAS },
	{ "", GZIP, JSON "Set-Cookie: a=b\n", JSON "Set-Cookie: a=b\n" VARY },
	{ "", GZIP "Cookie: a=b\nSec-Fetch-Site: cross-site\n", JSON, AS_IT_WAS },
	{ "", GZIP "Cookie: a=b\nSec-Fetch-Site: same-site\n", JSON, AS_IT_WAS },
	{ "", GZIP "Cookie: a=b\nSec-Fetch-Site: same-origin\n", JSON, IN("gzip") },
	{ "", GZIP "Cookie: a=b\nSec-Fetch-Site: none\n", JSON, IN("gzip") },
	{ "", GZIP "Authorization: Bearer x\n", JSON, IN("gzip") },
	{ "", GZIP "Authorization: Basics\n", JSON, IN("gzip") },
	{ "with_credentials: true", GZIP "Cookie: a=b\n", JSON, IN("gzip") },
	{ "with_credentials: true", GZIP, JSON "Set-Cookie: a=b\n",
	  JSON "Set-Cookie: a=b\n" VARY "Content-Encoding: gzip\n" },

	/* HEAD says what GET would get */
	{ "", "HEAD\n" GZIP, JSON "Content-Length: 5000\nETag: \"a\"\n",
	  JSON VARY "ETag: W/\"a\"\nContent-Encoding: gzip\n" },
	{ "minimum: 5001", "HEAD\n" GZIP, JSON "Content-Length: 5000\n", JSON "Content-Length: 5000\n" },
	{ "", "HEAD\n", JSON "Content-Length: 5000\n", JSON "Content-Length: 5000\n" VARY },
};

static void each_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char options[256];
		struct buf text = buf_over(options, sizeof options - 1);
		struct stage stage;
		bool is_head = strncmp(rows[i].request, "HEAD\n", 5) == 0;

		buf_put(&text, STR("[ compress: { "));
		buf_put(&text, str_of(rows[i].options));
		buf_put(&text, STR(" } ]"));
		options[text.len] = 0;
		stage = stage_open(options);
		ask(&stage, rows[i].request);
		answer(&stage, 200, is_head ? HTTP_NO_BODY : HTTP_LENGTH, LARGE, rows[i].answer);
		if (strcmp(answer_fields(&stage), rows[i].want) != 0)
			fail_msg("row %zu: %s\n%s", i, options, answer_fields(&stage));
		if (!is_head)
			assert_row(!stage.coding == !strstr(rows[i].want, "Content-Encoding: ") ||
					   strstr(rows[i].answer, "Content-Encoding: br") ||
					   strstr(rows[i].answer, "gzip, identity"),
				   i, rows[i].want);
		bench_free(&stage.bench);
	}
}

/* Whatever the service gets of it. */
static void what_the_client_sent_decides(void **state)
{
	static const struct {
		const char *request, *want;
	} sent[] = {
		{ GZIP, IN("gzip") },
		{ GZIP "Cookie: a=b\n", AS_IT_WAS },
		{ GZIP "Authorization: Basic eA==\n", AS_IT_WAS },
		{ GZIP "Cookie: a=b\nSec-Fetch-Site: same-origin\n", IN("gzip") },
		{ GZIP "Cache-Control: max-age=0, no-transform\n", AS_IT_WAS },
		{ GZIP "Cache-Control: max-age=0\n", IN("gzip") },
		{ "", AS_IT_WAS },
	};
	struct stage stage = stage_open(
		"[ headers: { request: { remove: [Cookie, Authorization, Accept-Encoding, Sec-Fetch-Site, "
		"Cache-Control], add: { Accept-Encoding: br, Cache-Control: no-transform } } }, compress: {} "
		"]");

	(void)state;
	for (size_t i = 0; i < COUNT_OF(sent); i++) {
		ask(&stage, sent[i].request);
		answer(&stage, 200, HTTP_LENGTH, LARGE, JSON);
		if (strcmp(answer_fields(&stage), sent[i].want) != 0)
			fail_msg("row %zu: %s", i, answer_fields(&stage));
	}
	bench_free(&stage.bench);
}

static void a_certificate_is_sent_by_itself(void **state)
{
	struct stage stage = stage_open("[ compress: {} ]");
	struct principal shown = { .certificate = STR("DER") }, nobody = { 0 };

	(void)state;
	ask(&stage, GZIP);
	stage.bench->view.principal = &shown;
	answer(&stage, 200, HTTP_LENGTH, LARGE, JSON);
	assert_string_equal(answer_fields(&stage), AS_IT_WAS);
	stage.bench->view.principal = &nobody;
	answer(&stage, 200, HTTP_LENGTH, LARGE, JSON);
	assert_string_equal(answer_fields(&stage), IN("gzip"));
	bench_free(&stage.bench);
}

static void what_has_no_body_or_is_a_part_stays(void **state)
{
	static const struct {
		int status;
		enum http_framing framing;
		const char *fields, *want;
	} parts[] = {
		{ 204, HTTP_NO_BODY, JSON, JSON },
		{ 206, HTTP_LENGTH, JSON, JSON },
		{ 404, HTTP_CHUNKED, JSON, IN("gzip") },
		{ 500, HTTP_UNTIL_CLOSE, JSON, IN("gzip") },
	};
	struct stage stage = stage_open("[ compress: {} ]");

	(void)state;
	for (size_t i = 0; i < COUNT_OF(parts); i++) {
		ask(&stage, GZIP);
		answer(&stage, parts[i].status, parts[i].framing, 0, parts[i].fields);
		assert_string_equal(answer_fields(&stage), parts[i].want);
	}
	bench_free(&stage.bench);
}

#define STRONG "ETag: \"a\"\n"
#define WEAK "ETag: W/\"a\"\n"
#define HAS(tags) "If-None-Match: " tags "\n"
#define HAS_WEAK HAS("W/\"a\"")

/* What the client has decides, as far as it could have been compressed. */
static void what_has_not_changed_is_told_as_it_was(void **state)
{
	static const struct {
		const char *request, *answer, *want;
	} confirmed[] = {
		{ GZIP HAS_WEAK, STRONG, VARY WEAK },
		{ GZIP HAS("\"b\", W/\"a\""), STRONG, VARY WEAK },
		{ GZIP HAS("\"b\"") HAS_WEAK, STRONG, VARY WEAK },
		{ GZIP HAS_WEAK, JSON STRONG, JSON VARY WEAK },
		{ GZIP HAS_WEAK, WEAK, WEAK VARY },
		{ GZIP HAS_WEAK, STRONG "Vary: Accept-Encoding\n", "Vary: Accept-Encoding\n" WEAK },
		{ GZIP HAS_WEAK, "A: 1\n", "A: 1\n" VARY },

		/* it has it as it is, or something else */
		{ GZIP HAS("\"a\""), STRONG, STRONG VARY },
		{ GZIP HAS("W/\"b\""), STRONG, STRONG VARY },
		{ GZIP HAS("W/\"A\""), STRONG, STRONG VARY },
		{ GZIP HAS("*"), STRONG, STRONG VARY },
		{ GZIP, STRONG, STRONG VARY },
		{ HAS_WEAK, STRONG, STRONG VARY },

		/* what is never compressed */
		{ GZIP HAS_WEAK, "Content-Type: image/png\n" STRONG, "Content-Type: image/png\n" STRONG },
		{ GZIP HAS_WEAK, "Content-Encoding: br\n" STRONG, "Content-Encoding: br\n" STRONG },
		{ GZIP HAS_WEAK, "Cache-Control: no-transform\n" STRONG,
		  "Cache-Control: no-transform\n" STRONG },
	};
	struct stage stage = stage_open("[ compress: {} ]");

	(void)state;
	for (size_t i = 0; i < COUNT_OF(confirmed); i++) {
		ask(&stage, confirmed[i].request);
		answer(&stage, 304, HTTP_NO_BODY, 0, confirmed[i].answer);
		if (strcmp(answer_fields(&stage), confirmed[i].want) != 0)
			fail_msg("row %zu: %s", i, answer_fields(&stage));
	}
	bench_free(&stage.bench);
}

/* A body of unknown length that is here to its end has a length after all. */
static void what_is_small_is_seen_where_it_can_be(void **state)
{
	struct stage stage = stage_open("[ compress: { minimum: 4 } ]");

	(void)state;
	ask(&stage, GZIP);
	stage.is_ready = true;
	stage.bytes = STR("abc");
	answer(&stage, 200, HTTP_CHUNKED, 0, JSON);
	assert_null(stage.coding);
	stage.bytes = STR("abcd");
	answer(&stage, 200, HTTP_CHUNKED, 0, JSON);
	assert_string_equal(stage.coding, "gzip");
	stage.is_ready = false;
	stage.bytes = STR("abc");
	answer(&stage, 200, HTTP_CHUNKED, 0, JSON);
	assert_string_equal(stage.coding, "gzip");
	bench_free(&stage.bench);
}

static void when_all_encoders_are_at_work_it_goes_as_it_is(void **state)
{
	struct stage stage = stage_open("[ compress: {}, compress: { algorithms: [br] } ]");

	(void)state;
	ask(&stage, ALL);
	stage.is_used_up = true;
	answer(&stage, 200, HTTP_LENGTH, LARGE, JSON "ETag: \"a\"\n");
	assert_string_equal(answer_fields(&stage), JSON "ETag: \"a\"\n" VARY);
	stage.is_used_up = false;
	answer(&stage, 200, HTTP_LENGTH, LARGE, JSON); /* the last one first, and none twice */
	assert_string_equal(answer_fields(&stage), IN("br"));
	stage.bench->effects.encode = NULL;
	answer(&stage, 200, HTTP_LENGTH, LARGE, JSON);
	assert_string_equal(answer_fields(&stage), AS_IT_WAS);
	bench_free(&stage.bench);
}

static void mistakes_are_reported(void **state)
{
	static const struct bench_check bad[] = {
		{ "[ compress: { algorithms: [deflate] } ]", "want zstd, br or gzip, read \"deflate\"" },
		{ "[ compress: { algorithms: [gzip, gzip] } ]", "stands in the list already" },
		{ "[ compress: { algorithms: [] } ]", "algorithms" },
		{ "[ compress: { algorithms: { a: b } } ]", "algorithms" },
		{ "[ compress: { types: [json] } ]", "want a media type" },
		{ "[ compress: { types: [\"text/html; charset=utf-8\"] } ]", "want a media type" },
		{ "[ compress: { types: [text/] } ]", "want a media type" },
		{ "[ compress: { types: [/html] } ]", "want a media type" },
		{ "[ compress: { types: [a/b/c] } ]", "want a media type" },
		{ "[ compress: { types: [\"*/*+*\"] } ]", "one * is enough" },
		{ "[ compress: { types: [\"*/json\", \"**/*\"] } ]", "one * is enough" },
		{ "[ compress: { minimum: 1kb } ]", "minimum" },
		{ "[ compress: { minimum: -1 } ]", "minimum" },
		{ "[ compress: { with_credentials: maybe } ]", "with_credentials" },
		{ "[ compress: { level: 9 } ]", "level" },
	};

	(void)state;
	bench_assert_checks(bad, COUNT_OF(bad));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row),
		cmocka_unit_test(what_the_client_sent_decides),
		cmocka_unit_test(a_certificate_is_sent_by_itself),
		cmocka_unit_test(what_has_no_body_or_is_a_part_stays),
		cmocka_unit_test(what_has_not_changed_is_told_as_it_was),
		cmocka_unit_test(what_is_small_is_seen_where_it_can_be),
		cmocka_unit_test(when_all_encoders_are_at_work_it_goes_as_it_is),
		cmocka_unit_test(mistakes_are_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
