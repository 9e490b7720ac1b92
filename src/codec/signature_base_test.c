/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The request of RFC 9421 appendix B.2 with its signatures, and rows: components of a request, and their
 * lines, or why there are none.
 */
#include "base/testing.h"
#include "codec/jws.h"
#include "codec/signature_base.h"

#define DIGEST \
	"sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:"
#define PSS_KEY                                                                     \
	"{\"keys\":[{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"r4tmm3r20Wd_PbqvP1s2-"  \
	"QEtvpuRaV8Yq40gjUR8y2Rjxa6dpG2GX"                                          \
	"HbPfvMs8ct-Lh1GH45x28Rw3Ry53mm-"                                           \
	"oAXjyQ86OnDkZ5N8lYbggD4O3w6M6pAvLkhk95AndTrifbIFPNU8PPMO7OyrFAHqgDsznjPFm" \
	"TOtCEcN2Z1FpWgchwuYLPL-Wokqltd11nqqzi-"                                    \
	"bJ9cvSKADYdUAAN5WUtzdpiy6LbTgSxP7ociU4Tn0g5I6aDZJ7A8Lzo0KSyZYoA485"        \
	"mqcO0GVAdVw9lq4aOT9v6d-nb4bnNkQVklLQ3fVAvJm-xdDOp9LCNCN48V2pnDOkFV6-U9nV5oyc6XI2w\"}]}"
#define ED_KEY                                                                                    \
	"{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"JrQLj5P_89iXES9-vFgrIy29clF9CC_" \
	"oPPsw3c5D0bs\"}]}"
#define SECRET "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ=="

enum { ARENA_MAX = 4 * 1024 * 1024 };

static struct http_field fields[] = {
	{ STR_INIT("Host"), STR_INIT("example.com"), HTTP_HOST, false },
	{ STR_INIT("Date"), STR_INIT("Tue, 20 Apr 2021 02:07:55 GMT"), HTTP_NAME_OTHER, false },
	{ STR_INIT("Content-Type"), STR_INIT("application/json"), HTTP_CONTENT_TYPE, false },
	{ STR_INIT("Content-Digest"), STR_INIT(DIGEST), HTTP_CONTENT_DIGEST, false },
	{ STR_INIT("Content-Length"), STR_INIT("18"), HTTP_CONTENT_LENGTH, false },
	{ STR_INIT("X-List"), STR_INIT("a"), HTTP_NAME_OTHER, false },
	{ STR_INIT("X-Gone"), STR_INIT("a"), HTTP_NAME_OTHER, true },
	{ STR_INIT("x-list"), STR_INIT("b, c"), HTTP_NAME_OTHER, false },
	{ STR_INIT("X-Empty"), STR_INIT(""), HTTP_NAME_OTHER, false },
};

static const struct http_fields request_fields = { fields, COUNT_OF(fields), COUNT_OF(fields), NULL };

static struct signature_message message_with(const char *target)
{
	return (struct signature_message) { .method = STR("POST"),
					    .scheme = STR("https"),
					    .authority = STR("example.com"),
					    .target = str_of(target),
					    .fields = &request_fields };
}

static const struct structured_item *parse(str text, struct arena *arena, str key)
{
	struct structured_dictionary dictionary;
	const struct structured_item *item;

	assert_false(failed(structured_dictionary_parse(text, arena, &dictionary)));
	item = structured_find(&dictionary, key);
	assert_non_null(item);
	return item;
}

/* ---- the RFC's own ---- */

static const struct vector {
	const char *input, *signature, *keys;
	enum jose_algorithm algorithm;
} vectors[] = {
	{ "();created=1618884473;keyid=\"test-key-rsa-pss\";nonce=\"b3k2pp5k7z-50gnwp.yemd\"",
	  ":d2pmTvmbncD3xQm8E9ZV2828BjQWGgiwAaw5bAkgibUopemLJcWDy/"
	  "lkbbHAve4cRAtx31Iq786U7it++wgGxbtRxf8Udx7zFZs"
	  "ckzXaJMkA7ChG52eSkFxykJeNqsrWH5S+oxNFlD4dzVuwe8DhTSja8xxbR/"
	  "Z2cOGdCbzR72rgFWhzx2VjBqJzsPLMIQKhO4DGezXe"
	  "hhWwE56YCE+O6c0mKZsfxVrogUvA4HELjVKWmAvtl6UnCh8jYzuVG5WSb/QEVPnP5TmcAnLH1g+s++v6d4s8m0gCw1fV5/"
	  "SITLq9m"
	  "hho8K3+7EPYTU8IU1bLhdxO5Nyt8C8ssinQ98Xw9Q==:",
	  PSS_KEY, JOSE_PS512 },
	{ "(\"@authority\" \"content-digest\" "
	  "\"@query-param\";name=\"Pet\");created=1618884473;keyid=\"test-key"
	  "-rsa-pss\";tag=\"header-example\"",
	  ":LjbtqUbfmvjj5C5kr1Ugj4PmLYvx9wVjZvD9GsTT4F7GrcQEdJzgI9qHxICagShLRiLMlAJjtq6N4CDfKtjvuJyE5qH7KT8UC"
	  "Mk"
	  "SowOB4+ECxCmT8rtAmj/0PIXxi0A0nxKyB09RNrCQibbUjsLS/"
	  "2YyFYXEu4TRJQzRw1rLEuEfY17SARYhpTlaqwZVtR8NV7+4UKk"
	  "jqpcAoFqWFQh62s7Cl+H2fjBSpqfZUJcsIk4N6wiKYd4je2U/"
	  "lankenQ99PZfB4jY3I5rSV2DSBVkSFsURIjYErOs0tFTQosMTAo"
	  "xk//0RoKUqiYY8Bh0aaUEb0rQl3/XaVe4bXTugEjHSw==:",
	  PSS_KEY, JOSE_PS512 },
	{ "(\"date\" \"@method\" \"@path\" \"@query\" \"@authority\" \"content-type\" \"content-digest\" "
	  "\"content-length\");created=1618884473;keyid=\"test-key-rsa-pss\"",
	  ":bbN8oArOxYoyylQQUU6QYwrTuaxLwjAC9fbY2F6SVWvh0yBiMIRGOnMYwZ/"
	  "5MR6fb0Kh1rIRASVxFkeGt683+qRpRRU5p2voTp7"
	  "68ZrCUb38K0fUxN0O0iC59DzYx8DFll5GmydPxSmme9v6ULbMFkl+V5B1TP/yPViV7KsLNmvKiLJH1pFkh/"
	  "aYA2HXXZzNBXmIkoQo"
	  "Ld7YfW91kE9o/"
	  "CCoC1xMy7JA1ipwvKvfrs65ldmlu9bpG6A9BmzhuzF8Eim5f8ui9eH8LZH896+QIF61ka39VBrohr9iyMUJpvRX2"
	  "Zbhl5ZJzSRxpJyoEZAFL2FUo5fTIztsDZKEgM4cUA==:",
	  PSS_KEY, JOSE_PS512 },
	{ "(\"date\" \"@authority\" \"content-type\");created=1618884473;keyid=\"test-shared-secret\"",
	  ":pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=:", NULL, JOSE_HS256 },
	{ "(\"date\" \"@method\" \"@path\" \"@authority\" \"content-type\" "
	  "\"content-length\");created=1618884473"
	  ";keyid=\"test-key-ed25519\"",
	  ":wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:",
	  ED_KEY, JOSE_EDDSA },
};

static struct jwk_set *keys_of(const struct vector *vector, struct arena *arena)
{
	struct jwk_set *keys = NULL;

	if (!vector->keys)
		return jwk_set_from_secret(STR(""), parse(STR("k=:" SECRET ":"), arena, STR("k"))->bare.text);
	assert_false(failed(jwk_set_parse(str_of(vector->keys), &keys)));
	assert_int_equal(jwk_set_count(keys), 1);
	return keys;
}

static bool verifies(const struct vector *vector, const struct signature_message *message)
{
	struct jws jws = { .algorithm = vector->algorithm };
	struct jwk_set *keys;
	struct arena arena;
	bool is_good;
	str base;

	arena_init(&arena, NULL, ARENA_MAX);
	keys = keys_of(vector, &arena);
	assert_false(failed(signature_base_print(
		message,
		parse(arena_join(&arena, (str[]) { STR("s="), str_of(vector->input) }, 2), &arena, STR("s")),
		&arena, &base)));
	jws.signed_text = base;
	jws.signature = parse(arena_join(&arena, (str[]) { STR("s="), str_of(vector->signature) }, 2), &arena,
			      STR("s"))
				->bare.text;
	is_good = jws_verify(&jws, jwk_set_at(keys, 0));
	jwk_set_unref(&keys);
	arena_fini(&arena);
	return is_good;
}

static void those_of_the_rfc_verify(void **state)
{
	struct signature_message message = message_with("/foo?param=Value&Pet=dog");

	(void)state;
	for (size_t i = 0; i < COUNT_OF(vectors); i++)
		assert_true(verifies(&vectors[i], &message));
}

/* All but the first cover @authority, which is another's then; the first covers nothing. */
static void those_of_another_request_do_not(void **state)
{
	struct signature_message message = message_with("/foo?param=Value&Pet=dog");

	(void)state;
	message.authority = STR("example.org");
	for (size_t i = 0; i < COUNT_OF(vectors); i++)
		assert_int_equal(verifies(&vectors[i], &message), i == 0);
}

/* ---- components ---- */

static const struct row {
	const char *target, *component;
	enum error_kind error;
	const char *value;
} rows[] = {
	{ "/a?b=c", "\"@method\"", ERROR_NONE, "POST" },
	{ "/a?b=c", "\"@path\"", ERROR_NONE, "/a" },
	{ "/a/%2e/b", "\"@path\"", ERROR_NONE, "/a/%2e/b" },
	{ "https://Example.com/a?b", "\"@path\"", ERROR_NONE, "/a" },
	{ "https://example.com", "\"@path\"", ERROR_NONE, "/" },
	{ "https://example.com?x", "\"@path\"", ERROR_NONE, "/" },
	{ "https://example.com?x", "\"@query\"", ERROR_NONE, "?x" },
	{ "*", "\"@path\"", ERROR_NONE, "*" },
	{ "/a?b=c", "\"@query\"", ERROR_NONE, "?b=c" },
	{ "/a?", "\"@query\"", ERROR_NONE, "?" },
	{ "/a", "\"@query\"", ERROR_NONE, "?" },
	{ "/a?b?c", "\"@query\"", ERROR_NONE, "?b?c" },
	{ "/a", "\"@authority\"", ERROR_NONE, "example.com" },
	{ "/a", "\"@scheme\"", ERROR_NONE, "https" },
	{ "/a?b", "\"@target-uri\"", ERROR_NONE, "https://example.com/a?b" },
	{ "https://example.com?b", "\"@target-uri\"", ERROR_NONE, "https://example.com/?b" },
	{ "/a?b", "\"@request-target\"", ERROR_NONE, "/a?b" },
	{ "/a?x=1&y=2&z", "\"@query-param\";name=\"y\"", ERROR_NONE, "2" },
	{ "/a?x=1&y=2&z", "\"@query-param\";name=\"z\"", ERROR_NONE, "" },
	{ "/a?v=this%20is%20a%20big%0Amultiline%20value", "\"@query-param\";name=\"v\"", ERROR_NONE,
	  "this%20is%20a%20big%0Amultiline%20value" },
	{ "/a?bar=with+plus+whitespace", "\"@query-param\";name=\"bar\"", ERROR_NONE,
	  "with%20plus%20whitespace" },
	{ "/a?fa%C3%A7ade%22%3A%20=x~", "\"@query-param\";name=\"fa%C3%A7ade%22%3A%20\"", ERROR_NONE,
	  "x%7E" },
	{ "/a", "\"x-list\"", ERROR_NONE, "a, b, c" },
	{ "/a", "\"x-empty\"", ERROR_NONE, "" },

	{ "/a", "\"x-gone\"", ERROR_MISSING, NULL },
	{ "/a", "\"x-never\"", ERROR_MISSING, NULL },
	{ "/a?x=1", "\"@query-param\";name=\"y\"", ERROR_MISSING, NULL },
	{ "/a?y=1&y=1", "\"@query-param\";name=\"y\"", ERROR_MISSING, NULL },
	{ "/a?y=1&%79=2", "\"@query-param\";name=\"y\"", ERROR_MISSING, NULL },
	{ "/a", "\"@query-param\"", ERROR_MALFORMED, NULL },
	{ "/a", "\"@query-param\";name", ERROR_MALFORMED, NULL },
	{ "/a", "\"@query-param\";name=\"y\";req", ERROR_MALFORMED, NULL },
	{ "/a", "\"@status\"", ERROR_MALFORMED, NULL },
	{ "/a", "\"@signature-params\"", ERROR_MALFORMED, NULL },
	{ "/a", "\"@\"", ERROR_MALFORMED, NULL },
	{ "/a", "\"\"", ERROR_MALFORMED, NULL },
	{ "/a", "\"@METHOD\"", ERROR_MALFORMED, NULL },
	{ "/a", "\"Content-Type\"", ERROR_MALFORMED, NULL },
	{ "/a", "\"x-list\";sf", ERROR_MALFORMED, NULL },
	{ "/a", "\"x-list\";bs", ERROR_MALFORMED, NULL },
	{ "/a", "\"x-list\";tr", ERROR_MALFORMED, NULL },
	{ "/a", "\"x-list\";key=\"a\"", ERROR_MALFORMED, NULL },
	{ "/a", "\"@method\";req", ERROR_MALFORMED, NULL },
	{ "/a", "token", ERROR_MALFORMED, NULL },
	{ "/a", "1", ERROR_MALFORMED, NULL },
	{ "/a", "\"date\" \"date\"", ERROR_MALFORMED, NULL },
	{ "/a?x=1", "\"@query-param\";name=\"x\" \"@query-param\";name=\"x\"", ERROR_MALFORMED, NULL },
};

static void each_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct signature_message message = message_with(rows[i].target);
		str list[] = { STR("s=("), str_of(rows[i].component), STR(");x") };
		str want[] = { str_of(rows[i].component), STR(": "),
			       str_of(rows[i].value),     STR("\n\"@signature-params\": ("),
			       str_of(rows[i].component), STR(");x") };
		struct arena arena;
		result_value printed;
		str base;

		arena_init(&arena, NULL, ARENA_MAX);
		print_message("%s %s\n", rows[i].target, rows[i].component);
		printed = signature_base_print(&message, parse(arena_join(&arena, list, 3), &arena, STR("s")),
					       &arena, &base);
		assert_int_equal(printed.kind, rows[i].error);
		if (!failed(printed))
			assert_true(str_eq(base, arena_join(&arena, want, 6)));
		arena_fini(&arena);
	}
}

static const struct authority {
	const char *scheme, *authority, *want;
} authorities[] = {
	{ "https", "EXAMPLE.com:443", "example.com" },
	{ "http", "example.com:80", "example.com" },
	{ "https", "example.com:80", "example.com:80" },
	{ "http", "example.com:8080", "example.com:8080" },
	{ "https", "[::1]:443", "[::1]" },
};

static void a_usual_port_is_no_part_of_the_authority(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(authorities); i++) {
		struct signature_message message = message_with("/");
		struct arena arena;
		str base;
		size_t end;

		arena_init(&arena, NULL, ARENA_MAX);
		message.scheme = str_of(authorities[i].scheme);
		message.authority = str_of(authorities[i].authority);
		assert_false(failed(signature_base_print(
			&message, parse(STR("s=(\"@authority\")"), &arena, STR("s")), &arena, &base)));
		assert_true(str_find(base, '\n', &end));
		assert_text(str_slice(base, sizeof "\"@authority\": " - 1, end), authorities[i].want);
		arena_fini(&arena);
	}
}

static void a_line_end_makes_no_second_line(void **state)
{
	struct signature_message message = message_with("/");
	struct arena arena;
	str base;

	(void)state;
	arena_init(&arena, NULL, ARENA_MAX);
	message.method = STR("GET\n\"@path\": /b");
	assert_int_equal(
		signature_base_print(&message, parse(STR("s=(\"@method\")"), &arena, STR("s")), &arena, &base)
			.kind,
		ERROR_MALFORMED);
	assert_int_equal(
		signature_base_print(&message, parse(STR("s=1"), &arena, STR("s")), &arena, &base).kind,
		ERROR_MALFORMED);
	arena_fini(&arena);
}

static void what_is_covered_is_so_as_a_whole(void **state)
{
	const struct structured_item *input;
	struct arena arena;

	(void)state;
	arena_init(&arena, NULL, ARENA_MAX);
	input = parse(STR("s=(\"date\" \"x\";sf \"@query-param\";name=\"a\")"), &arena, STR("s"));
	assert_true(signature_base_covers(input, STR("date")));
	assert_false(signature_base_covers(input, STR("dat")));
	assert_false(signature_base_covers(input, STR("x")));
	assert_false(signature_base_covers(input, STR("@query-param")));
	arena_fini(&arena);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(those_of_the_rfc_verify),
		cmocka_unit_test(those_of_another_request_do_not),
		cmocka_unit_test(each_row),
		cmocka_unit_test(a_usual_port_is_no_part_of_the_authority),
		cmocka_unit_test(a_line_end_makes_no_second_line),
		cmocka_unit_test(what_is_covered_is_so_as_a_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
