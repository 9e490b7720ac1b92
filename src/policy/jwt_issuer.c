/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Issuers of a jwt policy: their keys, and the algorithms that may be. What a token names never widens it.
 */
#include "policy/jwt_private.h"
#include "policy/token_parties.h"

enum { KEY_FILE_MAX = 64 * 1024 };

static const struct node *map_of(const struct policy_compile *compile, const struct jwt_issuer *issuer)
{
	return issuer->entry.node ? issuer->entry.node : compile->node;
}

/* Where a message points to: the option, or what it should stand in. */
static const struct node *key_of(const struct policy_compile *compile, const struct jwt_issuer *issuer,
				 const char *key)
{
	const struct node *map = map_of(compile, issuer);
	const struct node *node = node_find(map, str_of(key));

	return node ? node : map;
}

static result reject(const struct policy_compile *compile, const struct jwt_issuer *issuer, const char *key,
		     const char *why)
{
	diagnostic_error(compile->reader->diagnostics, key_of(compile, issuer, key), "%s", why);
	return error_make(ERROR_INVALID, why);
}

/* A path of `keys` that is written as `jwks` and other options have it, or leads to what belongs there. */
static result check_key_file(const struct policy_compile *compile, const struct node *file)
{
	if (!str_starts(file->text, STR("file:")))
		return OK;
	diagnostic_error(compile->reader->diagnostics, file, "want the path alone, without \"file:\"");
	return error_make(ERROR_INVALID, "reported");
}

/* PEM, or why it is none. */
static result parse_key_file(str text, struct jwk_set **ret_set)
{
	if (str_starts(str_trim(text), STR("{")))
		return error_make(ERROR_INVALID, "this is JSON, not PEM: want jwks: file:PATH for a JWK Set");
	return jwk_set_from_pem(STR(""), text, ret_set);
}

/* Joined to one set. Their texts together are what it is known by. */
static struct key_set *keys_of_files(struct policy_compile *compile, const struct jwt_issuer *issuer)
{
	const struct node *at = key_of(compile, issuer, "keys");
	struct jwk_set *sets[JWT_KEY_FILES_MAX], *joined = NULL;
	str texts[JWT_KEY_FILES_MAX];
	size_t count = 0;
	result_value read = OK;

	for (const struct node *file = at->first; file && !failed(read); file = file->next) {
		if (failed(check_key_file(compile, file)) ||
		    !reader_read_file(compile->reader, file, file->text, KEY_FILE_MAX, &texts[count]))
			read = error_make(ERROR_INVALID, "reported");
		else if (failed(read = parse_key_file(texts[count], &sets[count])))
			diagnostic_error(compile->reader->diagnostics, file, "%s", read.why);
		else
			count++;
	}
	if (!failed(read))
		joined = jwk_set_join(sets, count);
	for (size_t i = 0; i < count; i++)
		jwk_set_unref(&sets[i]);
	return joined ? compile->hooks->keep_keys(compile->hooks->owner, at, joined,
						  arena_join(compile->reader->arena, texts, count))
		      : NULL;
}

/* NULL after a report. The keys are hooks' to keep from then on. */
static struct key_set *keys_of_secret(struct policy_compile *compile, const struct jwt_issuer *issuer)
{
	const struct node *at = key_of(compile, issuer, "secret");
	struct jwk_set *keys = jwk_set_from_secret(STR(""), issuer->secret);

	if (jwk_set_at(keys, 0)->fits)
		return compile->hooks->keep_keys(compile->hooks->owner, at, keys, issuer->secret);
	jwk_set_unref(&keys);
	diagnostic_error(compile->reader->diagnostics, at,
			 "want at least 32 bytes: a shorter secret can be guessed (RFC 7518 section 3.2)");
	return NULL;
}

static const char *const key_options[] = { "jwks", "keys", "secret", NULL };

/* Without hooks nothing can be had: a policy that is only looked at, not used. */
static result find_keys(struct policy_compile *compile, struct jwt_issuer *issuer)
{
	size_t given = (issuer->jwks.len > 0) + (issuer->key_files.len > 0) + (issuer->secret.len > 0);
	const struct policy_hooks *hooks = compile->hooks;

	if (given > 1)
		return policy_reject_several(compile, map_of(compile, issuer), key_options);
	if (!given && !issuer->issuer.len)
		return reject(compile, issuer, "issuer",
			      "want an issuer, or its keys in jwks, keys or secret");
	if (!issuer->issuer.len)
		diagnostic_warning(
			compile->reader->diagnostics, key_of(compile, issuer, "issuer"),
			"without \"issuer\" whoever has one of these keys may name himself as he likes "
			"in `iss`");
	if (!hooks)
		return error_make(ERROR_INVALID, "no keys can be found here");
	if (issuer->key_files.len)
		issuer->keys = keys_of_files(compile, issuer);
	else if (issuer->secret.len)
		issuer->keys = keys_of_secret(compile, issuer);
	else
		issuer->keys = hooks->find_keys(hooks->owner, key_of(compile, issuer, "issuer"),
						issuer->jwks.len ? key_of(compile, issuer, "jwks") : NULL,
						issuer->issuer);
	return issuer->keys ? OK : error_make(ERROR_INVALID, "the issuer has no keys");
}

/* The words begin with RS256, the bits with JOSE_UNKNOWN. */
static result allow(struct policy_compile *compile, struct jwt_issuer *issuer)
{
	unsigned kind = issuer->secret.len ? JOSE_SYMMETRIC : JOSE_ASYMMETRIC;

	issuer->allowed = issuer->algorithms ? issuer->algorithms << JOSE_RS256 : kind;
	if (issuer->allowed & ~kind)
		return reject(compile, issuer, "algorithms",
			      issuer->secret.len
				      ? "a secret has the algorithms HS256, HS384 and HS512"
				      : "HS256, HS384 and HS512 want a secret, which is given as `secret`");
	return OK;
}

/* It must be given: a token that was made for somebody else is good by its signature, and its bearer may
 * be that somebody (RFC 8725 section 3.9). */
static result check_audience(struct policy_compile *compile, struct jwt_issuer *issuer)
{
	issuer->takes_any_audience = audience_is_any(&issuer->audiences);
	for (size_t i = 0; i < issuer->audiences.len; i++)
		if (str_eq(issuer->audiences.at[i], STR("any")))
			diagnostic_warning(compile->reader->diagnostics, key_of(compile, issuer, "audience"),
					   "%s",
					   issuer->takes_any_audience
						   ? "a token that was made for somebody else is taken too"
						   : "\"any\" beside others is a name like them; alone it "
						     "stands for all");
	if (!issuer->audiences.len)
		return reject(compile, issuer, "audience",
			      "want the audience: who a token must be made for, or `any`");
	return OK;
}

/* All three are looked at, so that all mistakes are told at once. */
static result compile_issuer(struct policy_compile *compile, struct jwt_issuer *issuer)
{
	result_value audience = check_audience(compile, issuer), allowed = allow(compile, issuer);

	TRY(find_keys(compile, issuer));
	TRY(audience);
	return allowed;
}

/* One issuer beside is a list of one. Of several each must be named: without names the first would get the
 * tokens of all. */
result jwt_issuers_compile(struct policy_compile *compile, struct jwt *jwt)
{
	const struct jwt_issuer *one = &jwt->one;
	result_value compiled = OK;

	if (!jwt->issuers.len) {
		jwt->issuers.at = &jwt->one;
		jwt->issuers.len = 1;
	} else if (one->issuer.len || one->audiences.len || one->jwks.len || one->key_files.len ||
		   one->secret.len || one->algorithms) {
		return policy_reject(compile, "issuers", "want either one issuer beside, or a list of them");
	}
	for (size_t i = 0; i < jwt->issuers.len; i++) {
		result_value issuer = compile_issuer(compile, &jwt->issuers.at[i]);

		if (jwt->issuers.len > 1 && !jwt->issuers.at[i].issuer.len)
			issuer = reject(compile, &jwt->issuers.at[i], "issuer",
					"want the name of each issuer");
		if (failed(issuer))
			compiled = issuer;
	}
	return compiled;
}
