/* SPDX-License-Identifier: Apache-2.0 */
#include "io/stream.h"

result stream_send_all(struct stream *stream, str bytes, deadline until)
{
	while (bytes.len) {
		struct iovec part = { .iov_base = (void *)(uintptr_t)bytes.ptr, .iov_len = bytes.len };
		size_t sent;

		TRY(stream_send(stream, &part, 1, until, &sent));
		bytes = str_skip(bytes, sent);
	}
	return OK;
}
