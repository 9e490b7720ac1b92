/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/listener_context.h"

#include <stdatomic.h>

/* Memory may have been short, or OpenSSL at odds with itself: that can pass. */
static void refuse(struct listener_context *context, const struct listener_tls *tls, uint64_t digest,
		   result_value why, struct journal *journal)
{
	if (context->refused != digest)
		journal_error(journal, "%.*s: its TLS cannot be used: %s", STR_ARG(tls->surroundings.title),
			      why.why);
	context->refused = digest;
	context->again_at = deadline_after(time_monotonic(), SECOND);
}

static void renew(struct listener_context *context, struct listener_tls *tls, uint64_t digest,
		  OSSL_LIB_CTX *library, struct journal *journal)
{
	struct tls_material *material = listener_tls_take(tls);
	struct tls_server_context *fresh = NULL;
	size_t index;
	result_value opened = tls_material_open(material, &tls->surroundings, library, &fresh, &index);

	tls_material_unref(&material);
	if (failed(opened)) {
		refuse(context, tls, digest, opened, journal);
		return;
	}
	tls_server_context_free(&context->context);
	*context = (struct listener_context) { .context = fresh, .digest = digest };
}

struct tls_server_context *listener_context_follow(struct listener_context *context, struct listener_tls *tls,
						   OSSL_LIB_CTX *library, struct journal *journal)
{
	uint64_t digest = atomic_load_explicit(&tls->digest, memory_order_acquire);

	if (digest == context->digest)
		context->refused = 0;
	else if (digest != context->refused || time_monotonic() >= context->again_at)
		renew(context, tls, digest, library, journal);
	return context->context;
}

void listener_context_fini(struct listener_context *context)
{
	tls_server_context_free(&context->context);
}
