/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/grpc_health.h"

enum { FRAME = 5, WIRE_VARINT = 0, WIRE_BYTES = 2, FIELD_ONE = 1 << 3 };

/* Every length fits into one byte. */
void grpc_health_print(str service, struct buf *out)
{
	buf_put(out, (str) { "\0\0\0\0", FRAME - 1 });
	buf_put_char(out, (char)(service.len ? service.len + 2 : 0));
	if (!service.len)
		return;
	buf_put_char(out, FIELD_ONE | WIRE_BYTES);
	buf_put_char(out, (char)service.len);
	buf_put(out, service);
}

static bool read_varint(str *rest, uint64_t *ret_value)
{
	*ret_value = 0;
	for (unsigned shift = 0; shift < 63 && rest->len; shift += 7) {
		unsigned char byte = (unsigned char)rest->ptr[0];

		*rest = str_skip(*rest, 1);
		*ret_value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return true;
	}
	return false;
}

/* One of another kind than the two that every writer uses is not understood. */
static bool skip_field(str *rest, unsigned wire)
{
	uint64_t value;

	if (!read_varint(rest, &value))
		return false;
	if (wire == WIRE_VARINT)
		return true;
	if (wire != WIRE_BYTES || value > rest->len)
		return false;
	*rest = str_skip(*rest, (size_t)value);
	return true;
}

/* An answer that is longer than 64 KiB says something else. */
static bool read_frame(str body, str *ret_message)
{
	static const char plain_and_short[] = { 0, 0, 0 };
	size_t length;

	if (body.len < FRAME || memcmp(body.ptr, plain_and_short, sizeof plain_and_short) != 0)
		return false;
	length = (size_t)(unsigned char)body.ptr[3] << 8 | (unsigned char)body.ptr[4];
	*ret_message = str_skip(body, FRAME);
	return ret_message->len == length;
}

bool grpc_health_read(str body, uint64_t *ret_status)
{
	uint64_t tag;
	str rest;

	*ret_status = 0;
	if (!read_frame(body, &rest))
		return false;
	while (rest.len) {
		if (!read_varint(&rest, &tag))
			return false;
		if (tag == (FIELD_ONE | WIRE_VARINT) ? !read_varint(&rest, ret_status)
						     : !skip_field(&rest, tag & 7))
			return false;
	}
	return true;
}

str grpc_health_word(uint64_t status)
{
	static const str words[] = { STR_INIT("UNKNOWN"), STR_INIT("SERVING"), STR_INIT("NOT_SERVING"),
				     STR_INIT("SERVICE_UNKNOWN") };

	return status < sizeof words / sizeof *words ? words[status] : (str) { 0 };
}
