/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/consumer_check.h"

enum { SUGGESTIONS_MAX = 1000 };

static str suggest_consumer(const struct policy_compile *compile, str name)
{
	const struct consumer *next;
	str *known = ARENA_ARRAY(compile->reader->arena, str, SUGGESTIONS_MAX);
	size_t cursor = 0, count = 0;

	while (count < SUGGESTIONS_MAX && (next = consumers_next(compile->hooks->consumers, &cursor)))
		known[count++] = next->name;
	return diagnostic_suggest(compile->reader->arena, name, known, count);
}

/* Where there are none at all, a service tells who is one (forward_auth). */
void policy_check_consumer(const struct policy_compile *compile, const struct node *name)
{
	const struct consumers *consumers = compile->hooks ? compile->hooks->consumers : NULL;
	str suggestion;

	if (!consumers || !consumers_count(consumers) || consumers_find(consumers, name->text))
		return;
	suggestion = suggest_consumer(compile, name->text);
	diagnostic_warning(compile->reader->diagnostics, name, "no consumer is named %.*s%.*s",
			   STR_ARG(diagnostic_read(compile->reader->diagnostics, name)), STR_ARG(suggestion));
}

void policy_check_credential(const struct policy_compile *compile, enum consumer_credential credential)
{
	static const char *const words[] = { [CONSUMER_KEY] = "an API key",
					     [CONSUMER_CERTIFICATE] = "a certificate",
					     [CONSUMER_PASSWORD] = "a password" };
	const struct consumers *consumers = compile->hooks ? compile->hooks->consumers : NULL;

	if (consumers && consumers_lack(consumers, credential))
		diagnostic_warning(compile->reader->diagnostics, compile->node,
				   "nobody has %s: no consumer of the configuration does, and there is no "
				   "`consumers_from`",
				   words[credential]);
}
