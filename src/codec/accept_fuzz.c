/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first line is the word, the rest the list. Whatever they are, the weight is one that there is, and a
 * refusal behind it all is heard.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "codec/accept.h"
#include "codec/http_field.h"

enum { LIST_MAX = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str input = { (const char *)data, size }, word, list;
	char text[LIST_MAX];
	struct buf longer = buf_over(text, sizeof text);
	int weight;

	if (!str_cut(input, '\n', &word, &list))
		return 0;
	weight = accept_weight(list, word);
	ASSERT(weight >= ACCEPT_MISSING && weight <= ACCEPT_BEST);
	buf_put(&longer, list);
	buf_put_char(&longer, ',');
	buf_put(&longer, word);
	buf_put(&longer, STR(";q=0"));
	if (http_is_token(word) && !buf_overflowed(&longer))
		ASSERT(accept_weight(buf_str(&longer), word) == 0);
	return 0;
}
