/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cidr: a block of IP addresses, "10.0.0.0/8", "2001:db8::/32", or one address.
 *
 * A block of one family never holds an address of the other; an IPv4-mapped IPv6 address is an IPv4 address.
 */
#pragma once

#include "codec/ip.h"

struct cidr {
	uint64_t bits[2], mask[2]; /* of the sixteen bytes of struct ip, as they lie in memory */
	bool is_v4;
};

bool cidr_parse(str text, struct cidr *ret_cidr);
/* Bits behind the prefix are ignored. False for what is no address literal, or a prefix longer than the
 * address, with a sign or with leading zeros. */

bool cidr_has(const struct cidr *cidr, struct ip ip);

bool cidr_any_has(const struct cidr *cidrs, size_t count, struct ip ip);
/* One of them has it. */
