/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Content-Digest (RFC 9530): algorithms that are not known are passed over, but one must be known.
 */
#include "codec/structured_field.h"
#include "http/digest_source.h"
#include "policy/signature_private.h"

static bool take_digest(const struct structured_dictionary *digests, str name, unsigned char *ret_digest,
			size_t len, bool *ret_has)
{
	const struct structured_item *item = structured_find(digests, name);

	*ret_has = item;
	if (!item)
		return true;
	if (item->bare.kind != STRUCTURED_BYTES || item->bare.text.len != len)
		return false;
	memcpy(ret_digest, item->bare.text.ptr, len);
	return true;
}

enum reason signature_expect_body(struct view *view, str text)
{
	struct body_digest *digest = ARENA_NEW(view->arena, struct body_digest);
	struct structured_dictionary digests;

	if (failed(structured_dictionary_parse(text, view->arena, &digests)))
		return REASON_DIGEST_MISMATCH;
	if (!take_digest(&digests, STR("sha-256"), digest->sha_256, DIGEST_256_LEN, &digest->has_256) ||
	    !take_digest(&digests, STR("sha-512"), digest->sha_512, DIGEST_512_LEN, &digest->has_512))
		return REASON_DIGEST_MISMATCH;
	if (!digest->has_256 && !digest->has_512)
		return REASON_DIGEST_MISMATCH;
	if (view->request->framing == HTTP_NO_BODY && !digest_is_empty_body(digest))
		return REASON_DIGEST_MISMATCH;
	if (!view->is_report)
		view->body_digest = digest;
	return REASON_NONE;
}
