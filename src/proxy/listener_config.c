/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/listener_config.h"

static const struct field limits_fields[] = {
	FIELD_SIZE(struct listener_limits, request_line, "request_line", "8KiB", 64, 1 << 20,
		   "Longest request line; beyond it 414."),
	FIELD_SIZE(struct listener_limits, header_field, "header_field", "8KiB", 64, 1 << 20,
		   "Longest single field; beyond it 431."),
	FIELD_SIZE(struct listener_limits, header_name, "header_name", "256", 8, 1 << 16,
		   "Longest name of a field; beyond it 431."),
	FIELD_SIZE(struct listener_limits, header_size, "header_size", "32KiB", 128, 1 << 20,
		   "Largest head, without the request line; beyond it 431."),
	FIELD_INT(struct listener_limits, headers, "headers", "100", 1, 10000, "Most fields; beyond it 431."),
	FIELD_SIZE(struct listener_limits, body, "body", "10MiB", 0, INT64_MAX,
		   "Largest body; beyond it 413."),
	FIELD_SIZE(struct listener_limits, replay, "replay", "64KiB", 0, 1 << 20,
		   "Largest body kept for another try, or copied by `mirror`."),
	FIELD_DURATION(struct listener_limits, handshake_timeout, "handshake_timeout", "10s", MILLISECOND,
		       HOUR,
		       "From accepting a connection to the end of its TLS handshake; beyond it closed."),
	FIELD_DURATION(struct listener_limits, header_timeout, "header_timeout", "10s", MILLISECOND, HOUR,
		       "From the first byte of a head to its last; beyond it 408."),
	FIELD_DURATION(struct listener_limits, body_timeout, "body_timeout", "30s", MILLISECOND, HOUR,
		       "Between two pieces of the body; beyond it 408. Also for the client to take a piece "
		       "of the answer."),
	FIELD_DURATION(struct listener_limits, idle_timeout, "idle_timeout", "75s", MILLISECOND, DAY,
		       "How long a connection may wait between two requests."),
	FIELD_INT(struct listener_limits, requests_per_connection, "requests_per_connection", "0", 0,
		  1000000000, "Requests after which a connection is closed; 0 sets no bound."),
	FIELD_INT(struct listener_limits, connections, "connections", "100000", 1, 10000000,
		  "Most connections at a time, shared out among the workers."),
	FIELD_INT(struct listener_limits, streams, "streams", "100", 1, 10000,
		  "Most requests at a time on one connection of HTTP/2. Of the body of each that nobody "
		  "takes, 64 KiB are held, in 128 KiB of memory."),
	FIELD_END
};

static const char *const protocol_words[] = { "h1", "h2", NULL };
static const char *const priority_words[] = { "normal", "high", NULL };
static const char *const minimum_words[] = { "1.2", "1.3", NULL };
static const char *const client_certificate_words[] = { "none", "optional", "required", NULL };

static const struct field certificate_fields[] = {
	FIELD_STR_REQUIRED(struct certificate_config, certificate, "certificate",
			   "A PEM file: the certificate, and behind it those that lead to its CA's."),
	FIELD_STR_REQUIRED(struct certificate_config, key, "key",
			   "A PEM file: the certificate's private key, without a passphrase."),
	FIELD_STRS(struct certificate_config, names, "names", 0, 1000,
		   "Host names, or `*.example.com`, for which it is chosen; none stands for those that it "
		   "bears itself. The same name may stand at an ECDSA and an RSA certificate."),
	FIELD_ENUM(struct certificate_config, minimum, "minimum", minimum_words, NULL,
		   "Oldest version of TLS for these names; unless said the listener's."),
	FIELD_STR(struct certificate_config, client_ca, "client_ca", NULL,
		  "Whose certificates clients may show for these names; unless said the listener's."),
	FIELD_ENUM(struct certificate_config, client_certificate, "client_certificate",
		   client_certificate_words, NULL,
		   "Whether clients must show one for these names; unless said the listener's."),
	FIELD_STR(struct certificate_config, ocsp, "ocsp", NULL,
		  "A DER file: the CA's OCSP response, handed to clients that ask for it until it expires."),
	FIELD_END
};

const struct field listener_tls_fields[] = {
	FIELD_LIST(struct listener_tls_config, certificates, "certificates", struct certificate_config,
		   certificate_fields, NULL, 1, 10000,
		   "Chosen by the name that a client asks for (SNI): an exact one before a wildcard. The "
		   "first is "
		   "that of clients that ask for none, or for another. When a file changes it is read again "
		   "within "
		   "5 s, without a reload; a pair that does not fit leaves the old one in place."),
	FIELD_ENUM(struct listener_tls_config, minimum, "minimum", minimum_words, "1.2",
		   "Oldest version of TLS."),
	FIELD_STR(struct listener_tls_config, client_ca, "client_ca", NULL,
		  "A PEM file: the CAs whose certificates clients may show (mutual TLS)."),
	FIELD_ENUM(struct listener_tls_config, client_certificate, "client_certificate",
		   client_certificate_words, "none",
		   "Whether clients are asked for a certificate (`optional`), or not let in without one "
		   "(`required`). "
		   "One that no CA of `client_ca` vouches for ends the handshake in either case."),
	FIELD_END
};

/* true, false, or the port that clients know. */
static void redirect_read(struct reader *reader, const struct node *node, void *ret_member)
{
	struct https_redirect *redirect = ret_member;
	bool is_word =
		node->kind == NODE_SCALAR && ascii_lower(node->text.len ? node->text.ptr[0] : 0) >= 'a';
	int64_t port;

	if (is_word) {
		(void)field_read_bool(reader, node, &redirect->is_on);
		return;
	}
	if (!field_read_int(reader, node, 1, UINT16_MAX, &port))
		return;
	*redirect = (struct https_redirect) { true, (uint16_t)port };
}

static const struct field_form redirect_form = {
	.manual =
		"`true`, `false`, or the port that clients know, where it is another than that of the first "
		"listener with TLS",
	.schema =
		"{\"anyOf\": [{\"type\": \"boolean\"}, {\"type\": \"integer\", \"minimum\": 1, \"maximum\": "
		"65535}, {\"$ref\": \"#/$defs/interpolated\"}]}",
	.read = redirect_read,
};

const struct field listener_fields[] = {
	FIELD_STR_REQUIRED(
		struct listener_config, address, "address",
		"`host:port`, `[v6]:port` or `unix:/path`; port 0 takes a free one and prints it at start."),
	FIELD_ENUMS(struct listener_config, protocols, "protocols", protocol_words,
		    "What is spoken there: with `tls` both unless said otherwise, without it `h1`. `h2` "
		    "without TLS is HTTP/2 "
		    "by prior knowledge."),
	FIELD_OBJECT(struct listener_config, tls, "tls", struct listener_tls_config, listener_tls_fields,
		     "Clients come by TLS, by nothing else."),
	FIELD_BOOL(struct listener_config, proxy_protocol, "proxy_protocol", "false",
		   "Whether every connection begins with a PROXY protocol header (v1 or v2), before any TLS; "
		   "without one it is closed."),
	FIELD_STRS(struct listener_config, trusted_proxies, "trusted_proxies", 0, 1000,
		   "Addresses (CIDR) whose `X-Forwarded-*` and `Forwarded` are believed; nobody else's. "
		   "`X-Forwarded-For`, else `for` of `Forwarded`, says who the client is; "
		   "`X-Forwarded-Proto` and `-Host`, where neither is there `proto` and `host` of "
		   "`Forwarded`, the scheme and host that it asked for: what is forwarded, URLs that the "
		   "gateway makes or compares (`oidc`, `redirect_to_https`, proofs and signatures) and "
		   "`${request.scheme}` go by these; routes and `${request.host}` by `Host`. What is "
		   "malformed or said twice is not believed. These proxies must set or remove those fields, "
		   "or clients choose them."),
	FIELD_CUSTOM_DEFAULT(
		struct listener_config, redirect_to_https, "redirect_to_https", struct https_redirect,
		&redirect_form, "false",
		"Every request is sent to the same address by https: 301 for GET and HEAD, 308 for others."),
	FIELD_ENUM(
		struct listener_config, priority, "priority", priority_words, "normal",
		"`high`: while the gateway is overloaded, what comes here is served all the same, as long as "
		"there is memory at all. For those who watch it, not for its clients."),
	FIELD_OBJECT(struct listener_config, limits, "limits", struct listener_limits, limits_fields,
		     "What one client may ask of the gateway."),
	FIELD_END
};

bool listener_asks_for_certificates(const struct listener_config *config)
{
	for (size_t i = 0; i < config->tls.certificates.len; i++)
		if (config->tls.certificates.at[i].client_certificate != CLIENT_CERTIFICATE_NONE)
			return true;
	return config->tls.client_certificate != CLIENT_CERTIFICATE_NONE;
}
