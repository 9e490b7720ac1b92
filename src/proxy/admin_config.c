/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin_config: the rows of `admin` and `metrics`, and what must hold for the address.
 *
 * Whoever can reach the admin address can read the configuration and take endpoints out. So it must be one
 * that only this machine reaches, and the gateway itself must not be the way to it: an endpoint there would
 * hand it to every client. Names that lead there by DNS cannot be seen here; admin/guard.c refuses what was
 * forwarded.
 */
#include "proxy/admin_config.h"

#include "codec/host.h"
#include "proxy/gateway_config.h"

const struct field admin_fields[] = { FIELD_STR(
					      struct admin_config, address, "address", NULL,
					      "A loopback address with a port, such as `127.0.0.1:9901`, or "
					      "`unix:/path`; port 0 takes a free "
					      "one and prints it at start. None: there is no admin address."),
				      FIELD_STR(struct admin_config, token, "token", NULL,
						"`sha256:` and the hexadecimal SHA-256 of the token that "
						"clients must send as `Authorization: "
						"Bearer TOKEN`; not asked for by `/healthz` and `/readyz`."),
				      FIELD_END };

const struct field metrics_fields[] = { FIELD_BOOL(
						struct metrics_config, enabled, "enabled", "true",
						"Whether requests are counted, and `/metrics` of the admin "
						"address tells."),
					FIELD_END };

/* What binds or connects to any address. */
static bool is_any(str host)
{
	struct ip ip, v4, v6;

	return str_is_empty(host) || (ip_parse(host, &ip) && ip_parse(STR("0.0.0.0"), &v4) &&
				      ip_parse(STR("::"), &v6) && (ip_eq(ip, v4) || ip_eq(ip, v6)));
}

/* Whether connecting to there may end at the admin address: which of the loopback's many addresses it is
 * makes no difference to whoever reads the configuration. */
static bool leads_to(str there, const struct address_text *admin)
{
	struct address_text text;

	if (failed(address_text_parse(there, &text)) || text.is_local != admin->is_local)
		return false;
	if (text.is_local)
		return str_eq(text.host, admin->host);
	return text.port == admin->port && admin->port && (host_is_loopback(text.host) || is_any(text.host));
}

static void check_listeners(struct reader *reader, const struct gateway_config *config,
			    const struct address_text *admin)
{
	for (size_t i = 0; i < config->listeners.len; i++) {
		const struct listener_config *listener = &config->listeners.at[i];

		if (leads_to(listener->address, admin))
			diagnostic_error(reader->diagnostics, node_find(listener->entry.node, STR("address")),
					 "this is the admin address");
	}
}

static void check_endpoint(struct reader *reader, const struct node *node, str address,
			   const struct address_text *admin)
{
	if (leads_to(address, admin))
		diagnostic_error(reader->diagnostics, node,
				 "this leads to the admin address, which no client may reach");
}

void admin_check_endpoint(struct reader *reader, const struct gateway_config *config, const struct node *node,
			  str address)
{
	struct address_text admin;

	if (config->admin.address.len && !failed(address_text_parse(config->admin.address, &admin)))
		check_endpoint(reader, node, address, &admin);
}

/* A name that is this machine's whatever DNS says. */
static void check_discovery(struct reader *reader, const struct upstream_config *upstream,
			    const struct address_text *admin)
{
	const struct discovery_config *discovery = &upstream->discovery;

	if (!admin->is_local && admin->port && discovery->port == admin->port &&
	    host_is_loopback(discovery->dns))
		diagnostic_error(reader->diagnostics, node_find(upstream->entry.node, STR("discovery")),
				 "this leads to the admin address, which no client may reach");
}

static void check_upstreams(struct reader *reader, const struct gateway_config *config,
			    const struct address_text *admin)
{
	for (size_t i = 0; i < config->upstreams.len; i++) {
		const struct upstream_config *upstream = &config->upstreams.at[i];

		for (size_t j = 0; j < upstream->endpoints.len; j++)
			check_endpoint(reader, upstream->endpoints.at[j].entry.node,
				       upstream->endpoints.at[j].address, admin);
		check_discovery(reader, upstream, admin);
	}
}

/* The token itself is not quoted: what is wrong with it may be that it is the secret. */
static void compile_token(struct reader *reader, const struct node *node, str token,
			  struct admin_place *place)
{
	place->has_token = !str_is_empty(token);
	if (node_find(node, STR("token")) && !sha256_parse(token, place->token))
		diagnostic_error_key(
			reader->diagnostics, node_find(node, STR("token")),
			"want \"sha256:\" and 64 hexadecimal digits: the hash, never the token itself");
}

static void compile_address(struct reader *reader, const struct gateway_config *config,
			    const struct node *node, struct admin_place *place)
{
	struct diagnostics *diagnostics = reader->diagnostics;
	struct address_text text;
	result_value parsed = address_text_parse(config->admin.address, &text);

	if (failed(parsed))
		diagnostic_error(diagnostics, node, "%s, read %.*s", parsed.why,
				 STR_ARG(diagnostic_read(diagnostics, node)));
	else if (!text.is_local && !host_is_loopback(text.host))
		diagnostic_error(
			diagnostics, node,
			"others could reach this, which needs TLS and a token, and there is no TLS here yet; "
			"use 127.0.0.1:PORT or unix:/path");
	else if (!address_of_text(&text, &place->address))
		diagnostic_error(diagnostics, node,
				 "want 127.0.0.1:PORT, [::1]:PORT or unix:/path, read %.*s",
				 STR_ARG(diagnostic_read(diagnostics, node)));
	else
		place->is_open = true;
	if (!place->is_open)
		return;
	check_listeners(reader, config, &text);
	check_upstreams(reader, config, &text);
}

void admin_compile(struct reader *reader, const struct gateway_config *config, struct admin_place *ret_place)
{
	const struct node *node = node_find(document_root(reader->document), STR("admin"));
	const struct node *address = node_find(node, STR("address"));

	*ret_place = (struct admin_place) { 0 };
	if (!node)
		return;
	compile_token(reader, node, config->admin.token, ret_place);
	if (address)
		compile_address(reader, config, address, ret_place);
	else
		diagnostic_error_key(reader->diagnostics, node, "needs an address");
}
