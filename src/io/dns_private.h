/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns_private: what the cache of names and the lookups beside it share: the resolver, and who is to be woken
 * when it has returned.
 */
#pragma once

#include "io/dns.h"

enum {
	BUCKETS = 1024,
	NAME_SIZE = 256, /* RFC 1035 section 2.3.4, and a terminator for c-ares */
};

struct dns_entry;
struct dns_question;

struct dns {
	struct fibers *fibers;
	struct resolver *resolver;
	struct dns_entry *buckets[BUCKETS];
	struct dns_entry *newest, *oldest;
	struct dns_entry *first_answered;
	struct dns_question *first_question; /* answered, and its fiber not woken yet */
	size_t count;
	uint64_t seed;
};

void dns_questions_on_idle(struct dns *dns);
/* Wakes who asked for records. */

bool dns_name_copy(str name, char ret_name[NAME_SIZE]);
/* In lower case, with a NUL behind it. False for what cannot be a name. */
