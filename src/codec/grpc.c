/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/grpc.h"

enum { DIGITS_MAX = GRPC_TIMEOUT_MAX - 1, COUNT_MAX = 99999999 };

static const struct kind {
	str type;
	enum grpc_kind kind;
} kinds[] = {
	{ STR_INIT("application/grpc"), GRPC_NATIVE },
	{ STR_INIT("application/grpc-web"), GRPC_WEB },
	{ STR_INIT("application/grpc-web-text"), GRPC_WEB_TEXT },
};

/* From the finest to the coarsest. */
static const struct unit {
	char letter;
	duration time;
} units[] = {
	{ 'n', NANOSECOND }, { 'u', MICROSECOND }, { 'm', MILLISECOND },
	{ 'S', SECOND },     { 'M', MINUTE },      { 'H', HOUR },
};

enum { KINDS = sizeof kinds / sizeof *kinds, UNITS = sizeof units / sizeof *units };

enum grpc_kind grpc_kind_of(str content_type, str *ret_format)
{
	str type = content_type, rest;
	size_t plus;

	str_cut(content_type, ';', &type, &rest);
	type = str_trim(type);
	*ret_format = (str) { 0 };
	if (str_find(type, '+', &plus)) {
		*ret_format = str_skip(type, plus);
		type = str_slice(type, 0, plus);
	}
	for (size_t i = 0; i < KINDS; i++)
		if (str_eq_nocase(type, kinds[i].type))
			return kinds[i].kind;
	*ret_format = (str) { 0 };
	return GRPC_NONE;
}

str grpc_content_type(enum grpc_kind kind)
{
	for (size_t i = 0; i < KINDS; i++)
		if (kinds[i].kind == kind)
			return kinds[i].type;
	return (str) { 0 };
}

enum grpc_status grpc_status_of(int http_status)
{
	switch (http_status) {
	case 400:
		return GRPC_INTERNAL;
	case 401:
		return GRPC_UNAUTHENTICATED;
	case 403:
		return GRPC_PERMISSION_DENIED;
	case 404:
		return GRPC_UNIMPLEMENTED;
	case 429:
		return GRPC_RESOURCE_EXHAUSTED;
	case 502:
	case 503:
		return GRPC_UNAVAILABLE;
	case 504:
		return GRPC_DEADLINE_EXCEEDED;
	default:
		return GRPC_UNKNOWN;
	}
}

static duration times(uint64_t count, duration unit)
{
	duration product;

	return __builtin_mul_overflow((duration)count, unit, &product) ? INT64_MAX : product;
}

bool grpc_timeout_parse(str text, duration *ret_timeout)
{
	uint64_t count;

	if (text.len < 2 || text.len > GRPC_TIMEOUT_MAX ||
	    !str_to_u64(str_slice(text, 0, text.len - 1), COUNT_MAX, &count))
		return false;
	for (size_t i = 0; i < UNITS; i++) {
		if (text.ptr[text.len - 1] != units[i].letter)
			continue;
		*ret_timeout = times(count, units[i].time);
		return true;
	}
	return false;
}

void grpc_timeout_print(duration timeout, struct buf *out)
{
	size_t unit = 0;

	timeout = timeout > 0 ? timeout : 0;
	while (timeout / units[unit].time > COUNT_MAX)
		unit++;
	buf_put_u64(out, (uint64_t)(timeout / units[unit].time));
	buf_put_char(out, units[unit].letter);
}

void grpc_message_print(str message, struct buf *out)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < message.len; i++) {
		unsigned char c = (unsigned char)message.ptr[i];

		if (c >= ' ' && c <= '~' && c != '%') {
			buf_put_char(out, (char)c);
		} else {
			char escape[] = { '%', digits[c >> 4], digits[c & 15] };

			buf_put(out, (str) { escape, sizeof escape });
		}
	}
}
