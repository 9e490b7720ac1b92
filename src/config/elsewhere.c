/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows hold wherever ours is a key: `issuer` is what `iss` is in a jwt, an issuer of it, and an oidc, and
 * nothing is said of an `iss` anywhere else.
 */
#include "config/elsewhere.h"

static const struct {
	const char *theirs, *ours;
	const char *hint; /* where the answer is not the key itself but something beside it */
} rows[] = {
	{ "jwks_uri", "jwks", NULL },
	{ "jwks_url", "jwks", NULL },
	{ "iss", "issuer", NULL },
	{ "aud", "audience", NULL },
	{ "alg", "algorithms", NULL },
	{ "leeway", "skew", NULL },
	{ "clock_skew", "skew", NULL },
	{ "claims_to_headers", "forward", NULL },
	{ "scope", "require", "a policy after this one asks for scopes, authorize: { scopes: [...] }" },
	{ "scopes", "require", "a policy after this one asks for scopes, authorize: { scopes: [...] }" },
	{ "discovery", "issuer", NULL },
	{ "redirect_uri", "callback", NULL },
	{ "session_secret", "cookie", "here it is cookie: { secret: ... }" },
	{ "endpoint", "url", NULL },
	{ "introspection_endpoint", "url", NULL },
	{ "plugins", "policies", NULL },
	{ "middlewares", "policies", NULL },
	{ "filters", "policies", NULL },
	{ "services", "upstreams", NULL },
	{ "clusters", "upstreams", NULL },
	{ "backends", "upstreams", NULL },
	{ "routes", "apis", NULL },
	{ "routers", "apis", NULL },
	{ "entryPoints", "listeners", NULL },
	{ "key_names", "from", "here it is from: { header: NAME }" },
	{ "hide_credentials", "strip", NULL },
	{ "keyauth_credentials", "api_keys", "here it is api_keys: [\"sha256:...\"], the hashes of keys" },
	{ "limit_by", "by", NULL },
	{ "minute", "limit", "here it is limit: NUMBER/1m" },
	{ "average", "limit", "here it is limit: NUMBER/1s" },
	{ "targets", "endpoints", NULL },
	{ "servers", "endpoints", NULL },
	{ "loadBalancer", "endpoints", NULL },
	{ "load_balancing", "balance", NULL },
	{ "lb_policy", "balance", NULL },
	{ "algorithm", "balance", NULL },
	{ "outlier_detection", "outlier", NULL },
	{ "consecutive_5xx", "consecutive_failures", NULL },
	{ "base_ejection_time", "eject_for", NULL },
	{ "max_ejection_percent", "max_ejected", NULL },
	{ "interval", "every", NULL },
	{ "healthy_threshold", "healthy_after", NULL },
	{ "unhealthy_threshold", "unhealthy_after", NULL },
	{ "rise", "healthy_after", NULL },
	{ "fall", "unhealthy_after", NULL },
	{ "num_retries", "attempts", "here it is \"attempts\", with the first one" },
	{ "retry_on", "on", NULL },
	{ "max_requests", "requests", NULL },
	{ "max_connections", "connections", NULL },
	{ "max_pending_requests", "pending", NULL },
	{ "basicauth_credentials", "basic", "here it is basic: { password: HASH }" },
};

str elsewhere_hint(struct arena *arena, str key, const struct field *fields)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (!str_eq(key, str_of(rows[i].theirs)) || !field_find(fields, str_of(rows[i].ours)))
			continue;
		return rows[i].hint ? arena_printf(arena, "; %s", rows[i].hint)
				    : arena_printf(arena, "; here it is \"%s\"", rows[i].ours);
	}
	return (str) { 0 };
}
