/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns_lookup: questions whose answer is the asker's to keep: with all addresses, their time to live, and for
 * services their ports and weights.
 *
 * A question is in the resolver's hands until it is answered, whatever becomes of the fiber that put it: so
 * it stands on its own in memory, and the one who comes last frees it, the fiber or the answer. Of services
 * the message itself is kept and taken apart by the fiber. Of their targets some are asked for at once, and
 * not all: a name server is not to be flooded by each of its clients whenever a TTL ends.
 */
#include "codec/dns_srv.h"
#include "io/dns_private.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "base/assert.h"

enum {
	ADDRESSES_MAX = 4096, /* as many as a message of 64 KiB has room for */
	AT_ONCE = 32,         /* targets, of which a socket holds the answers */
};

struct dns_question {
	struct dns *dns;
	struct dns_question *next; /* to be woken */
	struct fiber *asker;       /* NULL: it has left */
	bool is_answered, is_listed;
	result_value status;
	struct address *addresses;
	size_t count;
	duration ttl;
	char *message;
	size_t message_len;
};

static void question_free(struct dns_question *question)
{
	free(question->addresses);
	free(question->message);
	free(question);
}

static struct dns_question *question_new(struct dns *dns)
{
	struct dns_question *question = calloc(1, sizeof *question);

	ASSERT(question);
	question->dns = dns;
	question->asker = fiber_current(dns->fibers);
	ASSERT(question->asker);
	return question;
}

/* Within c-ares' own call no fiber may run; where a fiber made that call, a wake-up only lists it. */
static void question_end(struct dns_question *question, result_value status)
{
	struct dns *dns = question->dns;

	question->status = status;
	question->is_answered = true;
	if (!question->asker) {
		question_free(question);
	} else if (fiber_current(dns->fibers)) {
		fiber_wake(question->asker);
	} else {
		question->is_listed = true;
		question->next = dns->first_question;
		dns->first_question = question;
	}
}

void dns_questions_on_idle(struct dns *dns)
{
	while (dns->first_question) {
		struct dns_question *question = dns->first_question;

		dns->first_question = question->next;
		question->is_listed = false;
		if (question->asker)
			fiber_wake(question->asker);
		else
			question_free(question);
	}
}

/* The fiber does not want it any more. */
static void question_leave(struct dns_question *question)
{
	question->asker = NULL;
	if (question->is_answered && !question->is_listed)
		question_free(question);
}

static result question_wait(struct dns_question *question, deadline until)
{
	while (!question->is_answered)
		TRY(fiber_park(question->asker, until));
	return question->status;
}

static void on_addresses(void *argument, const struct resolver_answer *answer)
{
	struct dns_question *question = argument;

	question->count = answer->count;
	question->ttl = answer->ttl;
	if (answer->count) {
		question->addresses = calloc(answer->count, sizeof *answer->at);
		ASSERT(question->addresses);
		memcpy(question->addresses, answer->at, answer->count * sizeof *answer->at);
	}
	question_end(question, answer->status);
}

static void on_services(void *argument, result_value status, str message)
{
	struct dns_question *question = argument;

	if (message.len) {
		question->message = malloc(message.len);
		ASSERT(question->message);
		memcpy(question->message, message.ptr, message.len);
		question->message_len = message.len;
	}
	question_end(question, status);
}

/* In one order, whatever the server's was: those that are left out are the same each time. */
static int address_order(const void *a, const void *b)
{
	const struct address *x = a, *y = b;

	return memcmp(&x->v6, &y->v6, sizeof x->v6);
}

/* ---- a lookup ---- */

struct lookup {
	struct dns *dns;
	deadline until;
	const struct dns_records *last; /* NULL: there is none */
	struct arena *arena;
	struct dns_records *records; /* what it finds */
};

/* Of which there is room for so many; the TTL of all becomes the shortest one. */
static void take_addresses(struct lookup *lookup, struct dns_question *question, struct dns_target *target)
{
	size_t most = question->count < DNS_RECORDS_MAX ? question->count : DNS_RECORDS_MAX;

	if (!most)
		return;
	qsort(question->addresses, question->count, sizeof *question->addresses, address_order);
	target->at = ARENA_ARRAY(lookup->arena, struct address, most);
	target->count = most;
	memcpy(target->at, question->addresses, most * sizeof *target->at);
	lookup->records->is_cut |= question->count > most;
	if (question->ttl < lookup->records->ttl)
		lookup->records->ttl = question->ttl;
}

static struct dns_question *ask_addresses(struct lookup *lookup, const char *name)
{
	struct dns_question *question = question_new(lookup->dns);

	resolver_ask(lookup->dns->resolver, name, ADDRESSES_MAX, on_addresses, question);
	return question;
}

static result hear_addresses(struct lookup *lookup, struct dns_question *question, deadline until,
			     struct dns_target *target)
{
	result_value answered = question_wait(question, until);

	if (!failed(answered))
		take_addresses(lookup, question, target);
	question_leave(question);
	return answered;
}

static void add_record(struct dns_records *records, const struct address *at, const struct dns_srv *service)
{
	struct dns_record *record = &records->at[records->count++];

	*record = (struct dns_record) { *at, service->priority, service->weight };
	*(at->any.sa_family == AF_INET ? &record->address.v4.sin_port : &record->address.v6.sin6_port) =
		htons(service->port);
}

static void add_records(struct dns_records *records, const struct dns_target *target,
			const struct dns_srv *service)
{
	size_t room = DNS_RECORDS_MAX - records->count, most = target->count < room ? target->count : room;

	for (size_t i = 0; i < most; i++)
		add_record(records, &target->at[i], service);
	records->is_cut |= most < target->count;
}

static result lookup_addresses(struct lookup *lookup, const char *name, uint16_t port)
{
	struct dns_srv service = { .weight = 1, .port = port };
	struct dns_target target = { 0 };

	TRY(hear_addresses(lookup, ask_addresses(lookup, name), lookup->until, &target));
	add_records(lookup->records, &target, &service);
	return OK;
}

/* ---- the targets of a service ---- */

static const struct dns_target *target_find(const struct dns_records *records, str name)
{
	for (size_t i = 0; records && i < records->target_count; i++)
		if (str_eq(records->targets[i].name, name))
			return &records->targets[i];
	return NULL;
}

static void take_known(struct lookup *lookup, struct dns_target *target)
{
	const struct dns_target *known = target_find(lookup->last, target->name);

	if (!known || !known->count)
		return;
	target->at = ARENA_ARRAY(lookup->arena, struct address, known->count);
	target->count = known->count;
	memcpy(target->at, known->at, known->count * sizeof *target->at);
}

/* NULL where there is nothing to ask: "." says that there is none. */
static struct dns_question *ask_target(struct lookup *lookup, const struct dns_target *target)
{
	char name[NAME_SIZE];

	return dns_name_copy(target->name, name) ? ask_addresses(lookup, name) : NULL;
}

/* Who was cancelled waits no more. Only that is passed on. */
static result hear_target(struct lookup *lookup, struct dns_question *question, deadline until,
			  struct dns_target *target)
{
	result_value heard = question ? hear_addresses(lookup, question, until, target) : OK;

	if (heard.kind == ERROR_CANCELLED)
		return heard;
	if (failed(heard) && heard.kind != ERROR_MISSING) {
		lookup->records->missed++;
		take_known(lookup, target);
	}
	return OK;
}

static result find_some(struct lookup *lookup, struct dns_target *targets, size_t count, deadline until)
{
	struct dns_question *questions[AT_ONCE];
	result_value heard = OK;

	for (size_t i = 0; i < count; i++)
		questions[i] = ask_target(lookup, &targets[i]);
	for (size_t i = 0; i < count; i++) {
		if (!failed(heard))
			heard = hear_target(lookup, questions[i], until, &targets[i]);
		else if (questions[i])
			question_leave(questions[i]);
	}
	return heard;
}

/* One whom nobody answers for keeps none of the others from being found: each has its share of the time. */
static deadline share_of_time(const struct lookup *lookup, size_t targets)
{
	deadline now = loop_now(fibers_loop(lookup->dns->fibers));
	duration rounds = (duration)((targets + AT_ONCE - 1) / AT_ONCE);

	return deadline_after(now, (lookup->until - now) / rounds);
}

static result find_targets(struct lookup *lookup)
{
	struct dns_records *records = lookup->records;

	for (size_t i = 0; i < records->target_count; i += AT_ONCE) {
		size_t left = records->target_count - i;

		TRY(find_some(lookup, &records->targets[i], left < AT_ONCE ? left : AT_ONCE,
			      share_of_time(lookup, left)));
	}
	return OK;
}

static result ask_services(struct lookup *lookup, const char *name, struct dns_srv_answer *ret_answer)
{
	struct dns_question *question = question_new(lookup->dns);
	result_value answered;

	resolver_ask_services(lookup->dns->resolver, name, on_services, question);
	answered = question_wait(question, lookup->until);
	if (!failed(answered))
		answered = dns_srv_parse((str) { question->message, question->message_len }, lookup->arena,
					 ret_answer);
	question_leave(question);
	return answered;
}

/* The lowest priority first; and what is left out is the same each time. */
static int service_order(const void *a, const void *b)
{
	const struct dns_srv *x = a, *y = b;
	int order = (x->priority > y->priority) - (x->priority < y->priority);

	if (!order)
		order = str_cmp(x->target, y->target);
	if (!order)
		order = (x->port > y->port) - (x->port < y->port);
	return order ? order : (x->weight > y->weight) - (x->weight < y->weight);
}

/* Each target once, however many ports it has. */
static void list_targets(struct dns_records *records, const struct dns_srv_answer *services)
{
	for (size_t i = 0; i < services->count; i++)
		if (!target_find(records, services->at[i].target))
			records->targets[records->target_count++].name = services->at[i].target;
}

static result lookup_services(struct lookup *lookup, const char *name)
{
	struct dns_records *records = lookup->records;
	struct dns_srv_answer services;

	TRY(ask_services(lookup, name, &services));
	records->ttl = services.ttl * SECOND;
	if (services.count)
		qsort(services.at, services.count, sizeof *services.at, service_order);
	if (services.count > DNS_RECORDS_MAX) {
		services.count = DNS_RECORDS_MAX;
		records->is_cut = true;
	}
	list_targets(records, &services);
	TRY(find_targets(lookup));
	for (size_t i = 0; i < services.count; i++)
		add_records(records, target_find(records, services.at[i].target), &services.at[i]);
	if (records->count)
		return OK;
	if (records->missed || records->is_cut)
		return error_make(ERROR_REFUSED, "no target of the service can be found");
	return error_make(ERROR_MISSING, "no target of the service has an address");
}

result dns_lookup(struct dns *dns, str name, enum dns_kind kind, uint16_t port, deadline until,
		  const struct dns_records *last, struct arena *arena, struct dns_records *ret_records)
{
	struct lookup lookup = { dns, until, last, arena, ret_records };
	char text[NAME_SIZE];

	*ret_records = (struct dns_records) { .ttl = INT32_MAX * SECOND };
	if (!dns_name_copy(name, text))
		return error_make(ERROR_MISSING, "not a name");
	ret_records->at = ARENA_ARRAY(arena, struct dns_record, DNS_RECORDS_MAX);
	if (kind == DNS_ADDRESSES)
		return lookup_addresses(&lookup, text, port);
	ret_records->targets = ARENA_ARRAY(arena, struct dns_target, DNS_RECORDS_MAX);
	return lookup_services(&lookup, text);
}
