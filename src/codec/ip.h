/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ip: an IP address as a value. Sixteen bytes in network order; IPv4 is kept as ::ffff:a.b.c.d, so that an
 * address is the same one however the socket or a field of a request spelt it.
 */
#pragma once

#include "base/buf.h"

struct ip {
	uint8_t bytes[16];
};

enum { IP_TEXT_MAX = 45 };

bool ip_parse(str text, struct ip *ret_ip);
/* Literals only: IPv4 in its strict form of four decimal parts without leading zeros, IPv6 by RFC 4291
 * section 2.2 without brackets and zone. */

bool ip_is_v4(struct ip ip);
/* Also what came as an IPv4-mapped IPv6 address. */

struct ip ip_of_v4(const uint8_t bytes[4]);
/* Bytes in network order, as they stand in socket addresses. */

bool ip_eq(struct ip a, struct ip b);

void ip_print(struct ip ip, struct buf *out);
/* RFC 5952, IPv4 in its own form; at most IP_TEXT_MAX bytes. */
