/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The outcome does not depend on how the bytes arrive; and what was accepted, printed anew, parses to the
 * same.
 */
#include "base/assert.h"
#include "codec/h1_print.h"
#include "codec/h1_testing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_print(str input)
{
	static char bytes[H1_OUTCOME_MAX];
	struct http_field fields[H1_OUTCOME_FIELDS], more[H1_OUTCOME_FIELDS];
	struct http_response response = { .fields = { .at = fields, .max = H1_OUTCOME_FIELDS } };
	struct http_response again = { .fields = { .at = more, .max = H1_OUTCOME_FIELDS } };
	struct h1_parser parser = { 0 };
	struct buf out = buf_over(bytes, sizeof bytes);
	size_t len;

	ASSERT(h1_response_parse(&parser, input, &h1_test_limits, HTTP_GET, &response, &len) == H1_DONE);
	h1_response_print(&out, &response);
	ASSERT(!buf_overflowed(&out));
	parser = (struct h1_parser) { 0 };
	if (h1_response_parse(&parser, buf_str(&out), &h1_test_limits, HTTP_GET, &again, &len) != H1_DONE)
		ASSERT(parser.error == H1_ERROR_HEAD_LONG || parser.error == H1_ERROR_FIELD_LONG ||
		       parser.error == H1_ERROR_STATUS_LINE_LONG);
	else
		ASSERT(again.status == response.status && again.framing == response.framing &&
		       again.length == response.length && again.fields.count == response.fields.count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct h1_outcome whole, split;
	str input = { (const char *)data, size };
	size_t first = size ? data[size - 1] % size : 0;

	h1_outcome_find(H1_KIND_RESPONSE, H1_MOVES, input, size, 1, &h1_test_limits, &whole);
	h1_outcome_find(H1_KIND_RESPONSE, H1_MOVES, input, first, size + 1, &h1_test_limits, &split);
	ASSERT(h1_outcome_eq(&whole, &split));
	h1_outcome_find(H1_KIND_RESPONSE, H1_STAYS, input, 0, 1, &h1_test_limits, &split);
	ASSERT(h1_outcome_eq(&whole, &split));
	if (whole.state == H1_DONE)
		check_print(input);
	return 0;
}
