/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns: names to addresses, by c-ares on the fiber's own loop.
 *
 * Answers are kept for their TTL (1 s to 60 s), failures for 1 s, at most 1024 names, those not asked for
 * the longest go first; one question at a time a name, the others that ask wait for it. While DNS is down
 * the last good answer serves: at once, if it was known to be down, and it is asked again behind that.
 * /etc/hosts is honoured, and an address in place of a name is its own answer.
 */
#pragma once

#include "fiber/fiber.h"
#include "io/address.h"
#include "io/resolver.h"

enum { DNS_ADDRESSES_MAX = 16 };

struct dns;

struct dns_answer {
	struct address at[DNS_ADDRESSES_MAX]; /* port as asked for */
	size_t count;
};

result dns_new(struct fibers *fibers, struct dns **ret_dns);
void dns_free(struct dns **dns);
/* Nobody may be waiting. */

result dns_new_with(struct fibers *fibers, const struct resolver_options *options, struct dns **ret_dns);
/* With other servers than the system's. */

result dns_resolve(struct dns *dns, str name, uint16_t port, deadline until, struct dns_answer *ret_answer);
/* Yields. A and AAAA, IPv4 first. ERROR_MISSING: no such name or no address; ERROR_REFUSED: no DNS server
 * answers; ERROR_TIMEOUT, ERROR_CANCELLED; ERROR_LIMIT: 1024 names are being asked for. */
