/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certificates: two looks at which a file is the same, and another one than was read, are a change that has
 * come to its end: so within two looks and the time of reading it is in force.
 */
#include "main/certificates.h"

#include <openssl/crypto.h>
#include <stdlib.h>

#include "base/assert.h"
#include "fiber/errand.h"
#include "proxy/listener_tls.h"

/* A name that no listener has, under which the keys go to the next process. */
static const str keys_name = STR_INIT("/tickets");

static const duration every = 1500 * MILLISECOND;
static const duration rotation = TICKET_LIFETIME / 2 * SECOND;

struct certificates {
	struct certificates_options options;
	struct fiber *fiber; /* NULL: it has ended */
	deadline rotate_at;
};

static void tell(void *owner, bool is_warning, str line)
{
	(is_warning ? journal_warn : journal_info)(owner, "%.*s", STR_ARG(line));
}

/* On a thread of its own: files may be slow, and keys take time to read. */
struct rereading {
	struct listener_tls *tls;
	struct journal *journal;
};

static void reread(void *argument)
{
	const struct rereading *rereading = argument;

	(void)listener_tls_reread(rereading->tls, time_wall(), tell, rereading->journal);
}

static void look_at(struct certificates *certificates, struct listener_tls *tls)
{
	struct control *control = certificates->options.control;
	struct rereading rereading = { tls, control->journal };
	result_value run;

	if (!listener_tls_look(tls, time_wall()))
		return;
	run = errand_run(control->loop, certificates->fiber, reread, &rereading);
	if (failed(run) && listener_tls_put_off(tls, run))
		journal_warn(control->journal, "certificates are not read again: %s", run.why);
}

/* Of the configuration in force at this moment; it may be replaced meanwhile. */
static void look(struct certificates *certificates)
{
	struct snapshot *snapshot = snapshot_ref(gateway_edition(certificates->options.gateway)->snapshot);

	for (size_t i = 0; i < snapshot_tls_count(snapshot); i++)
		if (snapshot_tls(snapshot, i))
			look_at(certificates, snapshot_tls(snapshot, i));
	snapshot_unref(&snapshot);
}

/* The admin address stays where it was, with the rules of then, if the one in force cannot have its own. */
static void look_at_admin(struct certificates *certificates)
{
	const struct certificates_options *options = &certificates->options;
	struct snapshot *snapshot = options->admin_snapshot(options->owner);

	if (!snapshot || !snapshot->admin.tls || snapshot == gateway_edition(options->gateway)->snapshot)
		return;
	snapshot_ref(snapshot);
	look_at(certificates, snapshot->admin.tls);
	snapshot_unref(&snapshot);
}

static void run(struct fiber *self, void *argument)
{
	struct certificates *certificates = argument;
	struct loop *loop = certificates->options.control->loop;

	certificates->fiber = self;
	while (!failed(fiber_sleep(self, deadline_after(loop_now(loop), every)))) {
		if (loop_now(loop) >= certificates->rotate_at) {
			ticket_keys_rotate(certificates->options.tickets);
			certificates->rotate_at = deadline_after(loop_now(loop), rotation);
		}
		look(certificates);
		look_at_admin(certificates);
	}
	certificates->fiber = NULL;
}

static void inherit(struct certificates *certificates)
{
	const struct certificates_options *options = &certificates->options;
	struct arena arena;
	str secret;

	arena_init(&arena, NULL, SIZE_MAX / 2);
	if (inheritance_take_secret(options->inherited, keys_name, &arena, &secret)) {
		result_value loaded = ticket_keys_load(options->tickets, secret);

		if (failed(loaded))
			journal_warn(options->control->journal,
				     "sessions of the process before are not resumed: %s", loaded.why);
		OPENSSL_cleanse((void *)(uintptr_t)secret.ptr, secret.len);
	}
	arena_fini(&arena);
}

struct certificates *certificates_open(const struct certificates_options *options)
{
	struct certificates *certificates = calloc(1, sizeof *certificates);
	struct control *control = options->control;
	result_value started;

	ASSERT(certificates);
	certificates->options = *options;
	certificates->rotate_at = deadline_after(loop_now(control->loop), rotation);
	inherit(certificates);
	started = fiber_start(control->fibers, run, certificates);
	if (failed(started))
		journal_error(control->journal, "certificates will not be read again: %s", started.why);
	return certificates;
}

void certificates_bequeath(const struct certificates *certificates, struct bequest *bequest)
{
	unsigned char bytes[TICKET_KEYS_SIZE];

	if (!certificates)
		return;
	ticket_keys_save(certificates->options.tickets, bytes);
	bequest_add_secret(bequest, keys_name, (str) { (const char *)bytes, sizeof bytes });
	OPENSSL_cleanse(bytes, sizeof bytes);
}

void certificates_close(struct certificates **address)
{
	struct certificates *certificates = *address;

	if (!certificates)
		return;
	if (certificates->fiber)
		fiber_cancel(certificates->fiber);
	while (certificates->fiber)
		loop_turn(certificates->options.control->loop,
			  deadline_after(time_monotonic(), 10 * MILLISECOND));
	free(certificates);
	*address = NULL;
}
