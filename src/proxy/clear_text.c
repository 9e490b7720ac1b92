/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A certificate is no credential that could come by such a listener; whoever asks for one has TLS.
 */
#include "proxy/clear_text.h"

#include "codec/host.h"
#include "policy/list.h"

static bool is_in_clear(const struct listener_config *config)
{
	struct address_text text;

	if (listener_is_secure(config) || config->trusted_proxies.len || config->proxy_protocol ||
	    config->redirect_to_https.is_on || failed(address_text_parse(config->address, &text)))
		return false;
	return !text.is_local && !host_is_loopback(text.host);
}

/* The first policy of a route that wants one; NULL: none does. */
static const struct policy *find_wanting(const struct policy_chain *chain)
{
	const struct policy *by_certificate = policy_find(STR("client_certificate"));

	for (size_t i = 0; i < chain->count; i++)
		if (chain->at[i].policy->authenticates && chain->at[i].policy != by_certificate)
			return chain->at[i].policy;
	return NULL;
}

/* One is enough to tell what is meant. */
static const struct policy *find_credential(const struct snapshot *snapshot,
					    const struct route_rule **ret_rule)
{
	for (size_t i = 0; i < snapshot->rule_count; i++) {
		const struct target *target = snapshot->rules[i].target;
		const struct policy *wanting = find_wanting(&target->chain);

		*ret_rule = &snapshot->rules[i];
		if (wanting)
			return wanting;
	}
	return NULL;
}

void clear_text_warn(const struct snapshot *snapshot, struct reader *reader)
{
	const struct route_rule *rule;
	const struct policy *wanting = find_credential(snapshot, &rule);

	for (size_t i = 0; wanting && i < snapshot->listener_count; i++) {
		const struct listener_config *config = snapshot->listeners[i].config;

		if (!is_in_clear(config))
			continue;
		diagnostic_warning(
			reader->diagnostics, node_find(config->entry.node, STR("address")),
			"credentials (%s of %.*s) can be read on their way here: want tls, or "
			"trusted_proxies where a proxy in front has it, or an address of this machine",
			wanting->name, STR_ARG(node_path(rule->node, reader->arena)));
	}
}
