/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/listener_snapshot.h"

#include "proxy/listener_tls.h"

/* By the nodes and not by the texts that were read from them: a diagnostic needs the place. A list that was
 * refused has no texts, and was told. */
static void compile_trusted(struct reader *reader, struct listener_snapshot *listener)
{
	const struct listener_config *config = listener->config;
	const struct node *trusted = node_find(config->entry.node, STR("trusted_proxies"));
	size_t count = config->trusted_proxies.len;

	listener->trusted = ARENA_ARRAY(reader->arena, struct cidr, count);
	for (const struct node *item = count ? trusted->first : NULL; item; item = item->next) {
		if (!cidr_parse(item->text, &listener->trusted[listener->trusted_count++]))
			diagnostic_error(reader->diagnostics, item,
					 "want an address or a CIDR such as 10.0.0.0/8, read \"%.*s\"",
					 STR_ARG(item->text));
	}
}

static void compile_address(struct reader *reader, struct listener_snapshot *listener)
{
	const struct listener_config *config = listener->config;
	const struct node *address = node_find(config->entry.node, STR("address"));
	struct address_text text;
	result_value parsed = address_text_parse(config->address, &text);

	if (!address)
		return;
	if (failed(parsed))
		diagnostic_error(reader->diagnostics, address, "%s, read \"%.*s\"", parsed.why,
				 STR_ARG(config->address));
	else if (!address_of_text(&text, &listener->address))
		diagnostic_error(reader->diagnostics, address,
				 "a listener needs an IP address, such as 0.0.0.0:8080, read \"%.*s\"",
				 STR_ARG(config->address));
}

/* A request that came by TLS would be sent to where it came from. */
static void check_redirect(struct reader *reader, const struct listener_config *config)
{
	if (config->redirect_to_https.is_on && node_find(config->entry.node, STR("tls")))
		diagnostic_error_key(reader->diagnostics,
				     node_find(config->entry.node, STR("redirect_to_https")),
				     "this listener has tls: requests come by https already");
}

/* HTTP/2 before HTTP/1: who can do both is better served by it. */
static str_list compile_protocols(struct reader *reader, const struct listener_config *config)
{
	str *names = ARENA_ARRAY(reader->arena, str, 2);
	size_t count = 0;

	if (listener_speaks(config, LISTENER_H2))
		names[count++] = STR("h2");
	if (listener_speaks(config, LISTENER_H1))
		names[count++] = STR("http/1.1");
	return (str_list) { names, count };
}

static void compile_tls(struct reader *reader, struct ticket_keys *tickets,
			struct listener_snapshot *listener)
{
	const struct listener_config *config = listener->config;
	struct tls_owner owner = { .config = &config->tls, .node = config->entry.node };

	owner.surroundings = (struct tls_surroundings) { .listener = listener->name,
							 .label = listener->name,
							 .title = arena_printf(reader->arena, "listener %.*s",
									       STR_ARG(listener->name)),
							 .protocols = compile_protocols(reader, config),
							 .tickets = tickets };
	listener_tls_compile(reader, &owner, &listener->tls);
}

static void compile_listener(struct reader *reader, const struct listener_config *config,
			     struct ticket_keys *tickets, struct listener_snapshot *listener)
{
	*listener = (struct listener_snapshot) { .name = config->entry.name, .config = config };
	listener->h1 = (struct h1_limits) { .request_line = config->limits.request_line,
					    .field = config->limits.header_field,
					    .name = config->limits.header_name,
					    .head = config->limits.header_size,
					    .fields = (size_t)config->limits.headers };
	compile_address(reader, listener);
	compile_trusted(reader, listener);
	check_redirect(reader, config);
	compile_tls(reader, tickets, listener);
	listener->minds_scheme = listener->tls || config->redirect_to_https.is_on;
}

void listeners_compile(struct reader *reader, const struct gateway_config *config,
		       struct ticket_keys *tickets, struct listener_snapshot **ret_listeners)
{
	struct listener_snapshot *listeners =
		ARENA_ARRAY(reader->arena, struct listener_snapshot, config->listeners.len);

	for (size_t i = 0; i < config->listeners.len; i++) {
		compile_listener(reader, &config->listeners.at[i], tickets, &listeners[i]);
		for (size_t j = 0; j < i; j++)
			if (address_is_same_place(&listeners[i].address, &listeners[j].address))
				diagnostic_error(reader->diagnostics,
						 node_find(listeners[i].config->entry.node, STR("address")),
						 "listener \"%.*s\" has the same address",
						 STR_ARG(listeners[j].name));
	}
	*ret_listeners = listeners;
}

void listeners_fini(struct listener_snapshot *listeners, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (listeners[i].tls)
			listener_tls_fini(listeners[i].tls);
}
