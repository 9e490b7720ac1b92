/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns_lookup: questions whose answer is the asker's to keep: with all addresses, their time to live, and for
 * services their ports and weights.
 *
 * A question is in the resolver's hands until it is answered, whatever becomes of the fiber that put it: so
 * it stands on its own in memory, and the one who comes last frees it, the fiber or the answer. Of services
 * the message itself is kept and taken apart by the fiber. Their targets are asked for one after the other: a
 * name server is not to be flooded by each of its clients whenever a TTL ends. They are the same ones
 * whatever their order was.
 */
#include "codec/dns_srv.h"
#include "io/dns_private.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "base/assert.h"

enum { ADDRESSES_MAX = 4096 }; /* as many as a message of 64 KiB has room for */

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

static struct dns_record record_of(const struct address *at, uint16_t port)
{
	struct dns_record record = { .address = *at, .weight = 1 };

	*(at->any.sa_family == AF_INET ? &record.address.v4.sin_port : &record.address.v6.sin6_port) =
		htons(port);
	return record;
}

/* In one order, whatever the server's was: those that are left out are the same each time. */
static int address_order(const void *a, const void *b)
{
	const struct address *x = a, *y = b;

	return memcmp(&x->v6, &y->v6, sizeof x->v6);
}

/* Adds those of one name behind what is there, and makes the TTL the shorter one. */
static result add_addresses(struct dns *dns, const char *name, uint16_t port, deadline until,
			    struct dns_records *records)
{
	struct dns_question *question = question_new(dns);
	result_value answered;

	resolver_ask(dns->resolver, name, ADDRESSES_MAX, on_addresses, question);
	answered = question_wait(question, until);
	if (question->count)
		qsort(question->addresses, question->count, sizeof *question->addresses, address_order);
	for (size_t i = 0; !failed(answered) && i < question->count; i++)
		if (records->count < DNS_RECORDS_MAX)
			records->at[records->count++] = record_of(&question->addresses[i], port);
		else
			records->left_out++;
	if (!failed(answered) && question->ttl < records->ttl)
		records->ttl = question->ttl;
	question_leave(question);
	return answered;
}

/* A target without addresses is left out, for the others are there. */
static result add_service(struct dns *dns, const struct dns_srv *service, deadline until,
			  struct dns_records *records)
{
	char name[NAME_SIZE];
	size_t from = records->count;
	result_value added;

	if (!dns_name_copy(service->target, name))
		return OK; /* "." says that there is none */
	added = add_addresses(dns, name, service->port, until, records);
	for (size_t i = from; i < records->count; i++) {
		records->at[i].priority = service->priority;
		records->at[i].weight = service->weight;
	}
	return added.kind == ERROR_MISSING ? OK : added;
}

static result ask_services(struct dns *dns, const char *name, deadline until, struct arena *arena,
			   struct dns_srv_answer *ret_answer)
{
	struct dns_question *question = question_new(dns);
	result_value answered;

	resolver_ask_services(dns->resolver, name, on_services, question);
	answered = question_wait(question, until);
	if (!failed(answered))
		answered =
			dns_srv_parse((str) { question->message, question->message_len }, arena, ret_answer);
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

/* So that one whom nobody answers for does not keep the others from being found. */
static deadline half_of_the_time(struct dns *dns, deadline until)
{
	deadline now = loop_now(fibers_loop(dns->fibers));

	return deadline_after(now, (until - now) / 2);
}

/* One of which nothing can be known spoils the answer, for what it had before may be there still. */
static result add_services(struct dns *dns, const struct dns_srv_answer *services, deadline until,
			   struct dns_records *records)
{
	size_t most = services->count < DNS_RECORDS_MAX ? services->count : DNS_RECORDS_MAX, i;
	bool is_whole = true;

	for (i = 0; i < most && records->count < DNS_RECORDS_MAX; i++) {
		result_value added =
			add_service(dns, &services->at[i], half_of_the_time(dns, until), records);

		if (added.kind == ERROR_CANCELLED)
			return added;
		is_whole &= !failed(added);
	}
	records->left_out += services->count - i;
	return is_whole ? OK : error_make(ERROR_REFUSED, "not all targets of the service can be found");
}

static result lookup_services(struct dns *dns, const char *name, deadline until, struct arena *arena,
			      struct dns_records *records)
{
	struct dns_srv_answer services;

	TRY(ask_services(dns, name, until, arena, &services));
	records->ttl = services.ttl * SECOND;
	if (services.count)
		qsort(services.at, services.count, sizeof *services.at, service_order);
	TRY(add_services(dns, &services, until, records));
	return records->count ? OK : error_make(ERROR_MISSING, "no target of the service has an address");
}

result dns_lookup(struct dns *dns, str name, enum dns_kind kind, uint16_t port, deadline until,
		  struct arena *arena, struct dns_records *ret_records)
{
	char text[NAME_SIZE];

	*ret_records = (struct dns_records) { .ttl = INT32_MAX * SECOND };
	if (!dns_name_copy(name, text))
		return error_make(ERROR_MISSING, "not a name");
	ret_records->at = ARENA_ARRAY(arena, struct dns_record, DNS_RECORDS_MAX);
	if (kind == DNS_SERVICES)
		return lookup_services(dns, text, until, arena, ret_records);
	return add_addresses(dns, text, port, until, ret_records);
}
