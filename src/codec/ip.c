/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses are read by hand and not by the C library's functions: those want a terminated text, and take
 * forms (octal parts, fewer than four of them) that other readers understand as another address. What is
 * accepted here can be read in one way only.
 */
#include "codec/ip.h"

#include "codec/scan.h"

enum { GROUPS = 8 };

static const uint8_t v4_prefix[12] = { [10] = 0xff, [11] = 0xff };

bool ip_is_v4(struct ip ip)
{
	return memcmp(ip.bytes, v4_prefix, sizeof v4_prefix) == 0;
}

struct ip ip_of_v4(const uint8_t bytes[4])
{
	struct ip ip = { { [10] = 0xff, [11] = 0xff } };

	memcpy(ip.bytes + sizeof v4_prefix, bytes, 4);
	return ip;
}

bool ip_eq(struct ip a, struct ip b)
{
	return memcmp(a.bytes, b.bytes, sizeof a.bytes) == 0;
}

/* One decimal part: no leading zero, which some readers take for octal. */
static bool parse_part(str part, uint8_t *ret_byte)
{
	uint64_t value;

	if (part.len > 3 || (part.len > 1 && part.ptr[0] == '0') || !str_to_u64(part, 255, &value))
		return false;
	*ret_byte = (uint8_t)value;
	return true;
}

/* Exactly four parts. */
static bool parse_v4(str text, uint8_t ret_bytes[4])
{
	str part, rest = text;

	for (int i = 0; i < 3; i++) {
		if (!str_cut(rest, '.', &part, &rest) || !parse_part(part, &ret_bytes[i]))
			return false;
	}
	return parse_part(rest, &ret_bytes[3]);
}

/* One to four hexadecimal digits. */
static bool parse_group(str text, uint16_t *ret_group)
{
	unsigned value = 0;

	if (text.len == 0 || text.len > 4)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (!scan_is(text.ptr[i], SCAN_HEX))
			return false;
		value = value << 4 | scan_hex_value(text.ptr[i]);
	}
	*ret_group = (uint16_t)value;
	return true;
}

/* Colon-separated groups, the last two perhaps as IPv4. An empty text is no groups. */
static bool parse_groups(str text, uint16_t groups[GROUPS], size_t *ret_count)
{
	size_t count = 0;
	bool more = text.len > 0;

	while (more) {
		str group = text, rest = { 0 };
		uint8_t v4[4];

		more = str_cut(text, ':', &group, &rest);
		text = rest;
		if (!more && count + 2 <= GROUPS && parse_v4(group, v4)) {
			groups[count++] = (uint16_t)(v4[0] << 8 | v4[1]);
			groups[count++] = (uint16_t)(v4[2] << 8 | v4[3]);
		} else if (count == GROUPS || !parse_group(group, &groups[count++])) {
			return false;
		}
	}
	*ret_count = count;
	return true;
}

static void put_groups(uint8_t *at, const uint16_t *groups, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		at[2 * i] = (uint8_t)(groups[i] >> 8);
		at[2 * i + 1] = (uint8_t)groups[i];
	}
}

/* "::" stands once, for at least one group; without it there are eight groups. IPv4 can only stand at the
 * end. */
static bool parse_v6(str text, struct ip *ret_ip)
{
	uint16_t head[GROUPS], tail[GROUPS];
	size_t heads, tails = 0, gap;
	const char *hit = text.len ? memmem(text.ptr, text.len, "::", 2) : NULL;

	*ret_ip = (struct ip) { 0 };
	gap = hit ? (size_t)(hit - text.ptr) : text.len;
	if (!parse_groups(str_slice(text, 0, gap), head, &heads))
		return false;
	if (hit && memchr(text.ptr, '.', gap))
		return false;
	if (hit && !parse_groups(str_skip(text, gap + 2), tail, &tails))
		return false;
	if (hit ? heads + tails >= GROUPS : heads != GROUPS)
		return false;
	put_groups(ret_ip->bytes, head, heads);
	put_groups(ret_ip->bytes + sizeof ret_ip->bytes - 2 * tails, tail, tails);
	return true;
}

bool ip_parse(str text, struct ip *ret_ip)
{
	uint8_t v4[4];

	if (text.len > IP_TEXT_MAX)
		return false;
	if (!parse_v4(text, v4))
		return parse_v6(text, ret_ip);
	*ret_ip = ip_of_v4(v4);
	return true;
}

static unsigned group_at(struct ip ip, size_t i)
{
	return (unsigned)ip.bytes[2 * i] << 8 | ip.bytes[2 * i + 1];
}

/* The longest run of at least two zero groups, the first of equals (RFC 5952 section 4.2). */
static size_t longest_gap(struct ip ip, size_t *ret_len)
{
	size_t best = GROUPS, best_len = 1;

	for (size_t i = 0; i < GROUPS; i++) {
		size_t len = 0;

		while (i + len < GROUPS && group_at(ip, i + len) == 0)
			len++;
		if (len > best_len) {
			best = i;
			best_len = len;
		}
		i += len;
	}
	*ret_len = best_len;
	return best;
}

static void print_v4(const uint8_t *bytes, struct buf *out)
{
	for (int i = 0; i < 4; i++) {
		if (i)
			buf_put_char(out, '.');
		buf_put_u64(out, bytes[i]);
	}
}

void ip_print(struct ip ip, struct buf *out)
{
	/* Lower case, no leading zeros, one gap: RFC 5952 section 4 leaves one text for each address. */
	size_t gap_len, gap = longest_gap(ip, &gap_len);

	if (ip_is_v4(ip)) {
		print_v4(ip.bytes + sizeof v4_prefix, out);
		return;
	}
	for (size_t i = 0; i < GROUPS; i++) {
		if (i == gap) {
			buf_put(out, STR("::"));
			i += gap_len - 1;
			continue;
		}
		if (i && i != gap + gap_len)
			buf_put_char(out, ':');
		buf_put_hex(out, group_at(ip, i));
	}
}
