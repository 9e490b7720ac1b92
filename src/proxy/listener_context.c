/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/listener_context.h"

#include <stdatomic.h>

static void renew(struct listener_context *context, struct listener_tls *tls, OSSL_LIB_CTX *library,
		  struct journal *journal)
{
	struct tls_material *material = listener_tls_take(tls);
	struct tls_server_context *fresh = NULL;
	size_t index;
	result_value opened = tls_material_open(material, &tls->surroundings, library, &fresh, &index);

	tls_material_unref(&material);
	if (failed(opened)) {
		journal_error(journal, "%.*s: its TLS cannot be used: %s", STR_ARG(tls->surroundings.title),
			      opened.why);
		return;
	}
	tls_server_context_free(&context->context);
	context->context = fresh;
}

struct tls_server_context *listener_context_follow(struct listener_context *context, struct listener_tls *tls,
						   OSSL_LIB_CTX *library, struct journal *journal)
{
	uint64_t digest = atomic_load_explicit(&tls->digest, memory_order_acquire);

	if (digest != context->digest)
		renew(context, tls, library, journal);
	context->digest = digest;
	return context->context;
}

void listener_context_fini(struct listener_context *context)
{
	tls_server_context_free(&context->context);
}
