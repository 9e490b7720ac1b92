/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The path is brought to its normal form in one pass from left to right. While what comes out is what went
 * in, nothing is written; the first difference copies what is there and goes on in the room.
 */
#include "codec/uri.h"

#include "codec/scan.h"

/* Only what can be a request to a gateway: http and https, with an authority. */
static bool split_absolute(str target, struct uri *uri)
{
	str rest;
	size_t end = 0;

	if (!str_cut(target, ':', &uri->scheme, &rest) || !str_starts(rest, STR("//")))
		return false;
	if (!str_eq_nocase(uri->scheme, STR("http")) && !str_eq_nocase(uri->scheme, STR("https")))
		return false;
	rest = str_skip(rest, 2);
	while (end < rest.len && rest.ptr[end] != '/' && rest.ptr[end] != '?')
		end++;
	uri->authority = str_slice(rest, 0, end);
	uri->path = str_skip(rest, end);
	return end > 0;
}

bool uri_split(str target, enum http_method method, struct uri *ret_uri)
{
	str path;

	*ret_uri = (struct uri) { .path = target };
	if (method == HTTP_CONNECT) {
		*ret_uri = (struct uri) { .authority = target };
		return target.len && !str_contains(target, STR("/"));
	}
	if (str_eq(target, STR("*")))
		return method == HTTP_OPTIONS;
	if (!str_starts(target, STR("/")) && !split_absolute(target, ret_uri))
		return false;
	ret_uri->has_query = str_cut(ret_uri->path, '?', &path, &ret_uri->query);
	if (ret_uri->has_query)
		ret_uri->path = path;
	if (ret_uri->path.len == 0)
		ret_uri->path = STR("/");
	return true;
}

/*
 * Whether a path is normal at first sight: letters, digits and the common marks, every '/' followed by
 * something that is neither '/' nor '.'. Only a yes is certain.
 */
static bool is_plainly_normal(str path)
{
	const char *at = path.ptr, *end = at + path.len;
	uint32_t slash = 0; /* bit 0: the byte before was one */

	for (; end - at >= SCAN_STEP; at += SCAN_STEP) {
		bytes16 c = bytes16_load(at);
		/* 0x26 to 0x3b: & ' ( ) * + , - . / digits : ; */
		bytes16 common = (bytes16)(((c | 0x20) - 'a' < 26) | (c - 0x26 < 0x3c - 0x26) | (c == '_') |
					   (c == '~') | (c == '=') | (c == '@'));
		uint32_t slashes = bytes16_mask((bytes16)(c == '/'));
		uint32_t starts = slashes | bytes16_mask((bytes16)(c == '.'));

		if (bytes16_mask(common) != 0xffff || ((slashes << 1 | slash) & starts))
			return false;
		slash = slashes >> (SCAN_STEP - 1);
	}
	for (; at < end; at++) {
		if (!scan_is(*at, SCAN_PATH) || (slash && (*at == '/' || *at == '.')))
			return false;
		slash = *at == '/';
	}
	return true;
}

/* What the pass knows. `out` tells whether anything differed yet; until then `len` counts bytes of the path.
 */
struct normaliser {
	str path;
	size_t at; /* what was read of it */
	unsigned options;
	struct buf *room; /* NULL: a difference is a failure */
	char *out;        /* NULL: no difference yet */
	size_t len, max;  /* what came out; of the path itself while out is NULL */
	size_t segment;   /* where in it the segment under way begins */
	bool has_encoded_slash;
};

static result malformed(const char *why)
{
	return error_make(ERROR_MALFORMED, why);
}

static const char *bytes_out(const struct normaliser *n)
{
	return n->out ? n->out : n->path.ptr;
}

/* From here on the result is another text than the input. */
static result diverge(struct normaliser *n)
{
	if (!n->room)
		return malformed("the path is not normal");
	n->out = n->room->bytes + n->room->len;
	n->max = n->room->max - n->room->len;
	if (n->len > n->max)
		return error_make(ERROR_LIMIT, "no room for the path");
	memcpy(n->out, n->path.ptr, n->len);
	return OK;
}

/* One byte of the result; it may equal the byte of the input at its place for longer than one expects. */
static result put(struct normaliser *n, char c)
{
	if (!n->out) {
		if (n->path.ptr[n->len] == c) {
			n->len++;
			return OK;
		}
		TRY(diverge(n));
	}
	if (n->len == n->max)
		return error_make(ERROR_LIMIT, "no room for the path");
	n->out[n->len++] = c;
	return OK;
}

static result put_escape(struct normaliser *n, unsigned byte)
{
	TRY(put(n, '%'));
	TRY(put(n, "0123456789ABCDEF"[byte >> 4]));
	return put(n, "0123456789ABCDEF"[byte & 15]);
}

/* ".", "..", or either with parameters, which some readers cut off before they look at the dots. */
static bool is_dots(str part, bool *ret_has_parameters)
{
	size_t dots = 0;
	str rest;

	while (dots < part.len && part.ptr[dots] == '.')
		dots++;
	rest = str_skip(part, dots);
	*ret_has_parameters = str_starts(rest, STR(";")) || str_starts(rest, STR("%3B"));
	return (dots == 1 || dots == 2) && (rest.len == 0 || *ret_has_parameters);
}

/* With encoded slashes kept, whoever decodes them sees more segments: none of them may be dots. */
static bool hides_dots(str segment)
{
	bool has_parameters;
	const char *hit;

	while (segment.len && (hit = memmem(segment.ptr, segment.len, "%2F", 3))) {
		size_t len = (size_t)(hit - segment.ptr);

		if (is_dots(str_slice(segment, 0, len), &has_parameters))
			return true;
		segment = str_skip(segment, len + 3);
	}
	return is_dots(segment, &has_parameters);
}

/*
 * Decides about dots when a segment is complete. Slashes were merged before, so ".." always takes a segment
 * that is not empty with it, and what is left ends in a slash.
 */
static result end_segment(struct normaliser *n)
{
	str segment = { bytes_out(n) + n->segment, n->len - n->segment };
	bool has_parameters;

	if (segment.len == 0)
		return OK;
	if (segment.ptr[0] != '.' && !n->has_encoded_slash)
		return OK;
	if (n->has_encoded_slash && str_contains(segment, STR("%2F")))
		return hides_dots(segment) ? malformed("a dot segment beside an encoded slash") : OK;
	if (!is_dots(segment, &has_parameters))
		return OK;
	if (has_parameters)
		return malformed("a dot segment with parameters");
	if (segment.len == 2) {
		if (n->segment == 1)
			return malformed("a dot segment above the root");
		n->segment--;
		while (bytes_out(n)[n->segment - 1] != '/')
			n->segment--;
	}
	n->len = n->segment;
	return OK;
}

/* A slash behind a slash, also behind one that dots left there, is the same slash. */
static result put_slash(struct normaliser *n)
{
	TRY(end_segment(n));
	if (n->len && bytes_out(n)[n->len - 1] == '/')
		return OK;
	TRY(put(n, '/'));
	n->segment = n->len;
	return OK;
}

/* The byte of the escape at n->at, which is read. */
static result read_escape(struct normaliser *n, unsigned *ret_byte)
{
	const char *at = n->path.ptr + n->at;

	if (n->path.len - n->at < 3 || at[0] != '%' || !scan_is(at[1], SCAN_HEX) || !scan_is(at[2], SCAN_HEX))
		return malformed("a malformed escape");
	n->at += 3;
	*ret_byte = scan_hex_value(at[1]) << 4 | scan_hex_value(at[2]);
	return OK;
}

/* The rest of a character of more than one byte, each of them escaped (RFC 3629 section 4: the shortest form
 * only, no surrogates, nothing beyond U+10FFFF). */
static result put_character(struct normaliser *n, unsigned lead)
{
	unsigned more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
	unsigned low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
	unsigned high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;

	if (lead < 0xc2 || lead > 0xf4)
		return malformed("invalid UTF-8");
	TRY(put_escape(n, lead));
	for (; more; more--) {
		unsigned byte;

		TRY(read_escape(n, &byte));
		if (byte < low || byte > high)
			return malformed("invalid UTF-8");
		TRY(put_escape(n, byte));
		low = 0x80;
		high = 0xbf;
	}
	return OK;
}

/* An escape: decoded where that changes nothing about the path's meaning, else kept in upper case, else
 * refused. */
static result put_decoded(struct normaliser *n)
{
	unsigned byte;

	TRY(read_escape(n, &byte));
	if (byte >= 0x80)
		return put_character(n, byte);
	if (scan_is((char)byte, SCAN_UNRESERVED))
		return put(n, (char)byte);
	switch (byte) {
	case '/':
		if (!(n->options & URI_KEEP_ENCODED_SLASHES))
			return malformed("an encoded slash");
		n->has_encoded_slash = true;
		break;
	case '\0':
	case '\n':
	case '\r':
	case '#':
	case '?':
	case '\\':
		return malformed("an encoded separator or line end");
	default:
		break;
	}
	return put_escape(n, byte);
}

/* Raw bytes that no URI may hold but that senders are known to leave unescaped become escapes. */
static result put_next(struct normaliser *n)
{
	char c = n->path.ptr[n->at];

	if (c == '%')
		return put_decoded(n);
	n->at++;
	if (c == '/')
		return put_slash(n);
	if (scan_is(c, SCAN_PATH))
		return put(n, c);
	if (!scan_is(c, SCAN_TARGET) || c == '\\' || c == '?')
		return malformed("a character that no path may hold");
	return put_escape(n, (uint8_t)c);
}

static result normalise(struct normaliser *n)
{
	if (!str_starts(n->path, STR("/")))
		return malformed("a path begins with a slash");
	while (n->at < n->path.len)
		TRY(put_next(n));
	return end_segment(n);
}

result uri_path_normalise(str path, unsigned options, struct buf *room, struct uri_path *ret_path)
{
	struct normaliser n = { .path = path, .options = options, .room = room };

	*ret_path = (struct uri_path) { .text = path };
	if (str_starts(path, STR("/")) && is_plainly_normal(path))
		return OK;
	TRY(normalise(&n));
	ret_path->text = (str) { bytes_out(&n), n.len };
	ret_path->has_encoded_slash = n.has_encoded_slash;
	if (n.out)
		room->len += n.len;
	return OK;
}

bool uri_path_is_normal(str path, unsigned options)
{
	struct uri_path normal;

	return !failed(uri_path_normalise(path, options, NULL, &normal)) && normal.text.len == path.len;
}

bool uri_query_next(str *query, str *ret_name, str *ret_value)
{
	str pair;

	while (query->len) {
		str rest = { 0 };

		pair = *query;
		str_cut(*query, '&', &pair, &rest);
		*query = rest;
		if (pair.len == 0)
			continue;
		*ret_name = pair;
		*ret_value = (str) { 0 };
		str_cut(pair, '=', ret_name, ret_value);
		return true;
	}
	return false;
}

/* Whole and hexadecimal. In a query a bad one is text: nobody decides by it. */
static bool is_escape(str s, size_t at)
{
	return s.len - at >= 3 && s.ptr[at] == '%' && scan_is(s.ptr[at + 1], SCAN_HEX) &&
	       scan_is(s.ptr[at + 2], SCAN_HEX);
}

str uri_decode(str encoded, bool plus_is_space, struct buf *room)
{
	size_t start = room->len, at = 0;
	bool overflow = room->overflow;

	if (!str_contains(encoded, STR("%")) && !(plus_is_space && str_contains(encoded, STR("+"))))
		return encoded;
	while (at < encoded.len) {
		char c = encoded.ptr[at];

		if (is_escape(encoded, at)) {
			c = (char)(scan_hex_value(encoded.ptr[at + 1]) << 4 |
				   scan_hex_value(encoded.ptr[at + 2]));
			at += 2;
		} else if (plus_is_space && c == '+') {
			c = ' ';
		}
		buf_put_char(room, c);
		at++;
	}
	if (room->overflow && !overflow)
		return (str) { 0 };
	return (str) { room->bytes + start, room->len - start };
}
