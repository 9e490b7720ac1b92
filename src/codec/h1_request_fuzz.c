/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The outcome does not depend on how the bytes arrive; and what was accepted, printed anew, parses to the
 * same.
 */
#include "base/assert.h"
#include "codec/h1_print.h"
#include "codec/h1_testing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_print(str input, const struct h1_outcome *first)
{
	static struct h1_outcome again;
	static char bytes[H1_OUTCOME_MAX];
	struct http_field fields[H1_OUTCOME_FIELDS];
	struct http_request request = { .fields = { .at = fields, .max = H1_OUTCOME_FIELDS } };
	struct h1_parser parser = { 0 };
	struct buf out = buf_over(bytes, sizeof bytes);
	size_t len;

	ASSERT(h1_request_parse(&parser, input, &h1_test_limits, &request, &len) == H1_DONE);
	if (request.version == HTTP_1_0)
		return;
	h1_request_print(&out, &request, request.target);
	ASSERT(!buf_overflowed(&out));
	h1_outcome_find(H1_KIND_REQUEST, H1_STAYS, buf_str(&out), out.len, 1, &h1_test_limits, &again);
	if (again.error == H1_ERROR_HEAD_LONG || again.error == H1_ERROR_FIELD_LONG)
		return; /* a space after the colon was added */
	ASSERT(again.state == H1_DONE && again.len == out.len);
	ASSERT(str_eq(buf_str(&again.text), buf_str(&first->text)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct h1_outcome whole, split;
	str input = { (const char *)data, size };
	size_t first = size ? data[size - 1] % size : 0;

	h1_outcome_find(H1_KIND_REQUEST, H1_MOVES, input, size, 1, &h1_test_limits, &whole);
	h1_outcome_find(H1_KIND_REQUEST, H1_MOVES, input, first, size + 1, &h1_test_limits, &split);
	ASSERT(h1_outcome_eq(&whole, &split));
	h1_outcome_find(H1_KIND_REQUEST, H1_STAYS, input, 0, 1, &h1_test_limits, &split);
	ASSERT(h1_outcome_eq(&whole, &split));
	if (whole.state == H1_DONE)
		check_print(input, &whole);
	return 0;
}
