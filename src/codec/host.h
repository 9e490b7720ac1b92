/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host: the Host field and the authority of a target: a name or an address, and perhaps a port
 * (RFC 9110 section 7.2, RFC 3986 section 3.2).
 *
 * Narrower than the grammar: names are letters, digits, '-', '_' and '.', without percent-encoding and
 * sub-delimiters, which no host that exists needs and which readers understand differently.
 */
#pragma once

#include "base/buf.h"
#include "codec/ip.h"

enum { HOST_LEN_MAX = 253, HOST_LABEL_MAX = 63 };

struct host {
	str name;      /* a name without its last dot, IPv4, or IPv6 in brackets; letters as they came */
	bool has_port; /* "name:" has none */
	uint16_t port;
};

bool host_parse(str text, struct host *ret_host);
/* Slices of text. False for userinfo, an empty name or label, a name whose last label is a number and that is
 * not IPv4 in its strict form, a malformed IPv6 literal, a zone, a port that is not 1 to 65535. */

bool host_is_loopback(str name);
/* Whether what is sent there stays on this machine: 127.0.0.0/8, ::1, localhost and what is beneath it (RFC
 * 6761 section 6.3), also with a last dot. */

bool host_is_lower(str name);

str host_lower(str name, struct buf *room);
/* The name with its letters folded: itself when it is lower case already, else a copy at the end of room,
 * empty when room is too small (HOST_LEN_MAX bytes are enough). */
