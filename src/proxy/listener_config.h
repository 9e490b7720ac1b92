/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listener_config: the rows of `listeners`: where clients come in, what is spoken there, and by which
 * certificates.
 *
 * What a certificate does not say of its names' TLS policy is the listener's. Whether it said it, its node
 * knows: a word cannot tell.
 */
#pragma once

#include "config/field.h"

struct listener_limits {
	uint64_t request_line, header_field, header_name, header_size;
	int64_t headers;
	uint64_t body, replay;
	duration handshake_timeout, header_timeout, body_timeout, idle_timeout;
	int64_t requests_per_connection; /* 0: any number */
	int64_t connections;
	int64_t streams; /* of one connection of HTTP/2 */
};

enum listener_priority { PRIORITY_NORMAL, PRIORITY_HIGH };

enum listener_protocol { LISTENER_H1, LISTENER_H2 };

enum tls_minimum { TLS_MINIMUM_12, TLS_MINIMUM_13 };

enum client_certificate { CLIENT_CERTIFICATE_NONE, CLIENT_CERTIFICATE_OPTIONAL, CLIENT_CERTIFICATE_REQUIRED };

struct certificate_config {
	struct entry entry;
	str certificate, key; /* paths */
	str_list names;       /* empty: the certificate's own */
	int minimum;
	str client_ca;
	int client_certificate;
	str ocsp; /* empty: none */
};

struct listener_tls_config {
	struct {
		struct certificate_config *at;
		size_t len;
	} certificates;
	int minimum;   /* enum tls_minimum */
	str client_ca; /* empty: none */
	int client_certificate;
};

/* The port that clients know, where the configuration says it. */
struct https_redirect {
	bool is_on;
	uint16_t port; /* 0: that of the first listener with TLS */
};

struct listener_config {
	struct entry entry;
	str address;
	unsigned protocols; /* 0: not said, see listener_speaks() */
	struct listener_tls_config tls;
	bool proxy_protocol;
	str_list trusted_proxies;
	struct https_redirect redirect_to_https;
	int priority; /* enum listener_priority */
	struct listener_limits limits;
};

extern const struct field listener_tls_fields[];
extern const struct field listener_fields[];

static inline bool listener_is_secure(const struct listener_config *config)
/* There is TLS. */
{
	return config->tls.certificates.len > 0;
}

static inline bool listener_speaks(const struct listener_config *config, enum listener_protocol protocol)
/* Unless said otherwise both with TLS, and h1 without. */
{
	unsigned standard =
		listener_is_secure(config) ? 1u << LISTENER_H1 | 1u << LISTENER_H2 : 1u << LISTENER_H1;

	return (config->protocols ? config->protocols : standard) >> protocol & 1;
}

bool listener_asks_for_certificates(const struct listener_config *config);
/* For itself, or for one of its names. */
