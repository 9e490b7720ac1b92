/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/dpop.h"

#include "auth/claims.h"
#include "auth/replay_cache.h"
#include "codec/host.h"
#include "codec/json.h"
#include "codec/jws.h"
#include "codec/sha256.h"
#include "codec/uri.h"

/* ---- what it says it is for ---- */

/* Names in any case, and a port that is the scheme's own is none (RFC 9110 section 4.2.3): what a client
 * wrote and what its Host field says may differ in both. */
static bool is_same_authority(str scheme, str a, str b)
{
	uint16_t standard = str_eq(scheme, STR("https")) ? 443 : 80;
	struct host left, right;

	if (!host_parse(a, &left) || !host_parse(b, &right))
		return false;
	return str_eq_nocase(left.name, right.name) &&
	       (left.has_port ? left.port : standard) == (right.has_port ? right.port : standard);
}

/* Brought to the form that the request's path has, so that two writings of one path are one. */
static bool is_same_path(str said, str path, struct arena *arena)
{
	struct uri_path normal;
	struct buf room;
	bool is_same;

	if (arena_left(arena) < said.len * 3 + 1)
		return false;
	room = arena_open(arena, said.len * 3 + 1);
	is_same = !failed(uri_path_normalise(said, URI_KEEP_ENCODED_SLASHES, &room, &normal)) &&
		  str_eq(normal.text, path);
	arena_close(arena, &room);
	return is_same;
}

/* The URL of the request without query and fragment (RFC 9449 section 4.3, item 9). */
static bool is_for_url(const struct dpop_request *request, str url, struct arena *arena)
{
	str scheme, rest, path = STR("/"), query;
	size_t slash;

	str_cut(url, '#', &url, &query);
	str_cut(url, '?', &url, &query);
	if (!str_cut(url, ':', &scheme, &rest) || !str_starts(rest, STR("//")))
		return false;
	rest = str_skip(rest, 2);
	if (str_find(rest, '/', &slash)) {
		path = str_skip(rest, slash);
		rest = str_slice(rest, 0, slash);
	}
	return str_eq_nocase(scheme, request->scheme) &&
	       is_same_authority(request->scheme, rest, request->authority) &&
	       is_same_path(path, request->path, arena);
}

/* RFC 9449 section 4.2: ath is the hash of the token as it was shown, not of what it decodes to. */
static bool is_for_token(str token, str hash)
{
	char text[SHA256_BASE64URL_LEN];
	struct buf out = buf_over(text, sizeof text);

	sha256_put_base64url(token, &out);
	return str_eq(buf_str(&out), hash);
}

/* Not yet too old at `now`: the replay cache forgets it no earlier than this says no. */
static bool is_fresh(const struct dpop_request *request, wall_time issued)
{
	return issued <= request->now + request->skew && issued + request->max_age > request->now;
}

/* ---- who says it ---- */

/* The thumbprint goes first: whoever brings another key than the token's is told so without a signature being
 * looked at. The key is public and stands in the proof itself; it is worth no more than its thumbprint. */
static bool is_by_bound_key(const struct dpop_request *request, const struct jws *proof, struct arena *arena)
{
	struct operand json = json_find(&proof->header, STR("jwk"));
	char text[SHA256_BASE64URL_LEN];
	struct buf thumbprint = buf_over(text, sizeof text);
	struct jwk key;
	bool is_signed;

	if (failed(jwk_thumbprint(&json, &thumbprint)) || !str_eq(buf_str(&thumbprint), request->bound))
		return false;
	if (failed(jwk_read(&json, arena, &key)))
		return false;
	is_signed = jws_verify(proof, &key);
	jwk_drop(&key);
	return is_signed;
}

/* What can be seen without any cryptography (RFC 9449 section 4.3, items 2 to 5). A secret cannot be the key:
 * both sides would have it. */
static result_value split_proof(const struct dpop_request *request, struct arena *arena,
				struct jws *ret_proof, struct operand *ret_claims)
{
	if (!request->proof.len || request->proof.len > DPOP_PROOF_MAX)
		return error_make(ERROR_MISSING, "there is no proof, or it is too large");
	TRY(jws_split(request->proof, arena, ret_proof));
	if (!str_eq_nocase(ret_proof->type, STR("dpop+jwt")) ||
	    !(JOSE_BIT(ret_proof->algorithm) & JOSE_ASYMMETRIC))
		return error_make(ERROR_DENIED, "it is no proof of possession");
	TRY(json_parse(arena, ret_proof->payload, ret_claims));
	return OK;
}

/* The one identifier of this key's is taken, until the proof would be too old. */
static enum reason take(const struct dpop_request *request, str identifier, wall_time issued,
			struct replay_cache *seen)
{
	str parts[] = { request->bound, identifier };

	return replay_cache_add(seen, parts, 2, issued + request->max_age + SECOND, request->now);
}

/* The signature comes last of what can be wrong: it is dear. */
enum reason dpop_check(const struct dpop_request *request, struct arena *arena, struct replay_cache *seen)
{
	struct jws proof;
	struct operand claims, time;
	wall_time issued;
	str identifier;

	if (failed(split_proof(request, arena, &proof, &claims)))
		return REASON_TOKEN_BINDING;
	identifier = json_find_text(&claims, STR("jti"));
	time = json_find(&claims, STR("iat"));
	if (!identifier.len || !claims_read_date(&time, &issued) || !is_fresh(request, issued))
		return REASON_TOKEN_BINDING;
	if (!str_eq(json_find_text(&claims, STR("htm")), request->method) ||
	    !is_for_url(request, json_find_text(&claims, STR("htu")), arena) ||
	    !is_for_token(request->token, json_find_text(&claims, STR("ath"))))
		return REASON_TOKEN_BINDING;
	if (!is_by_bound_key(request, &proof, arena))
		return REASON_TOKEN_BINDING;
	return seen ? take(request, identifier, issued, seen) : REASON_NONE;
}
