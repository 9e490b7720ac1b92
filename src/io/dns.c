/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An entry is made when a name is first asked for and stays until others push it out. It knows the last
 * good answer and how the last question ended, which are two things: a name that cannot be asked for
 * keeps its addresses, one that is known to be gone does not.
 *
 * Who asks for a name that is not fresh puts the question, unless it is in the air already, and waits on
 * the entry's condition. The question belongs to the entry, not to the fiber: that may be cancelled or late,
 * and the others still get their answer.
 */
#include "io/dns_private.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/random.h"
#include "fiber/condition.h"

enum { NAMES_MAX = 1024 };

#define TTL_MIN (1 * SECOND)
#define TTL_MAX (60 * SECOND)
#define FAILURE_TTL (1 * SECOND)
#define STALE_PATIENCE (1 * SECOND) /* then the last good answer serves: RFC 8767 section 5 */

/* An address without the bytes that only Unix paths need. */
union dns_address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

struct dns_entry {
	struct dns_entry *next;          /* in its bucket */
	struct dns_entry *older, *newer; /* by when it was last asked for */
	struct dns_entry *next_answered; /* its waiters are to be woken */
	struct dns *dns;
	union dns_address at[DNS_ADDRESSES_MAX]; /* the last good answer */
	size_t count;
	result_value status; /* of the last question */
	deadline expires;    /* of that status; 0: never asked */
	bool is_asking;
	unsigned waiting; /* fibers; an entry with any stays */
	struct condition answered;
	uint64_t hash;
	size_t len;
	char name[NAME_SIZE];
};

/* The list by age: each end is either a neighbour's pointer or the cache's own. */
static void entry_unlink_age(struct dns_entry *entry)
{
	struct dns *dns = entry->dns;

	*(entry->newer ? &entry->newer->older : &dns->newest) = entry->older;
	*(entry->older ? &entry->older->newer : &dns->oldest) = entry->newer;
}

static void entry_link_newest(struct dns_entry *entry)
{
	struct dns *dns = entry->dns;

	entry->newer = NULL;
	entry->older = dns->newest;
	*(dns->newest ? &dns->newest->newer : &dns->oldest) = entry;
	dns->newest = entry;
}

static void entry_free(struct dns_entry *entry)
{
	struct dns *dns = entry->dns;
	struct dns_entry **link = &dns->buckets[entry->hash % BUCKETS];

	while (*link != entry)
		link = &(*link)->next;
	*link = entry->next;
	entry_unlink_age(entry);
	dns->count--;
	free(entry);
}

/* Makes room for one more: the one that was not asked for the longest goes. */
static bool dns_evict(struct dns *dns)
{
	struct dns_entry *entry = dns->oldest;

	while (entry && (entry->is_asking || entry->waiting))
		entry = entry->newer;
	if (!entry)
		return false;
	entry_free(entry);
	return true;
}

static struct dns_entry *dns_find(struct dns *dns, const char *name, size_t len, uint64_t hash)
{
	struct dns_entry *entry = dns->buckets[hash % BUCKETS];

	while (entry && (entry->hash != hash || entry->len != len || memcmp(entry->name, name, len) != 0))
		entry = entry->next;
	return entry;
}

static struct dns_entry *dns_add(struct dns *dns, const char *name, size_t len, uint64_t hash)
{
	struct dns_entry **bucket = &dns->buckets[hash % BUCKETS];
	struct dns_entry *entry = calloc(1, sizeof *entry);

	ASSERT(entry);
	entry->dns = dns;
	entry->hash = hash;
	entry->len = len;
	memcpy(entry->name, name, len);
	entry->next = *bucket;
	*bucket = entry;
	entry_link_newest(entry);
	dns->count++;
	return entry;
}

bool dns_name_copy(str name, char ret_name[NAME_SIZE])
{
	if (name.len == 0 || name.len >= NAME_SIZE || memchr(name.ptr, 0, name.len))
		return false;
	for (size_t i = 0; i < name.len; i++)
		ret_name[i] = ascii_lower(name.ptr[i]);
	ret_name[name.len] = 0;
	return true;
}

/* The entry of a name, a new one if need be. */
static result dns_entry(struct dns *dns, str name, struct dns_entry **ret_entry)
{
	char lower[NAME_SIZE];
	struct dns_entry *entry;
	uint64_t hash;

	if (!dns_name_copy(name, lower))
		return error_make(ERROR_MISSING, "not a name");
	hash = hash_bytes((str) { lower, name.len }, dns->seed);
	entry = dns_find(dns, lower, name.len, hash);
	if (entry) {
		entry_unlink_age(entry);
		entry_link_newest(entry);
	} else {
		if (dns->count == NAMES_MAX && !dns_evict(dns))
			return error_make(ERROR_LIMIT, "too many names are being asked for");
		entry = dns_add(dns, lower, name.len, hash);
	}
	*ret_entry = entry;
	return OK;
}

/* Short enough to follow a change, long enough that a TTL of zero does not ask at each connection. */
static duration ttl_of(const struct resolver_answer *answer)
{
	if (failed(answer->status))
		return FAILURE_TTL;
	if (answer->ttl < TTL_MIN)
		return TTL_MIN;
	return answer->ttl < TTL_MAX ? answer->ttl : TTL_MAX;
}

/* Not from c-ares' own call, where the fibers that wake may not ask the next question. */
static void entry_wake(struct dns_entry *entry)
{
	struct dns *dns = entry->dns;

	if (fiber_current(dns->fibers)) {
		condition_broadcast(&entry->answered); /* they run later */
	} else if (entry->waiting) {
		entry->next_answered = dns->first_answered;
		dns->first_answered = entry;
	}
}

/* A name that is known not to exist forgets its addresses; one of which nothing is known keeps them. */
static void entry_on_answer(void *argument, const struct resolver_answer *answer)
{
	struct dns_entry *entry = argument;

	entry->is_asking = false;
	entry->status = answer->status;
	entry->expires = deadline_after(loop_now(fibers_loop(entry->dns->fibers)), ttl_of(answer));
	if (!failed(answer->status) || answer->status.kind == ERROR_MISSING)
		entry->count = answer->count;
	for (size_t i = 0; i < answer->count; i++)
		memcpy(&entry->at[i], &answer->at[i].v6, sizeof entry->at[i]);
	entry_wake(entry);
}

static void dns_on_idle(void *argument)
{
	struct dns *dns = argument;

	while (dns->first_answered) {
		struct dns_entry *entry = dns->first_answered;

		dns->first_answered = entry->next_answered;
		condition_broadcast(&entry->answered);
	}
	dns_questions_on_idle(dns);
}

/* Failures are fresh for a while too: a name that is not there is not asked for at each request. */
static bool entry_is_fresh(const struct dns_entry *entry)
{
	return loop_now(fibers_loop(entry->dns->fibers)) < entry->expires;
}

/* The last question failed, but there is an answer from before. */
static bool entry_is_stale_but_good(const struct dns_entry *entry)
{
	return failed(entry->status) && entry->count > 0;
}

/* May be answered before it returns: by /etc/hosts, or by a failure. */
static void entry_ask(struct dns_entry *entry)
{
	if (entry->is_asking)
		return;
	entry->is_asking = true;
	resolver_ask(entry->dns->resolver, entry->name, DNS_ADDRESSES_MAX, entry_on_answer, entry);
}

/* Until the question is answered, however that ends. The entry cannot be pushed out meanwhile. */
static result entry_wait(struct dns_entry *entry, deadline until)
{
	struct fiber *self = fiber_current(entry->dns->fibers);
	result_value waited = OK;

	entry->waiting++;
	while (entry->is_asking && !failed(waited))
		waited = condition_wait(&entry->answered, self, until);
	entry->waiting--;
	return waited;
}

/* Whoever has an old answer does not wait long for a new one; those that come after do not wait at all. */
static result entry_wait_or_stale(struct dns_entry *entry, deadline until)
{
	deadline patience = deadline_after(loop_now(fibers_loop(entry->dns->fibers)), STALE_PATIENCE);
	result_value waited;

	if (entry_is_stale_but_good(entry))
		return OK;
	if (entry->count == 0 || until <= patience)
		return entry_wait(entry, until);
	waited = entry_wait(entry, patience);
	if (waited.kind != ERROR_TIMEOUT)
		return waited;
	entry->status = error_make(ERROR_REFUSED, "no DNS server answers");
	return OK;
}

static result entry_copy(const struct dns_entry *entry, uint16_t port, struct dns_answer *ret_answer)
{
	if (entry->count == 0)
		return failed(entry->status) ? entry->status : error_make(ERROR_MISSING, "no address");
	ret_answer->count = entry->count;
	for (size_t i = 0; i < entry->count; i++) {
		struct address *at = &ret_answer->at[i];

		memcpy(&at->v6, &entry->at[i], sizeof entry->at[i]);
		at->len = at->any.sa_family == AF_INET ? sizeof at->v4 : sizeof at->v6;
		*(at->any.sa_family == AF_INET ? &at->v4.sin_port : &at->v6.sin6_port) = htons(port);
	}
	return OK;
}

result dns_resolve(struct dns *dns, str name, uint16_t port, deadline until, struct dns_answer *ret_answer)
{
	struct dns_entry *entry;

	ret_answer->count = 0;
	if (address_of_ip(name, port, &ret_answer->at[0])) {
		ret_answer->count = 1;
		return OK;
	}
	TRY(dns_entry(dns, name, &entry));
	if (!entry_is_fresh(entry)) {
		entry_ask(entry);
		TRY(entry_wait_or_stale(entry, until));
	}
	return entry_copy(entry, port, ret_answer);
}

result dns_new_with(struct fibers *fibers, const struct resolver_options *options, struct dns **ret_dns)
{
	struct dns *dns = calloc(1, sizeof *dns);
	result_value made;

	ASSERT(dns);
	dns->fibers = fibers;
	dns->seed = random_u64();
	made = resolver_new(fibers_loop(fibers), options, &dns->resolver);
	if (failed(made))
		dns_free(&dns);
	else
		resolver_on_idle(dns->resolver, dns_on_idle, dns);
	*ret_dns = dns;
	return made;
}

result dns_new(struct fibers *fibers, struct dns **ret_dns)
{
	return dns_new_with(fibers, NULL, ret_dns);
}

void dns_free(struct dns **address)
{
	struct dns *dns = *address;
	struct dns_entry *older;

	if (!dns)
		return;
	*address = NULL;
	resolver_free(&dns->resolver);
	for (struct dns_entry *entry = dns->newest; entry; entry = older) {
		ASSERT(!entry->waiting);
		older = entry->older;
		free(entry);
	}
	free(dns);
}
