/* SPDX-License-Identifier: Apache-2.0 */
/*
 * upstream_tls: each file is read and reported by the value that names it.
 *
 * A key that is left empty (`tls:`) must not pass for none at all: what was meant to be encrypted would not
 * be. And what may be believed is a host that the operator wrote, never an address that DNS gave: discovered
 * endpoints must show the name that was asked for.
 */
#include "upstream/upstream_tls.h"

#include <openssl/crypto.h>

#include "base/assert.h"
#include "codec/host.h"
#include "codec/ip.h"
#include "io/address.h"

enum { FILE_MAX = 4 * 1024 * 1024 };

/* What is offered to each enum upstream_protocol by ALPN, as it goes over the wire (RFC 7301 section 3.1). */
#define ALPN_H1 "\x08http/1.1"
#define ALPN_H2 "\x02h2"
static const str protocols[] = {
	[UPSTREAM_H1] = STR_INIT(ALPN_H1),
	[UPSTREAM_H2] = STR_INIT(ALPN_H2),
	[UPSTREAM_AUTO] = STR_INIT(ALPN_H2 ALPN_H1),
	[UPSTREAM_OTHER] = STR_INIT(""),
};

struct reading {
	struct reader *reader;
	const struct upstream_config *config;
	const struct node *node; /* of `tls`; NULL: it is the scheme of a URL that asks for it */
};

static const struct node *at(const struct reading *r, const char *key)
{
	return node_find(r->node, str_of(key));
}

static result invalid(void)
{
	return error_make(ERROR_INVALID, "TLS of an upstream is wrong");
}

/* Empty for one that is not named. */
static bool read_file(const struct reading *r, const char *key, str path, str *ret_pem)
{
	*ret_pem = (str) { 0 };
	return !path.len || reader_read_file(r->reader, at(r, key), path, FILE_MAX, ret_pem);
}

static bool check_pair(const struct reading *r)
{
	const struct upstream_tls_config *tls = &r->config->tls;

	if (!tls->certificate.len == !tls->key.len)
		return true;
	diagnostic_error_key(r->reader->diagnostics, at(r, tls->key.len ? "key" : "certificate"),
			     "needs \"%s\" beside it", tls->key.len ? "certificate" : "key");
	return false;
}

static bool is_host_char(char c)
{
	c = ascii_lower(c);
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

static bool is_name(str name)
{
	struct ip ip;

	if (ip_parse(name, &ip))
		return true;
	for (size_t i = 0; i < name.len; i++)
		if (!is_host_char(name.ptr[i]))
			return false;
	return name.len <= HOST_LEN_MAX && !str_starts(name, STR("."));
}

static bool check_server_name(const struct reading *r)
{
	if (!r->config->tls.server_name.len || is_name(r->config->tls.server_name))
		return true;
	diagnostic_error(r->reader->diagnostics, at(r, "server_name"),
			 "want a host name or an IP address, read %.*s",
			 STR_ARG(diagnostic_read(r->reader->diagnostics, at(r, "server_name"))));
	return false;
}

/* A path names no host. Addresses that make no sense are reported elsewhere. */
static bool check_hosts(const struct reading *r)
{
	const struct upstream_config *config = r->config;

	if (config->tls.server_name.len || !config->tls.verify)
		return true;
	for (size_t i = 0; i < config->endpoints.len; i++) {
		if (!str_starts(config->endpoints.at[i].address, STR("unix:")))
			continue;
		diagnostic_error_key(
			r->reader->diagnostics, r->node,
			"needs \"server_name\": a Unix socket has no name that could be verified");
		return false;
	}
	return true;
}

static void warn_of_trust(const struct reading *r)
{
	const struct upstream_tls_config *tls = &r->config->tls;
	struct diagnostics *diagnostics = r->reader->diagnostics;

	if (!tls->verify)
		diagnostic_warning(diagnostics, at(r, "verify"),
				   "whoever answers is believed: anybody on the way can read and change what "
				   "is sent and answered");
	else if (!tls->ca.len && !tls_client_has_system_authorities())
		diagnostic_warning(
			diagnostics, r->node ? r->node : r->config->entry.node,
			"this system has no authorities (ca-certificates), so no certificate will be "
			"believed");
}

/* The name without the labels of an SRV record, such as _https._tcp: the domain that vouches for the service
 * (RFC 6125 section 1.8). */
static str discovered_name(str name)
{
	size_t dot;

	while (str_starts(name, STR("_")) && str_find(name, '.', &dot))
		name = str_skip(name, dot + 1);
	return name;
}

static str wanted_name(const struct upstream_config *config)
{
	return config->tls.server_name.len ? config->tls.server_name : discovered_name(config->discovery.dns);
}

static void report_wrong(const struct reading *r, enum tls_client_part part, const char *why)
{
	static const char *const keys[] = {
		[TLS_CLIENT_CA] = "ca", [TLS_CLIENT_CERTIFICATE] = "certificate", [TLS_CLIENT_KEY] = "key"
	};
	const struct node *node = at(r, keys[part]);

	ASSERT(node); /* only what was given is parsed */
	diagnostic_error(r->reader->diagnostics, node, "%s", why);
}

static void warn_of_own(const struct reading *r, const struct certificate *own)
{
	str complaint = { 0 };

	if (own->leaf)
		complaint = certificate_complaint(own, time_wall(), r->reader->arena);
	if (complaint.len)
		diagnostic_warning(r->reader->diagnostics, at(r, "certificate"), "the certificate %.*s",
				   STR_ARG(complaint));
}

static result find_identity(const struct reading *r, struct tls_client_identities *identities,
			    const struct tls_client_options *options,
			    struct tls_client_identity **ret_identity)
{
	enum tls_client_part wrong;
	result_value got = tls_client_identities_get(identities, options, &wrong, ret_identity);

	if (got.kind == ERROR_INVALID)
		report_wrong(r, wrong, got.why);
	else if (failed(got))
		diagnostic_error(r->reader->diagnostics, r->config->entry.node, "%s", got.why);
	if (failed(got))
		return invalid();
	warn_of_own(r, &(*ret_identity)->own);
	atomic_fetch_add_explicit(&(*ret_identity)->listings, 1, memory_order_relaxed);
	return OK;
}

/* The text of a private key is of no use once it is parsed. */
static void forget(str secret)
{
	if (secret.len)
		OPENSSL_cleanse((char *)(uintptr_t)secret.ptr, secret.len);
}

static result compile(const struct reading *r, struct tls_client_identities *identities,
		      struct tls_client_identity **ret_identity)
{
	const struct upstream_tls_config *tls = &r->config->tls;
	struct tls_client_options options = { .server_name = wanted_name(r->config),
					      .protocols = protocols[r->config->protocol],
					      .is_verified = tls->verify };
	bool is_good = read_file(r, "ca", tls->ca, &options.ca);
	result_value found;

	is_good &= read_file(r, "certificate", tls->certificate, &options.certificate);
	is_good &= read_file(r, "key", tls->key, &options.key);
	is_good &= check_pair(r);
	is_good &= check_server_name(r);
	is_good &= check_hosts(r);
	warn_of_trust(r);
	found = is_good ? find_identity(r, identities, &options, ret_identity) : invalid();
	forget(options.key);
	return found;
}

result upstream_tls_compile(struct reader *reader, struct tls_client_identities *identities,
			    const struct upstream_config *config, struct tls_client_identity **ret_identity)
{
	struct reading reading = { reader, config, node_find(config->entry.node, STR("tls")) };

	*ret_identity = NULL;
	if (!reading.node && !config->is_secure)
		return OK;
	if (reading.node && reading.node->kind == NODE_NULL) {
		diagnostic_error_key(reader->diagnostics, reading.node,
				     "is empty: want `tls: {}` for TLS with every default");
		return invalid();
	}
	return compile(&reading, identities, ret_identity);
}

void upstream_tls_release(struct tls_client_identity **identity)
{
	if (*identity)
		atomic_fetch_sub_explicit(&(*identity)->listings, 1, memory_order_relaxed);
	tls_client_identity_unref(identity);
}
