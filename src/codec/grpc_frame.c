/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/grpc_frame.h"

static uint32_t length_of(const unsigned char *head)
{
	return (uint32_t)head[1] << 24 | (uint32_t)head[2] << 16 | (uint32_t)head[3] << 8 | head[4];
}

/* Up to the end of the head, or of the bytes. */
static bool follow_head(struct grpc_frame *frame, str *bytes)
{
	while (bytes->len && frame->head_len < GRPC_FRAME_HEAD) {
		frame->head[frame->head_len++] = (unsigned char)bytes->ptr[0];
		*bytes = str_skip(*bytes, 1);
		if (frame->head[0] > 1)
			return false;
	}
	if (frame->head_len < GRPC_FRAME_HEAD)
		return true;
	frame->left = length_of(frame->head);
	frame->head_len = 0;
	return true;
}

bool grpc_frame_follow(struct grpc_frame *frame, str bytes)
{
	while (bytes.len) {
		size_t taken = bytes.len < frame->left ? bytes.len : frame->left;

		frame->left -= (uint32_t)taken;
		bytes = str_skip(bytes, taken);
		if (bytes.len && !follow_head(frame, &bytes))
			return false;
	}
	return true;
}

void grpc_frame_print_head(uint8_t flags, uint32_t length, struct buf *out)
{
	unsigned char head[GRPC_FRAME_HEAD] = { flags, (unsigned char)(length >> 24),
						(unsigned char)(length >> 16), (unsigned char)(length >> 8),
						(unsigned char)length };

	buf_put(out, (str) { (const char *)head, sizeof head });
}
