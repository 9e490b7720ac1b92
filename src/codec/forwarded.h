/* SPDX-License-Identifier: Apache-2.0 */
/*
 * forwarded: what proxies in front say of whom they speak for: Forwarded (RFC 7239) and X-Forwarded-For.
 *
 * Each proxy appends, so only the end of a list can be believed, and only as far as it was written by proxies
 * that are trusted. Reading goes from the right.
 */
#pragma once

#include "codec/cidr.h"
#include "codec/http_field.h"

/* One element of Forwarded. Values without their quotes; empty when absent. */
struct forwarded {
	str for_node, by_node, host, proto;
};

bool forwarded_names_client(str name);
/* Whether this field's name is one by which proxies tell who the client is; X-Real-IP among them. */

/* What is wrong with going by such a field, behind its name. */
#define FORWARDED_NEVER_KEPT                                                                                \
	"is never kept as a client sent it; want client_ip, which goes by X-Forwarded-For or Forwarded of " \
	"trusted_proxies"

bool forwarded_parse(str element, struct forwarded *ret_forwarded);
/* One element, as forwarded_last() takes it off a list. Unknown parameters are skipped. False for bad syntax,
 * a repeated parameter, and a quoted pair: no value that means something needs one. */

bool forwarded_last(str *list, str *ret_element);
/* Takes the last element off a comma-separated list; a comma in quotes separates nothing. Empty elements are
 * skipped. False at the beginning. */

bool forwarded_node_ip(str node, struct ip *ret_ip);
/* The address of a node: with or without port, IPv6 with or without brackets. False for "unknown" and for
 * obfuscated identifiers. */

/* What proxies say of the request that came to the first of them that is trusted. */
struct forwarded_client {
	struct ip ip;
	str host, proto; /* of Forwarded, as they stand there; empty: it does not say */
};

struct forwarded_client forwarded_client(const struct http_fields *fields, const struct cidr *trusted,
					 size_t trusted_count, struct ip peer);
/* Who the request is from: peer, unless it is trusted; then the last address of X-Forwarded-For (of Forwarded
 * when there is none) that is not; or the first of them when all are. What is no address ends the search. */

void forwarded_print(struct buf *out, const struct forwarded *forwarded);
/* One element; values that are no token are quoted, empty ones left out. Nodes with IPv6 must bear their
 * brackets; the values must be free of '"' and '\'. */
