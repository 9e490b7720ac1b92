/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/session_cookie.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/assert.h"
#include "base/random.h"
#include "codec/base64url.h"

enum {
	IV_LEN = 12,
	TAG_LEN = 16,
	EXTRA = IV_LEN + TAG_LEN,
	PART_MAX = 3600, /* bytes of value in one cookie: name and attributes count among the 4 KiB */
	VALUE_MAX = PART_MAX * SESSION_COOKIES_MAX - 1,
	FIELD_MAX = 512,     /* of a Set-Cookie without its value and path */
	ATTRIBUTES_MAX = 80, /* of that, all but the name */
};

/* ---- sealing ---- */

/* The secret is not a password: it is long and random, so that one HMAC is enough to make a key of it. */
void session_keys_init(struct session_keys *keys, const str *secrets, size_t count)
{
	static const unsigned char purpose[] = "gatehouse session cookie 1";

	ASSERT(count <= SESSION_SECRETS_MAX);
	keys->count = count;
	for (size_t i = 0; i < count; i++)
		ASSERT(HMAC(EVP_sha256(), secrets[i].ptr, (int)secrets[i].len, purpose, sizeof purpose - 1,
			    keys->at[i], NULL));
}

/* For OpenSSL, which takes inputs as unsigned and writes none of them. */
static unsigned char *bytes_of(str text)
{
	return (unsigned char *)(uintptr_t)text.ptr;
}

/* out: the IV, then the text, then the tag. */
static bool seal(const unsigned char *key, str label, str plain, unsigned char *out)
{
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	unsigned char *text = out + IV_LEN, *tag = text + plain.len;
	int len;
	bool is_sealed;

	random_bytes(out, IV_LEN);
	is_sealed = context && EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), NULL, key, out) == 1 &&
		    EVP_EncryptUpdate(context, NULL, &len, bytes_of(label), (int)label.len) == 1 &&
		    EVP_EncryptUpdate(context, text, &len, bytes_of(plain), (int)plain.len) == 1 &&
		    EVP_EncryptFinal_ex(context, tag, &len) == 1 &&
		    EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, TAG_LEN, tag) == 1;
	EVP_CIPHER_CTX_free(context);
	return is_sealed;
}

result session_seal(const struct session_keys *keys, str label, str plain, struct arena *arena,
		    str *ret_sealed)
{
	size_t len = plain.len + EXTRA;
	unsigned char *sealed;
	struct buf out;

	ASSERT(keys->count);
	if (plain.len > SESSION_PLAIN_MAX || arena_left(arena) < 4 * len)
		return error_make(ERROR_LIMIT, "the session is too large");
	sealed = (unsigned char *)arena_bytes(arena, len);
	ASSERT(seal(keys->at[0], label, plain, sealed));
	out = arena_open(arena, base64url_encoded_len(len));
	base64url_encode((str) { (const char *)sealed, len }, &out);
	*ret_sealed = arena_close(arena, &out);
	return OK;
}

/* GCM tells only at the end that it was forged: until then out holds what nobody may look at. */
static bool unseal(const unsigned char *key, str label, str sealed, unsigned char *out)
{
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	unsigned char *iv = bytes_of(sealed), *text = iv + IV_LEN, *tag = iv + sealed.len - TAG_LEN;
	int len;
	bool is_good;

	is_good = context && EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), NULL, key, iv) == 1 &&
		  EVP_DecryptUpdate(context, NULL, &len, bytes_of(label), (int)label.len) == 1 &&
		  EVP_DecryptUpdate(context, out, &len, text, (int)(sealed.len - EXTRA)) == 1 &&
		  EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, TAG_LEN, tag) == 1 &&
		  EVP_DecryptFinal_ex(context, out + len, &len) == 1;
	EVP_CIPHER_CTX_free(context);
	return is_good;
}

/* Each key is tried: there are four at most, and no name of a key tells strangers when it was changed. */
result session_open(const struct session_keys *keys, str label, str sealed, struct arena *arena,
		    str *ret_plain)
{
	size_t len = base64url_decoded_len(sealed.len);
	unsigned char *plain;
	struct buf bytes;

	if (len < EXTRA || len > SESSION_PLAIN_MAX + EXTRA || arena_left(arena) < 4 * len)
		return error_make(ERROR_MALFORMED, "this is no session");
	bytes = buf_over(arena_bytes(arena, len), len);
	TRY(base64url_decode(sealed, &bytes));
	plain = (unsigned char *)arena_bytes(arena, len);
	for (size_t i = 0; i < keys->count; i++) {
		if (!unseal(keys->at[i], label, buf_str(&bytes), plain))
			continue;
		*ret_plain = (str) { (const char *)plain, len - EXTRA };
		return OK;
	}
	OPENSSL_cleanse(plain, len); /* decrypted, but by nobody we know */
	return error_make(ERROR_MALFORMED, "nobody here has sealed this session");
}

/* ---- cookies ---- */

/* "NAME", "NAME.1", "NAME.2" */
static bool is_part(str cookie, str name, size_t *ret_part)
{
	uint64_t part;

	if (!str_starts(cookie, name))
		return false;
	cookie = str_skip(cookie, name.len);
	*ret_part = 0;
	if (!cookie.len)
		return true;
	if (cookie.len != 2 || cookie.ptr[0] != '.' ||
	    !str_to_u64(str_skip(cookie, 1), SESSION_COOKIES_MAX - 1, &part) || !part)
		return false;
	*ret_part = part;
	return true;
}

/* Of two of one name the first holds: it is for the longer path (RFC 6265 section 5.4). */
static void find_parts(const struct http_fields *fields, str name, str parts[SESSION_COOKIES_MAX])
{
	for (size_t i = 0; i < fields->count; i++) {
		str rest = fields->at[i].value, pair, key, value;
		size_t part;

		if (fields->at[i].removed || fields->at[i].id != HTTP_COOKIE)
			continue;
		while (str_next(&rest, ';', &pair))
			if (str_cut(pair, '=', &key, &value) && is_part(key, name, &part) && !parts[part].ptr)
				parts[part] = value;
	}
}

/* The first begins with the number of parts. */
result session_cookie_find(const struct http_fields *fields, str name, struct arena *arena, str *ret_value)
{
	str parts[SESSION_COOKIES_MAX] = { 0 };
	size_t count, len = 0;

	find_parts(fields, name, parts);
	if (!parts[0].len)
		return error_make(ERROR_MISSING, "there is no such cookie");
	count = (size_t)(unsigned char)parts[0].ptr[0] - '0';
	if (count < 1 || count > SESSION_COOKIES_MAX)
		return error_make(ERROR_MALFORMED, "the cookie does not say how many parts it has");
	parts[0] = str_skip(parts[0], 1);
	for (size_t i = 0; i < count; i++) {
		if (!parts[i].len)
			return error_make(ERROR_MALFORMED, "a part of the cookie is missing");
		len += parts[i].len;
	}
	if (len > VALUE_MAX || arena_left(arena) < len)
		return error_make(ERROR_MALFORMED, "the cookie is too large");
	*ret_value = count == 1 ? parts[0] : arena_join(arena, parts, count);
	return OK;
}

/* Lax: a link from another site finds people logged in, a form of another site does not (RFC 6265bis section
 * 5.6.7). */
static result put_part(const struct session_cookie *cookie, size_t part, str value, duration lasts,
		       struct arena *arena, struct http_fields *to)
{
	struct buf out = arena_open(arena, FIELD_MAX + value.len + cookie->path.len);

	buf_put(&out, cookie->name);
	if (part) {
		buf_put_char(&out, '.');
		buf_put_u64(&out, part);
	}
	buf_put_char(&out, '=');
	buf_put(&out, value);
	buf_put(&out, STR("; Path="));
	buf_put(&out, cookie->path);
	buf_put(&out, STR("; Max-Age="));
	buf_put_u64(&out, value.len ? (uint64_t)(lasts / SECOND) : 0);
	buf_put(&out, STR("; HttpOnly; SameSite=Lax"));
	if (cookie->is_secure)
		buf_put(&out, STR("; Secure"));
	ASSERT(!buf_overflowed(&out)); /* attributes that are left out would open it to scripts */
	return http_fields_add(to, HTTP_SET_COOKIE, STR("Set-Cookie"), arena_close(arena, &out));
}

/* Up to the highest, also where one between is missing: an earlier, larger session may have left it. */
size_t session_cookie_parts(const struct http_fields *fields, str name)
{
	str parts[SESSION_COOKIES_MAX] = { 0 };
	size_t count = SESSION_COOKIES_MAX;

	find_parts(fields, name, parts);
	while (count && !parts[count - 1].ptr)
		count--;
	return count;
}

result session_cookie_put(const struct session_cookie *cookie, str value, duration lasts, struct arena *arena,
			  struct http_fields *to)
{
	size_t count = value.len ? value.len / PART_MAX + 1 : 0;
	size_t parts = count > cookie->parts ? count : cookie->parts;
	char digit = (char)('0' + count);
	str with_count[] = { { &digit, 1 }, value };
	str all = { 0 };

	if (cookie->name.len > FIELD_MAX - ATTRIBUTES_MAX)
		return error_make(ERROR_LIMIT, "the name of the session's cookie is too long");
	if (value.len > VALUE_MAX || to->max - to->count < SESSION_COOKIES_MAX ||
	    arena_left(arena) < 2 * value.len + SESSION_COOKIES_MAX * (FIELD_MAX + cookie->path.len))
		return error_make(ERROR_LIMIT, "the session is too large for cookies");
	if (count)
		all = arena_join(arena, with_count, 2);
	for (size_t i = 0; i < parts; i++)
		TRY(put_part(cookie, i, str_slice(all, i * PART_MAX, (i + 1) * PART_MAX), lasts, arena, to));
	return OK;
}

/* The other cookies in their order. */
static str strip_parts(str cookies, str name, struct arena *arena)
{
	struct buf out = arena_open(arena, 2 * cookies.len + 2);
	str pair;

	while (str_next(&cookies, ';', &pair)) {
		str key = pair, value;
		size_t part;

		str_cut(pair, '=', &key, &value);
		if (is_part(key, name, &part))
			continue;
		if (out.len)
			buf_put(&out, STR("; "));
		buf_put(&out, pair);
	}
	return arena_close(arena, &out);
}

result session_cookie_strip(str name, struct arena *arena, struct http_fields *fields)
{
	for (size_t i = 0; i < fields->count; i++) {
		struct http_field *field = &fields->at[i];

		if (field->removed || field->id != HTTP_COOKIE)
			continue;
		/* White space that was left out between two comes back. */
		if (arena_left(arena) < 2 * field->value.len + 2)
			return error_make(ERROR_LIMIT, "there is no memory for the cookies");
		field->value = strip_parts(field->value, name, arena);
		field->removed = !field->value.len;
	}
	return OK;
}
