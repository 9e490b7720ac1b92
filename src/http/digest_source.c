/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes are counted in when they are used: a piece may be asked for again, and lie elsewhere then. Those of
 * the last piece are counted in ahead, by a copy, because it must not be given before.
 */
#include "http/digest_source.h"

#include <openssl/evp.h>

#include "base/assert.h"

static const struct body_source_ops digest_source_ops;

static EVP_MD_CTX *begin(bool is_wanted, const EVP_MD *kind)
{
	EVP_MD_CTX *context = is_wanted ? EVP_MD_CTX_new() : NULL;

	ASSERT(!is_wanted || (context && EVP_DigestInit_ex(context, kind, NULL) == 1));
	return context;
}

void digest_source_init(struct digest_source *digest, struct body_source *from,
			const struct body_digest *expected, const uint64_t *length)
{
	*digest = (struct digest_source) { .source.ops = &digest_source_ops,
					   .from = from,
					   .expected = expected,
					   .has_length = length,
					   .left = length ? *length : 0 };
	digest->at_256 = begin(expected->has_256, EVP_sha256());
	digest->at_512 = begin(expected->has_512, EVP_sha512());
}

void digest_source_fini(void *self)
{
	struct digest_source *digest = self;

	EVP_MD_CTX_free(digest->at_256);
	EVP_MD_CTX_free(digest->at_512);
	digest->at_256 = digest->at_512 = NULL;
}

static void count_in(EVP_MD_CTX *context, str bytes)
{
	if (context)
		ASSERT(EVP_DigestUpdate(context, bytes.ptr, bytes.len) == 1);
}

/* With the bytes that come last. */
static bool comes_to(const EVP_MD_CTX *context, str last, const unsigned char *expected, size_t len)
{
	unsigned char got[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *copy;

	if (!context)
		return true;
	copy = EVP_MD_CTX_new();
	ASSERT(copy && EVP_MD_CTX_copy_ex(copy, context) == 1);
	count_in(copy, last);
	ASSERT(EVP_DigestFinal_ex(copy, got, NULL) == 1);
	EVP_MD_CTX_free(copy);
	return memcmp(got, expected, len) == 0;
}

bool digest_is_empty_body(const struct body_digest *expected)
{
	struct digest_source none;
	bool is_it;

	digest_source_init(&none, NULL, expected, NULL);
	is_it = comes_to(none.at_256, (str) { 0 }, expected->sha_256, DIGEST_256_LEN) &&
		comes_to(none.at_512, (str) { 0 }, expected->sha_512, DIGEST_512_LEN);
	digest_source_fini(&none);
	return is_it;
}

/* ---- the source ---- */

static struct digest_source *digest_of(const struct body_source *source)
{
	return (struct digest_source *)(uintptr_t)source;
}

static bool digest_is_ready(const struct body_source *source)
{
	return body_is_ready(digest_of(source)->from);
}

/* Where the length is told, its last byte is the end for whoever gets it. */
static bool ends(const struct digest_source *digest, const struct piece *piece)
{
	return piece->is_last || (digest->has_length && piece->bytes.len >= digest->left);
}

static result digest_peek(struct body_source *source, deadline until, struct piece *ret_piece)
{
	struct digest_source *digest = digest_of(source);
	const struct body_digest *expected = digest->expected;

	TRY(body_peek(digest->from, until, ret_piece));
	source->trailers = digest->from->trailers;
	if (digest->is_good || !ends(digest, ret_piece))
		return OK;
	digest->is_good = comes_to(digest->at_256, ret_piece->bytes, expected->sha_256, DIGEST_256_LEN) &&
			  comes_to(digest->at_512, ret_piece->bytes, expected->sha_512, DIGEST_512_LEN);
	return digest->is_good ? OK : error_make(ERROR_DENIED, "the body is not what its sender said");
}

/* The bytes are asked for again, for the piece may have moved while it was sent. */
static void digest_consume(struct body_source *source, size_t n)
{
	struct digest_source *digest = digest_of(source);
	struct piece piece;

	if (n && !digest->is_good) {
		ASSERT(!failed(body_peek(digest->from, 0, &piece)) && piece.bytes.len >= n);
		count_in(digest->at_256, str_slice(piece.bytes, 0, n));
		count_in(digest->at_512, str_slice(piece.bytes, 0, n));
	}
	digest->left -= n < digest->left ? n : digest->left;
	body_consume(digest->from, n);
}

static const struct body_source_ops digest_source_ops = {
	.is_ready = digest_is_ready,
	.peek = digest_peek,
	.consume = digest_consume,
};
