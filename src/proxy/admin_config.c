/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin_config: the rows of `admin` and `metrics`, and what must hold for the address.
 *
 * Whoever can reach the admin address can read the configuration and take endpoints out. So it must be one
 * that only this machine reaches, or have TLS and a token; and the gateway itself must not be the way to it:
 * an endpoint there would hand it to every client. Names that lead there by DNS, and addresses that others
 * translate to it, cannot be seen here: the token does not come with what clients send, and admin/guard.c
 * refuses what was forwarded.
 */
#include "proxy/admin_config.h"

#include "codec/host.h"
#include "io/interface.h"
#include "proxy/gateway_config.h"
#include "proxy/listener_tls.h"

const struct field admin_fields[] = {
	FIELD_STR(struct admin_config, address, "address", NULL,
		  "A loopback address with a port, such as `127.0.0.1:9901`, or "
		  "`unix:/path`; with `tls` and a token any address of this "
		  "machine, or `0.0.0.0:PORT` for all. Port 0 takes a free "
		  "one and prints it at start. None: there is no admin address."),
	FIELD_STR(struct admin_config, token, "token", NULL,
		  "`sha256:` and the hexadecimal SHA-256 of the token that "
		  "clients must send as `Authorization: "
		  "Bearer TOKEN`; not asked for by `/healthz` and `/readyz`. "
		  "Needed where others than this machine can reach the "
		  "address."),
	FIELD_OBJECT(struct admin_config, tls, "tls", struct listener_tls_config, listener_tls_fields,
		     "Clients come by TLS, by nothing else, and speak "
		     "HTTP/1.1. Needed where others than this machine can "
		     "reach the address. What clients must show, and `minimum`, "
		     "are said for all of it, not for one of `certificates`."),
	FIELD_END
};

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

/* Whether connecting to that host may end where the admin address is bound: which of the loopback's many
 * addresses it is makes no difference to whoever reads the configuration. */
static bool host_leads_to(str host, str admin)
{
	struct ip there, bound;

	if (is_any(host))
		return true;
	if (host_is_loopback(host))
		return host_is_loopback(admin) || is_any(admin);
	if (!ip_parse(host, &there))
		return false; /* DNS knows */
	return is_any(admin) ? interface_has(there) : ip_parse(admin, &bound) && ip_eq(there, bound);
}

/* Path or port of the two are the same. */
static bool may_meet(str there, const struct address_text *admin, struct address_text *ret_there)
{
	if (failed(address_text_parse(there, ret_there)) || ret_there->is_local != admin->is_local)
		return false;
	return admin->is_local ? str_eq(ret_there->host, admin->host)
			       : admin->port && ret_there->port == admin->port;
}

static bool leads_to(str there, const struct address_text *admin)
{
	struct address_text text;

	return may_meet(there, admin, &text) && (text.is_local || host_leads_to(text.host, admin->host));
}

/* Every address of the machine also has the ports of each. */
static void check_listeners(struct reader *reader, const struct gateway_config *config,
			    const struct address_text *admin)
{
	bool has_all = !admin->is_local && is_any(admin->host);

	for (size_t i = 0; i < config->listeners.len; i++) {
		const struct listener_config *listener = &config->listeners.at[i];
		struct address_text text;

		if (leads_to(listener->address, admin) ||
		    (has_all && may_meet(listener->address, admin, &text)))
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

	if (!admin->is_local && admin->port && discovery->port == admin->port && discovery->dns.len &&
	    host_leads_to(discovery->dns, admin->host))
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

/* What others can reach is for those who have the token, and nobody may read it on the way. */
static void check_protection(struct reader *reader, const struct node *address)
{
	bool has_tls = node_find(address->parent, STR("tls"));
	bool has_token = node_find(address->parent, STR("token"));

	if (has_tls && has_token)
		return;
	diagnostic_error(reader->diagnostics, address,
			 "others than this machine can reach this, so it needs %s; or use 127.0.0.1:PORT or "
			 "unix:/path",
			 has_tls     ? "\"token\""
			 : has_token ? "\"tls\""
				     : "\"tls\" and \"token\"");
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
	else if (!address_of_text(&text, &place->address))
		diagnostic_error(
			diagnostics, node,
			"want an IP address with a port, such as 127.0.0.1:9901, or unix:/path, read "
			"%.*s",
			STR_ARG(diagnostic_read(diagnostics, node)));
	else
		place->is_open = true;
	if (!place->is_open)
		return;
	place->is_public = !text.is_local && !host_is_loopback(text.host);
	if (place->is_public)
		check_protection(reader, node);
	check_listeners(reader, config, &text);
	check_upstreams(reader, config, &text);
}

/* A client chooses the name that it asks for, and with it the certificate: what one of them demanded, also
 * the version, it would avoid by asking for another. */
static void check_certificates(struct reader *reader, const struct listener_tls_config *config)
{
	static const char *const keys[] = { "client_ca", "client_certificate", "minimum" };

	for (size_t i = 0; i < config->certificates.len; i++) {
		const struct node *entry = config->certificates.at[i].entry.node;

		for (size_t j = 0; j < sizeof keys / sizeof *keys; j++)
			if (node_find(entry, str_of(keys[j])))
				diagnostic_error_key(reader->diagnostics, node_find(entry, str_of(keys[j])),
						     "goes beside \"certificates\": at the admin address it "
						     "holds for all names");
	}
}

static void compile_tls(struct reader *reader, const struct listener_tls_config *config,
			const struct node *node, struct ticket_keys *tickets, struct admin_place *place)
{
	struct tls_owner owner = { .config = config, .node = node };
	str *protocols = ARENA_NEW(reader->arena, str);

	*protocols = STR("http/1.1");
	owner.surroundings = (struct tls_surroundings) { .listener = STR("/admin"), /* no listener's */
							 .label = STR("admin"),
							 .title = STR("admin"),
							 .protocols = { protocols, 1 },
							 .tickets = tickets };
	check_certificates(reader, config);
	listener_tls_compile(reader, &owner, &place->tls);
}

void admin_compile(struct reader *reader, const struct gateway_config *config, struct ticket_keys *tickets,
		   struct admin_place *ret_place)
{
	const struct node *node = node_find(document_root(reader->document), STR("admin"));
	const struct node *address = node_find(node, STR("address"));

	*ret_place = (struct admin_place) { 0 };
	if (!node)
		return;
	compile_token(reader, node, config->admin.token, ret_place);
	compile_tls(reader, &config->admin.tls, node, tickets, ret_place);
	if (address)
		compile_address(reader, config, address, ret_place);
	else
		diagnostic_error_key(reader->diagnostics, node, "needs an address");
}

void admin_fini(struct admin_place *place)
{
	if (place->tls)
		listener_tls_fini(place->tls);
}
