/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything is read through one cursor: what runs past the end reads zeros and is remembered, so that each
 * record is checked once, when it has been read.
 */
#include "codec/dns_srv.h"

enum {
	TYPE_SRV = 33,
	CLASS_IN = 1,
	NAME_MAX_LEN = 253, /* RFC 1035 section 2.3.4, as text without the last dot */
	JUMPS_MAX = 64,     /* more pointers than a name can have labels are a ring */
	POINTER = 0xc0,     /* RFC 1035 section 4.1.4 */
	HEADER_COUNTS = 4,  /* where the header's counts begin */
	RECORD_MIN = 18,    /* a name, type, class, TTL, length; priority, weight, port, a name */
};

struct cursor {
	str message;
	size_t at;
	bool is_past; /* something that is not there was asked for */
};

struct record {
	unsigned type, class, length;
	uint32_t ttl;
	size_t end;
};

static unsigned take_u8(struct cursor *c)
{
	if (c->at >= c->message.len) {
		c->is_past = true;
		return 0;
	}
	return (unsigned char)c->message.ptr[c->at++];
}

static unsigned take_u16(struct cursor *c)
{
	unsigned high = take_u8(c);

	return high << 8 | take_u8(c);
}

static uint32_t take_u32(struct cursor *c)
{
	uint32_t high = take_u16(c);

	return high << 16 | take_u16(c);
}

static void skip(struct cursor *c, size_t len)
{
	if (len > c->message.len - c->at)
		c->is_past = true;
	else
		c->at += len;
}

static bool is_host_char(unsigned char byte)
{
	return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') || byte == '-' || byte == '_';
}

/* One label, in lower case. What is in no host name makes the whole of it none. */
static bool take_label(struct cursor *c, size_t len, struct buf *out)
{
	bool is_good = true;

	if (out->len)
		buf_put_char(out, '.');
	for (size_t i = 0; i < len; i++) {
		unsigned char byte = (unsigned char)ascii_lower((char)take_u8(c));

		is_good &= is_host_char(byte);
		buf_put_char(out, (char)byte);
	}
	return is_good;
}

/* Goes on where the name goes on in the message, which for a pointer is behind it, wherever it leads. False:
 * no host name. */
static bool take_name(struct cursor *c, struct buf *out)
{
	struct cursor at = *c;
	bool has_jumped = false, is_good = true;
	unsigned len;

	for (unsigned jumps = 0; (len = take_u8(&at)) && !at.is_past;) {
		if (len < POINTER) {
			is_good &= take_label(&at, len, out);
			at.is_past |= len > 63;
		} else {
			size_t to = (size_t)(len & 0x3f) << 8 | take_u8(&at);

			if (!has_jumped)
				c->at = at.at;
			has_jumped = true;
			at.at = to;
			at.is_past |= ++jumps > JUMPS_MAX;
		}
		if (buf_overflowed(out))
			break;
	}
	if (!has_jumped)
		c->at = at.at;
	c->is_past |= at.is_past;
	return is_good && !buf_overflowed(out);
}

static void skip_name(struct cursor *c)
{
	char text[NAME_MAX_LEN];
	struct buf out = buf_over(text, sizeof text);

	(void)take_name(c, &out);
}

/* Behind the two counts of the sections that count here, the header has two more. */
static unsigned begin(struct cursor *c)
{
	unsigned questions, answers;

	skip(c, HEADER_COUNTS);
	questions = take_u16(c);
	answers = take_u16(c);
	skip(c, 4);
	for (unsigned i = 0; i < questions && !c->is_past; i++) {
		skip_name(c);
		skip(c, 4); /* type and class */
	}
	return answers;
}

static void take_record(struct cursor *c, struct record *record)
{
	skip_name(c);
	record->type = take_u16(c);
	record->class = take_u16(c);
	record->ttl = take_u32(c);
	record->length = take_u16(c);
	record->end = c->at + record->length;
	if (record->end > c->message.len)
		c->is_past = true;
}

/* False: its target is no host name. */
static bool take_service(struct cursor *c, struct arena *arena, struct dns_srv *service)
{
	char text[NAME_MAX_LEN];
	struct buf out = buf_over(text, sizeof text);

	service->priority = (uint16_t)take_u16(c);
	service->weight = (uint16_t)take_u16(c);
	service->port = (uint16_t)take_u16(c);
	if (!take_name(c, &out) || c->is_past)
		return false;
	service->target = arena_str(arena, buf_str(&out));
	return true;
}

/* RFC 2181 section 8: with the highest bit set it is as good as zero. */
static uint32_t shorter(uint32_t a, uint32_t b)
{
	b = b > INT32_MAX ? 0 : b;
	return b < a ? b : a;
}

result dns_srv_parse(str message, struct arena *arena, struct dns_srv_answer *ret_answer)
{
	struct cursor c = { .message = message };
	unsigned answers = begin(&c);
	size_t most = message.len / RECORD_MIN, room = answers < most ? answers : most;
	struct dns_srv *services = ARENA_ARRAY(arena, struct dns_srv, room);
	struct record record;

	*ret_answer = (struct dns_srv_answer) { .at = services, .ttl = INT32_MAX };
	for (unsigned i = 0; i < answers && !c.is_past; i++) {
		take_record(&c, &record);
		if (c.is_past)
			break;
		ret_answer->ttl = shorter(ret_answer->ttl, record.ttl);
		if (record.type == TYPE_SRV && record.class == CLASS_IN && ret_answer->count < room)
			ret_answer->count += take_service(&c, arena, &services[ret_answer->count]);
		c.is_past |= c.at > record.end;
		c.at = record.end;
	}
	return c.is_past ? error_make(ERROR_MALFORMED, "the answer of the DNS server is malformed") : OK;
}
