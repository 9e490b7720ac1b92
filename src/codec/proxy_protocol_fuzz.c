/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Once decided, a header is decided: no beginning of it says otherwise, and what follows changes nothing.
 */
#include "base/assert.h"
#include "codec/proxy_protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str input = { (const char *)data, size };
	struct proxy_header header, early;
	size_t len = 0, early_len = 0;
	enum proxy_state state = proxy_header_parse(input, &header, &len);

	for (size_t end = 0; end <= size && end < 512; end++) {
		enum proxy_state before = proxy_header_parse(str_slice(input, 0, end), &early, &early_len);

		ASSERT(before == PROXY_MORE || before == state);
		ASSERT(before != PROXY_DONE || (early_len == len && early.family == header.family));
	}
	ASSERT(state != PROXY_DONE || len <= size);
	return 0;
}
