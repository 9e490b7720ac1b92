/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns_srv: the service records of a DNS answer (RFC 2782), out of the message as it came (RFC 1035).
 *
 * The resolver's library has a parser for them that forgets how long they hold. The message comes from the
 * network: names that point back into it are followed a bounded number of times and must be host names when
 * they are whole, for they become text in logs and in questions.
 */
#pragma once

#include "base/arena.h"
#include "base/result.h"

struct dns_srv {
	str target; /* a host name without a dot at its end; empty: the service is decidedly not there */
	uint16_t priority, weight, port;
};

struct dns_srv_answer {
	struct dns_srv *at; /* in the order of the message */
	size_t count;
	uint32_t ttl; /* seconds: the shortest of the answer's records */
};

result dns_srv_parse(str message, struct arena *arena, struct dns_srv_answer *ret_answer);
/* All of them, of which 64 KiB hold 3,640; those whose target is no host name are left out. What it returns
 * lives in the arena. ERROR_MALFORMED when the message is cut short or its names lead nowhere. */
