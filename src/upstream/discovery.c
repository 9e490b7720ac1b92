/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Made where a configuration is compiled and run on the control thread, so the two meet under a lock: the
 * list of all that there are, and each one's roster. Whoever makes or lets go of one leaves word with the
 * control loop, which starts and ends the fibers; one that has a fiber is freed by it.
 */
#include "upstream/discovery.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/container.h"
#include "base/registry.h"
#include "fiber/condition.h"
#include "upstream/discovery_private.h"

#define TTL_MIN (1 * SECOND)
#define TTL_MAX (60 * SECOND)
#define FAILURE_PAUSE (1 * SECOND) /* DNS is down: soon again */
#define PATIENCE (15 * SECOND)     /* with one lookup; the resolver's own is shorter */
#define FIRST_PATIENCE (DISCOVERY_PATIENCE - 500 * MILLISECOND) /* of services */
#define CHANGE_DELAY (20 * MILLISECOND)                         /* what changes within it is one change */

enum trouble {
	TROUBLE_NONE,
	TROUBLE_TARGETS, /* some of a service cannot be found */
	TROUBLE_ALL,
};

struct discovery {
	struct registered registered; /* first; by its key */
	struct discoveries *discoveries;
	struct discovery *next, **link; /* of all, under the lock */
	str name, servers;              /* of the key */
	uint16_t port;
	enum dns_kind kind;
	/* Under the lock. */
	struct roster *roster;
	bool is_gone;     /* nobody has it any more */
	bool is_answered; /* there is a roster of DNS */

	/* The control thread's own; the first is changed under the lock. */
	struct fiber *fiber;
	struct dns *own_dns;  /* with servers of its own */
	deadline asks_at;     /* the next time */
	duration retry;       /* after an answer of which a target was missed; 0: there is none */
	enum trouble trouble; /* that was told */
	bool is_cut;          /* DNS named more than may serve */
	struct arena memory;
	struct dns_records last; /* of services, in memory: what it was answered with */
};

struct discoveries {
	struct registry by_key;
	struct endpoints *endpoints;
	pthread_mutex_t lock;
	struct discovery *first;
	struct discoveries_options options;
	bool is_running;          /* under the lock, as the next three */
	bool is_posted;           /* word was left with the control loop */
	size_t unanswered, count; /* those without an answer, and all */
	struct condition answered;
	struct timer change;
	bool has_changed; /* the timer runs */
};

/* ---- who serves ---- */

struct roster *discovery_roster(struct discovery *discovery)
{
	struct roster *roster;

	pthread_mutex_lock(&discovery->discoveries->lock);
	if (discovery->discoveries->is_running && !discovery->is_answered)
		roster = roster_new(NULL, 0);
	else
		roster = roster_ref(discovery->roster);
	pthread_mutex_unlock(&discovery->discoveries->lock);
	return roster;
}

/* The name itself, as one endpoint. */
static struct roster *stand_in(const struct discovery *discovery)
{
	char text[DISCOVERY_NAME_MAX + sizeof ":65535"];
	struct buf printed = buf_over(text, sizeof text);
	struct roster_member member = { .weight = 1 };

	buf_put(&printed, discovery->name);
	buf_put_char(&printed, ':');
	buf_put_u64(&printed, discovery->port ? discovery->port : DISCOVERY_STAND_IN_PORT);
	if (failed(endpoints_get(discovery->discoveries->endpoints, buf_str(&printed), &member.endpoint)))
		return roster_new(NULL, 0);
	return roster_new(&member, 1);
}

static void say_roster(const struct discovery *discovery, const struct roster *roster)
{
	char text[JOURNAL_LINE_MAX];
	struct buf list = buf_over(text, sizeof text);

	for (size_t i = 0; i < roster->count; i++) {
		buf_put(&list, i ? STR(", ") : (str) { 0 });
		buf_put(&list, roster->members[i].endpoint->text);
		buf_put(&list, roster->members[i].is_backup ? STR(" (backup)") : (str) { 0 });
	}
	if (roster->count)
		journal_info(discovery->discoveries->options.journal, "discovery of %.*s: %zu: %.*s",
			     STR_ARG(discovery->name), roster->count, STR_ARG(buf_str(&list)));
	else
		journal_warn(discovery->discoveries->options.journal,
			     "discovery of %.*s: the name has no endpoints", STR_ARG(discovery->name));
}

static void on_change_due(struct timer *timer)
{
	struct discoveries *discoveries = CONTAINER_OF(timer, struct discoveries, change);

	discoveries->has_changed = false;
	discoveries->options.on_change(discoveries->options.owner);
}

static void tell_change(struct discoveries *discoveries)
{
	struct loop *loop = fibers_loop(discoveries->options.fibers);

	if (!discoveries->has_changed)
		timer_set(loop, &discoveries->change, deadline_after(loop_now(loop), CHANGE_DELAY));
	discoveries->has_changed = true;
}

/* The first one is a change whatever it is: nobody has served until then. */
static void take_roster(struct discovery *discovery, const struct dns_records *records)
{
	struct discoveries *discoveries = discovery->discoveries;
	struct roster *roster = discovery_roster_of(discovery->discoveries->endpoints, records),
		      *old = discovery->roster;
	bool is_first = !discovery->is_answered;

	if (!is_first && roster_is_same(roster, old)) {
		roster_unref(&roster);
		return;
	}
	say_roster(discovery, roster);
	pthread_mutex_lock(&discoveries->lock);
	discovery->roster = roster;
	discovery->is_answered = true;
	discoveries->unanswered -= is_first;
	pthread_mutex_unlock(&discoveries->lock);
	roster_unref(&old);
	tell_change(discoveries);
	if (is_first)
		condition_broadcast(&discoveries->answered);
}

/* ---- the fiber ---- */

/* Said when it begins, changes and ends, and not every second in between. */
static void note_trouble(struct discovery *discovery, enum trouble trouble, const char *why)
{
	struct journal *journal = discovery->discoveries->options.journal;
	static const char *const meanwhile[] = { [TROUBLE_TARGETS] =
							 "they keep the addresses that they had, if any",
						 [TROUBLE_ALL] = "the last answer serves" };

	if (trouble == discovery->trouble)
		return;
	if (trouble)
		journal_warn(journal, "discovery of %.*s: %s; %s", STR_ARG(discovery->name), why,
			     discovery->is_answered ? meanwhile[trouble] : "asking goes on");
	else
		journal_info(journal, "discovery of %.*s: DNS answers again", STR_ARG(discovery->name));
	discovery->trouble = trouble;
}

static void note_cut(struct discovery *discovery, bool is_cut)
{
	if (is_cut && !discovery->is_cut)
		journal_warn(discovery->discoveries->options.journal,
			     "discovery of %.*s: DNS names more than %d addresses or targets; the others "
			     "do not serve",
			     STR_ARG(discovery->name), DNS_RECORDS_MAX);
	discovery->is_cut = is_cut;
}

static duration within(duration ttl)
{
	if (ttl < TTL_MIN)
		return TTL_MIN;
	return ttl < TTL_MAX ? ttl : TTL_MAX;
}

/* At first a silent target must not have all the time in which somebody waits for the others. */
static result lookup(struct discovery *discovery, struct arena *arena, struct dns_records *ret_records)
{
	const struct discoveries_options *options = &discovery->discoveries->options;
	bool is_hasty = discovery->kind == DNS_SERVICES && !discovery->is_answered && !discovery->trouble;
	deadline until =
		deadline_after(loop_now(fibers_loop(options->fibers)), is_hasty ? FIRST_PATIENCE : PATIENCE);
	struct resolver_options servers = { .servers = discovery->servers.ptr };

	*ret_records = (struct dns_records) { .count = 0 };
	if (discovery->servers.len && !discovery->own_dns)
		TRY(dns_new_with(options->fibers, &servers, &discovery->own_dns));
	return dns_lookup(discovery->own_dns ? discovery->own_dns : options->dns, discovery->name,
			  discovery->kind, discovery->port, until, &discovery->last, arena, ret_records);
}

/* DNS that is down is asked again soon. While targets are missed all are asked for, less and less often. */
static duration pause_after(struct discovery *discovery, const struct dns_records *records, result_value got)
{
	duration most = within(records->ttl), next = 2 * discovery->retry;

	if (failed(got))
		return FAILURE_PAUSE;
	discovery->retry = 0;
	if (!records->missed)
		return most;
	if (next < FAILURE_PAUSE)
		next = FAILURE_PAUSE;
	discovery->retry = next < most ? next : most;
	return discovery->retry;
}

/* For its targets that cannot be found the next time. */
static void remember(struct discovery *discovery, const struct dns_records *records, struct arena *arena)
{
	struct arena old = discovery->memory;

	if (discovery->kind != DNS_SERVICES)
		return;
	discovery->memory = *arena;
	discovery->last = *records;
	*arena = old;
}

/* The time to live runs from when it was asked, however long that took. */
static void ask_later(struct discovery *discovery, deadline asked, duration pause)
{
	deadline soonest =
		deadline_after(loop_now(fibers_loop(discovery->discoveries->options.fibers)), FAILURE_PAUSE);
	deadline due = deadline_after(asked, pause);

	discovery->asks_at = due > soonest ? due : soonest;
}

static void take_answer(struct discovery *discovery, const struct dns_records *records, result_value got,
			struct arena *arena)
{
	if (failed(got)) {
		note_trouble(discovery, TROUBLE_ALL, got.why);
		return;
	}
	note_cut(discovery, records->is_cut);
	take_roster(discovery, records);
	note_trouble(discovery, records->missed ? TROUBLE_TARGETS : TROUBLE_NONE,
		     "no DNS server answers for some of its targets");
	remember(discovery, records, arena);
}

/* That a name is gone is an answer too; it holds for as long as a failure does. */
static result ask(struct discovery *discovery)
{
	deadline asked = loop_now(fibers_loop(discovery->discoveries->options.fibers));
	struct dns_records records;
	struct arena arena;
	result_value got;

	arena_init(&arena, NULL, SIZE_MAX / 2);
	got = lookup(discovery, &arena, &records);
	if (got.kind == ERROR_MISSING) {
		records.ttl = FAILURE_PAUSE;
		got = OK;
	}
	if (got.kind != ERROR_CANCELLED) {
		take_answer(discovery, &records, got, &arena);
		ask_later(discovery, asked, pause_after(discovery, &records, got));
	}
	arena_fini(&arena);
	return got.kind == ERROR_CANCELLED ? got : OK;
}

/* Until asks_at, which a test may move. */
static result pause(struct discovery *discovery, struct fiber *self)
{
	struct loop *loop = fibers_loop(discovery->discoveries->options.fibers);
	result_value parked = OK;

	while (loop_now(loop) < discovery->asks_at && parked.kind != ERROR_CANCELLED)
		parked = fiber_park(self, discovery->asks_at);
	return parked.kind == ERROR_CANCELLED ? parked : OK;
}

static void discovery_unlink(struct discovery *discovery)
{
	struct discoveries *discoveries = discovery->discoveries;

	pthread_mutex_lock(&discoveries->lock);
	*discovery->link = discovery->next;
	if (discovery->next)
		discovery->next->link = discovery->link;
	discoveries->unanswered -= !discovery->is_answered;
	discoveries->count--;
	pthread_mutex_unlock(&discoveries->lock);
}

static void discovery_free(struct discovery *discovery)
{
	discovery_unlink(discovery);
	roster_unref(&discovery->roster);
	arena_fini(&discovery->memory);
	free(discovery);
}

static bool is_gone(struct discovery *discovery)
{
	bool gone;

	pthread_mutex_lock(&discovery->discoveries->lock);
	gone = discovery->is_gone;
	pthread_mutex_unlock(&discovery->discoveries->lock);
	return gone;
}

/* It has no fiber any more. Whether it is this one that frees it: in one step, because whoever lets go of it
 * last does so on any thread, and asks whether there is a fiber to do it. */
static bool leave(struct discovery *discovery)
{
	bool gone;

	pthread_mutex_lock(&discovery->discoveries->lock);
	discovery->fiber = NULL;
	gone = discovery->is_gone;
	pthread_mutex_unlock(&discovery->discoveries->lock);
	return gone;
}

/* Cancelled when it is gone, or when all of them end: then whoever has it lets go of it later. */
static void discovery_run(struct fiber *self, void *argument)
{
	struct discovery *discovery = argument;
	struct discoveries *discoveries = discovery->discoveries;
	result_value going = OK;

	pthread_mutex_lock(&discoveries->lock);
	discovery->fiber = self;
	pthread_mutex_unlock(&discoveries->lock);
	while (!failed(going)) {
		going = ask(discovery);
		if (!failed(going))
			going = pause(discovery, self);
	}
	dns_free(&discovery->own_dns);
	if (leave(discovery)) {
		discovery_free(discovery);
		condition_broadcast(&discoveries->answered);
	}
}

/* ---- making, starting, letting go ---- */

static void discovery_start(struct discovery *discovery)
{
	const struct discoveries_options *options = &discovery->discoveries->options;
	result_value started = fiber_start(options->fibers, discovery_run, discovery);

	if (failed(started))
		journal_error(options->journal, "discovery of %.*s: cannot begin: %s",
			      STR_ARG(discovery->name), started.why);
}

/* Those that are new or gone. They stay until it is their turn, for only this thread frees them. */
static struct discovery **take_pending(struct discoveries *discoveries, size_t *ret_count)
{
	struct discovery **pending;
	size_t count = 0;

	pthread_mutex_lock(&discoveries->lock);
	discoveries->is_posted = false;
	pending = calloc(discoveries->count + 1, sizeof(struct discovery *));
	ASSERT(pending);
	for (struct discovery *each = discoveries->first; each && discoveries->is_running; each = each->next)
		if (each->is_gone || !each->fiber)
			pending[count++] = each;
	pthread_mutex_unlock(&discoveries->lock);
	*ret_count = count;
	return pending;
}

static void settle(void *argument)
{
	struct discoveries *discoveries = argument;
	size_t count;
	struct discovery **pending = take_pending(discoveries, &count);

	for (size_t i = 0; i < count; i++) {
		if (!is_gone(pending[i]))
			discovery_start(pending[i]);
		else if (pending[i]->fiber)
			fiber_cancel(pending[i]->fiber);
		else
			discovery_free(pending[i]);
	}
	free(pending);
	condition_broadcast(&discoveries->answered);
}

/* Under the lock. */
static void leave_word(struct discoveries *discoveries)
{
	if (!discoveries->is_running || discoveries->is_posted)
		return;
	discoveries->is_posted = true;
	ASSERT(!failed(loop_post(fibers_loop(discoveries->options.fibers), settle, discoveries)));
}

/* The key, with a NUL behind its last part, which c-ares reads. */
static void read_key(struct discovery *discovery)
{
	str type, port, rest = discovery->registered.name;
	uint64_t number;

	ASSERT(str_cut(rest, ' ', &type, &rest) && str_cut(rest, ' ', &discovery->name, &rest) &&
	       str_cut(rest, ' ', &port, &discovery->servers) && str_to_u64(port, UINT16_MAX, &number));
	discovery->kind = str_eq(type, STR("SRV")) ? DNS_SERVICES : DNS_ADDRESSES;
	discovery->port = (uint16_t)number;
}

static result discovery_make(void *owner, str key, struct registered **ret_made)
{
	struct discoveries *discoveries = owner;
	struct discovery *discovery = calloc(1, sizeof *discovery + key.len + 1);
	char *room;

	ASSERT(discovery);
	room = (char *)(discovery + 1);
	memcpy(room, key.ptr, key.len);
	discovery->registered.name = (str) { room, key.len };
	discovery->discoveries = discoveries;
	read_key(discovery);
	discovery->roster = stand_in(discovery);
	pthread_mutex_lock(&discoveries->lock);
	discovery->next = discoveries->first;
	discovery->link = &discoveries->first;
	if (discovery->next)
		discovery->next->link = &discovery->next;
	discoveries->first = discovery;
	discoveries->count++;
	discoveries->unanswered++;
	leave_word(discoveries);
	pthread_mutex_unlock(&discoveries->lock);
	*ret_made = &discovery->registered;
	return OK;
}

/* Where nobody runs them, and none has to unwind, it is freed at once. */
static void discovery_release(struct registered *registered)
{
	struct discovery *discovery = (struct discovery *)registered;
	struct discoveries *discoveries = discovery->discoveries;
	bool is_idle;

	pthread_mutex_lock(&discoveries->lock);
	discovery->is_gone = true;
	is_idle = !discoveries->is_running && !discovery->fiber;
	leave_word(discoveries);
	pthread_mutex_unlock(&discoveries->lock);
	if (is_idle)
		discovery_free(discovery);
}

result discovery_get(struct reader *reader, struct discoveries *discoveries, const struct node *node,
		     const struct discovery_config *config, struct discovery **ret_discovery)
{
	char text[DISCOVERY_KEY_MAX];
	struct buf key = buf_over(text, sizeof text);
	struct registered *registered;

	TRY(discovery_key(reader, node, config, &key));
	TRY(registry_get(&discoveries->by_key, buf_str(&key), &registered));
	*ret_discovery = (struct discovery *)registered;
	return OK;
}

void discovery_unref(struct discovery **discovery)
{
	if (*discovery)
		registered_unref(&(*discovery)->registered);
	*discovery = NULL;
}

struct discoveries *discoveries_new(struct endpoints *endpoints)
{
	struct discoveries *discoveries = calloc(1, sizeof *discoveries);

	ASSERT(discoveries);
	discoveries->endpoints = endpoints;
	discoveries->change.on_due = on_change_due;
	pthread_mutex_init(&discoveries->lock, NULL);
	registry_init(&discoveries->by_key, SIZE_MAX, discovery_make, discovery_release, discoveries);
	return discoveries;
}

void discoveries_free(struct discoveries **address)
{
	struct discoveries *discoveries = *address;

	if (!discoveries)
		return;
	ASSERT(!discoveries->first);
	registry_fini(&discoveries->by_key);
	pthread_mutex_destroy(&discoveries->lock);
	free(discoveries);
	*address = NULL;
}

void discoveries_run(struct discoveries *discoveries, const struct discoveries_options *options)
{
	pthread_mutex_lock(&discoveries->lock);
	discoveries->options = *options;
	discoveries->is_running = true;
	leave_word(discoveries);
	pthread_mutex_unlock(&discoveries->lock);
}

/* A cancelled fiber ends at once or later, but frees nothing that is not gone: the list stays as it is. */
void discoveries_stop(struct discoveries *discoveries)
{
	if (!discoveries->is_running)
		return;
	settle(discoveries);
	pthread_mutex_lock(&discoveries->lock);
	discoveries->is_running = false;
	pthread_mutex_unlock(&discoveries->lock);
	timer_clear(&discoveries->change);
	for (struct discovery *each = discoveries->first; each; each = each->next)
		if (each->fiber)
			fiber_cancel(each->fiber);
}

bool discoveries_are_answered(struct discoveries *discoveries)
{
	bool are_answered;

	pthread_mutex_lock(&discoveries->lock);
	are_answered = discoveries->unanswered == 0;
	pthread_mutex_unlock(&discoveries->lock);
	return are_answered;
}

result discoveries_wait(struct discoveries *discoveries, struct fiber *self, deadline until)
{
	while (!discoveries_are_answered(discoveries))
		TRY(condition_wait(&discoveries->answered, self, until));
	return OK;
}
