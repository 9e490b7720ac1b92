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

#include "base/arena.h"
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

/* Where a service is, as a name server lists it. */
struct dns_record {
	struct address address;
	uint16_t priority, weight; /* of SRV; 0 and 1 otherwise */
};

enum dns_kind { DNS_ADDRESSES, DNS_SERVICES };

enum { DNS_RECORDS_MAX = 256 };

/* What was found of a target of services. */
struct dns_target {
	str name;
	struct address *at; /* without ports, the lowest first */
	size_t count;       /* 0: it has none, or that nobody knows */
};

struct dns_records {
	struct dns_record *at;
	size_t count;
	struct dns_target *targets; /* of services, each once */
	size_t target_count;
	size_t missed; /* those that no DNS server answered for in time: they have what they had */
	bool is_cut;   /* there is more than DNS_RECORDS_MAX of it */
	duration ttl;  /* as it was told: may be 0, or years */
};

result dns_lookup(struct dns *dns, str name, enum dns_kind kind, uint16_t port, deadline until,
		  const struct dns_records *last, struct arena *arena, struct dns_records *ret_records);
/* Yields. Asks anew, whatever the cache says: for who keeps the answer itself. At most DNS_RECORDS_MAX of it,
 * of a name's addresses the lowest, in the arena. DNS_ADDRESSES: A and AAAA, with that port. DNS_SERVICES:
 * SRV (RFC 2782), each target by all its addresses, by priority; port is the records' own. 32 targets are
 * asked for at once, with their share of the time; one that no DNS server answers for in it has the addresses
 * of `last`, the answer before (NULL: there is none), of which nothing is kept. ERROR_MISSING: the name is
 * gone, or has no such records; ERROR_REFUSED: no DNS server answers, or for no target, and none was known;
 * ERROR_MALFORMED, ERROR_TIMEOUT, ERROR_CANCELLED, ERROR_LIMIT. */

result dns_resolve(struct dns *dns, str name, uint16_t port, deadline until, struct dns_answer *ret_answer);
/* Yields. A and AAAA, IPv4 first. ERROR_MISSING: no such name or no address; ERROR_REFUSED: no DNS server
 * answers; ERROR_TIMEOUT, ERROR_CANCELLED; ERROR_LIMIT: 1024 names are being asked for. */
