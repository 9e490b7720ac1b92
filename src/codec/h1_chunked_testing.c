/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/h1_chunked_testing.h"

const struct h1_chunked_limits chunked_test_limits = {
	.extension = 32,
	.trailers = { .field = 64, .name = 32, .head = 128, .fields = CHUNKED_OUTCOME_FIELDS },
};

static void put_trailers(const struct http_fields *trailers, struct buf *out)
{
	for (size_t i = 0; i < trailers->count; i++) {
		buf_put(out, trailers->at[i].name);
		buf_put_char(out, '=');
		buf_put(out, trailers->at[i].value);
		buf_put_char(out, ';');
	}
}

/* One call with what is there. False when it can go no further with that. */
static bool advance(struct h1_chunked *chunked, str there, size_t bite, struct http_fields *trailers,
		    struct chunked_outcome *outcome)
{
	str content;
	size_t taken;

	outcome->state = h1_chunked_next(chunked, str_skip(there, outcome->taken), &chunked_test_limits,
					 trailers, &taken, &content);
	outcome->taken += taken;
	outcome->error = chunked->error;
	if (outcome->state != H1_CHUNKED_CONTENT)
		return false;
	content = str_slice(content, 0, bite);
	buf_put(&outcome->text, content);
	h1_chunked_used(chunked, content.len);
	outcome->taken += content.len;
	return true;
}

void chunked_outcome_find(str input, size_t step, size_t bite, struct chunked_outcome *ret_outcome)
{
	struct http_field fields[CHUNKED_OUTCOME_FIELDS];
	struct http_fields trailers = { .at = fields, .max = CHUNKED_OUTCOME_FIELDS };
	struct h1_chunked chunked = { 0 };

	ret_outcome->taken = 0;
	ret_outcome->text = buf_over(ret_outcome->bytes, sizeof ret_outcome->bytes);
	for (size_t len = step;; len += step) {
		while (advance(&chunked, str_slice(input, 0, len), bite, &trailers, ret_outcome))
			;
		if (ret_outcome->state != H1_CHUNKED_MORE || len >= input.len)
			break;
	}
	ret_outcome->trailer_count = trailers.count;
	if (ret_outcome->state == H1_CHUNKED_END)
		put_trailers(&trailers, &ret_outcome->text);
}
