/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A block is kept as the bits that an address must have under a mask, so that a match is two comparisons of
 * words, however long the prefix is. Words lie in memory as the address's bytes do: their order does not
 * matter.
 */
#include "codec/cidr.h"

enum { V4_BITS = 32, V6_BITS = 128 };

/* "08" is refused: some take it for octal. */
static bool parse_prefix(str text, uint64_t max, uint64_t *ret_bits)
{
	return text.len && (text.len == 1 || text.ptr[0] != '0') && str_to_u64(text, max, ret_bits);
}

/* The first `prefix` bits, from the first byte's highest on. */
static void set_mask(struct cidr *cidr, uint64_t prefix)
{
	uint8_t mask[16] = { 0 };

	for (uint64_t i = 0; i < prefix; i++)
		mask[i / 8] |= (uint8_t)(0x80 >> i % 8);
	memcpy(cidr->mask, mask, sizeof mask);
}

bool cidr_parse(str text, struct cidr *ret_cidr)
{
	str address = text, prefix = { 0 };
	bool has_prefix = str_cut(text, '/', &address, &prefix);
	bool is_dotted;
	uint64_t bits;
	struct ip ip;

	if (!ip_parse(address, &ip))
		return false;
	/* A prefix counts the bits of the form that it is written behind. */
	is_dotted = !str_contains(address, STR(":"));
	bits = is_dotted ? V4_BITS : V6_BITS;
	if (has_prefix && !parse_prefix(prefix, bits, &bits))
		return false;
	bits += is_dotted ? V6_BITS - V4_BITS : 0;
	set_mask(ret_cidr, bits);
	memcpy(ret_cidr->bits, ip.bytes, sizeof ip.bytes);
	for (int i = 0; i < 2; i++)
		ret_cidr->bits[i] &= ret_cidr->mask[i];
	ret_cidr->is_v4 = ip_is_v4(ip) && bits >= V6_BITS - V4_BITS;
	return true;
}

bool cidr_has(const struct cidr *cidr, struct ip ip)
{
	uint64_t words[2];

	memcpy(words, ip.bytes, sizeof words);
	return (words[0] & cidr->mask[0]) == cidr->bits[0] && (words[1] & cidr->mask[1]) == cidr->bits[1] &&
	       cidr->is_v4 == ip_is_v4(ip);
}

bool cidr_any_has(const struct cidr *cidrs, size_t count, struct ip ip)
{
	for (size_t i = 0; i < count; i++)
		if (cidr_has(&cidrs[i], ip))
			return true;
	return false;
}
