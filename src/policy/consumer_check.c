/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/consumer_check.h"

#include "config/document.h"

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

/* A service that says who is one (forward_auth): anybody may be. As deep as a document can be. */
static bool has_teller(const struct node *node)
{
	if (str_eq(node->key, STR("forward_auth")) && node_find(node, STR("consumer")))
		return true;
	for (const struct node *child = node->first; child; child = child->next)
		if (has_teller(child))
			return true;
	return false;
}

/* Also one that is wrong, which is reported there. */
static bool is_written(const struct policy_compile *compile, str name)
{
	const struct node *root = document_root(compile->reader->document);

	return node_find(node_find(root, STR("consumers")), name);
}

void policy_check_consumer(const struct policy_compile *compile, const struct node *name, bool may_be_told)
{
	const struct consumers *consumers = compile->hooks ? compile->hooks->consumers : NULL;
	bool may_come;

	if (!consumers || consumers_find(consumers, name->text) || is_written(compile, name->text))
		return;
	if (may_be_told && !consumers_count(consumers))
		return;
	may_come = !consumers_are_written(consumers) ||
		   (may_be_told && has_teller(document_root(compile->reader->document)));
	(may_come ? diagnostic_warning
		  : diagnostic_error)(compile->reader->diagnostics, name, "no consumer is named %.*s%.*s",
				      STR_ARG(diagnostic_read(compile->reader->diagnostics, name)),
				      STR_ARG(suggest_consumer(compile, name->text)));
}

void policy_check_credential(const struct policy_compile *compile, enum consumer_credential credential)
{
	static const char *const words[] = { [CONSUMER_KEY] = "an API key",
					     [CONSUMER_CERTIFICATE] = "a certificate",
					     [CONSUMER_PASSWORD] = "a password" };
	const struct consumers *consumers = compile->hooks ? compile->hooks->consumers : NULL;

	/* Whoever has a mistake is not among them. */
	if (consumers && !diagnostics_errors(compile->reader->diagnostics) &&
	    consumers_lack(consumers, credential))
		diagnostic_warning(compile->reader->diagnostics, compile->node,
				   "nobody has %s: no consumer of the configuration does, and there is no "
				   "`consumers_from`",
				   words[credential]);
}
