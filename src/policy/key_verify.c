/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A key that is not known may be new: an issuer that changes its keys publishes the new one, and signs by it
 * at once. So the issuer is asked again, which key_set bounds: once for all who wait, and not more often than
 * it allows, or tokens with made-up names of keys would keep the issuer busy.
 */
#include "policy/key_verify.h"

enum {
	TRIES_MAX = 8, /* of keys for one token: each costs time */
	FETCH_TIMEOUT_SECONDS = 5,
};

static enum reason try_keys(const struct jws *jws, const struct jwk_set *keys)
{
	const struct jwk *jwk = NULL;
	unsigned tries = 0;

	while (tries < TRIES_MAX && (jwk = jwk_set_next(keys, jws->kid, jws->algorithm, jwk))) {
		if (jws_verify(jws, jwk))
			return REASON_NONE;
		tries++;
	}
	return tries ? REASON_TOKEN_SIGNATURE : REASON_TOKEN_KEY_UNKNOWN;
}

/* The version is read first: keys that come between make what is remembered too old, never too new. */
static enum reason verify_now(struct key_set *set, const struct jws *jws, uint64_t *ret_version)
{
	struct jwk_set *keys;
	enum reason reason;

	*ret_version = key_set_version(set);
	keys = key_set_take(set);
	if (!keys)
		return REASON_AUTH_UNAVAILABLE;
	reason = try_keys(jws, keys);
	jwk_set_unref(&keys);
	return reason;
}

/* Who names no key may have signed by one that is not here yet: only the signature tells. */
static bool may_be_new(enum reason reason, const struct jws *jws)
{
	return reason == REASON_TOKEN_KEY_UNKNOWN || reason == REASON_AUTH_UNAVAILABLE ||
	       (reason == REASON_TOKEN_SIGNATURE && !jws->kid.len);
}

/* That the fetch failed is in the log of the control thread; here it shows in the keys that there still are.
 */
enum reason key_verify(struct key_set *keys, struct view *view, const struct jws *jws, uint64_t *ret_version)
{
	const struct effects *effects = view->effects;
	enum reason reason = verify_now(keys, jws, ret_version);
	result_value refreshed;

	if (!effects->refresh_keys || !may_be_new(reason, jws))
		return reason;
	refreshed = effects->refresh_keys(effects->self, view, keys, FETCH_TIMEOUT_SECONDS * SECOND);
	if (refreshed.kind == ERROR_CANCELLED)
		return REASON_CLIENT_ABORTED;
	return verify_now(keys, jws, ret_version);
}
