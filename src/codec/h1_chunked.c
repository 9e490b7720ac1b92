/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The chunked coding (RFC 9112 section 7.1), taken off byte by byte; only content and trailers are seen as
 * more than one byte. The line of a chunk's size is a small automaton, written as a table of what may follow
 * what.
 */
#include "codec/h1_private.h"

#include "base/assert.h"
#include "codec/scan.h"

/* Far more than any size needs; leading zeros are legal. */
enum { SIZE_DIGITS_MAX = 16 };

/* Zero is where a chunk begins. */
enum chunk_state {
	SIZE,      /* the line's first byte: a digit */
	SIZE_MORE, /* digits, or what ends them */
	/* The rest of the line: what the automaton knows. */
	NAME_START, /* after ';' */
	NAME,
	NAME_END, /* whitespace after a name */
	VALUE_START,
	VALUE,
	QUOTED,
	QUOTED_PAIR, /* after a backslash: any text byte stands for itself */
	VALUE_END,   /* whitespace after a value or after the digits: another extension must follow */
	QUOTED_END,
	SIZE_LF,
	/* Behind it. */
	CONTENT,
	CONTENT_CR, /* all content of the chunk was used */
	CONTENT_LF,
	TRAILERS,
	END,
};

/* What the automaton tells apart; the digits of a size are told before it is asked. */
enum byte_class { TOKEN, BLANK, SEMICOLON, EQUALS, QUOTE, BACKSLASH, TEXT, CR, CONTROL, CLASSES };

/* Where nothing is written stands SIZE, which nothing can be followed by: an error. */
static const uint8_t next_states[SIZE_LF][CLASSES] = {
	[SIZE_MORE] = { [BLANK] = VALUE_END, [SEMICOLON] = NAME_START, [CR] = SIZE_LF },
	[NAME_START] = { [BLANK] = NAME_START, [TOKEN] = NAME },
	[NAME] = { [TOKEN] = NAME,
		   [BLANK] = NAME_END,
		   [EQUALS] = VALUE_START,
		   [SEMICOLON] = NAME_START,
		   [CR] = SIZE_LF },
	[NAME_END] = { [BLANK] = NAME_END, [EQUALS] = VALUE_START, [SEMICOLON] = NAME_START },
	[VALUE_START] = { [BLANK] = VALUE_START, [TOKEN] = VALUE, [QUOTE] = QUOTED },
	[VALUE] = { [TOKEN] = VALUE, [BLANK] = VALUE_END, [SEMICOLON] = NAME_START, [CR] = SIZE_LF },
	[QUOTED] = { [TOKEN] = QUOTED,
		     [BLANK] = QUOTED,
		     [SEMICOLON] = QUOTED,
		     [EQUALS] = QUOTED,
		     [TEXT] = QUOTED,
		     [BACKSLASH] = QUOTED_PAIR,
		     [QUOTE] = QUOTED_END },
	[QUOTED_PAIR] = { [TOKEN] = QUOTED,
			  [BLANK] = QUOTED,
			  [SEMICOLON] = QUOTED,
			  [EQUALS] = QUOTED,
			  [TEXT] = QUOTED,
			  [BACKSLASH] = QUOTED,
			  [QUOTE] = QUOTED },
	[VALUE_END] = { [BLANK] = VALUE_END, [SEMICOLON] = NAME_START },
	[QUOTED_END] = { [BLANK] = VALUE_END, [SEMICOLON] = NAME_START, [CR] = SIZE_LF },
};

static enum byte_class class_of(char c)
{
	switch (c) {
	case ' ':
	case '\t':
		return BLANK;
	case ';':
		return SEMICOLON;
	case '=':
		return EQUALS;
	case '"':
		return QUOTE;
	case '\\':
		return BACKSLASH;
	case '\r':
		return CR;
	default:
		return scan_is(c, SCAN_TOKEN) ? TOKEN : scan_is(c, SCAN_VALUE) ? TEXT : CONTROL;
	}
}

/* Sizes beyond INT64_MAX are refused, so that no reader of them can see a negative number or wrap round. */
static enum h1_error digit_read(struct h1_chunked *chunked, char c)
{
	if (++chunked->digits > SIZE_DIGITS_MAX || chunked->left > INT64_MAX >> 4)
		return H1_ERROR_CHUNK_SIZE;
	chunked->left = chunked->left << 4 | scan_hex_value(c);
	chunked->state = SIZE_MORE;
	return H1_ERROR_NONE;
}

/* A byte of the line that tells a chunk's size, but for its LF. */
static enum h1_error size_byte_read(struct h1_chunked *chunked, char c,
				    const struct h1_chunked_limits *limits)
{
	bool in_digits = chunked->state == SIZE || chunked->state == SIZE_MORE;
	unsigned next;

	if (in_digits && scan_is(c, SCAN_HEX))
		return digit_read(chunked, c);
	next = next_states[chunked->state][class_of(c)];
	if (next == SIZE)
		return in_digits ? H1_ERROR_CHUNK_SIZE : H1_ERROR_CHUNK_EXTENSION;
	if (next != SIZE_LF && ++chunked->extension > limits->extension)
		return H1_ERROR_CHUNK_EXTENSION_LONG;
	chunked->state = (int)next;
	return H1_ERROR_NONE;
}

/* The bytes between content and the next size are fixed: whoever skips two bytes blindly can be led past
 * them. */
static enum h1_error expect_byte(struct h1_chunked *chunked, char c, char expected, enum chunk_state next)
{
	if (c != expected)
		return H1_ERROR_CHUNK_END;
	chunked->state = next;
	return H1_ERROR_NONE;
}

/* One byte of framing. */
static enum h1_error byte_read(struct h1_chunked *chunked, char c, const struct h1_chunked_limits *limits)
{
	enum h1_error error;

	switch (chunked->state) {
	case SIZE_LF:
		error = expect_byte(chunked, c, '\n', chunked->left ? CONTENT : TRAILERS);
		chunked->digits = 0;
		return error == H1_ERROR_NONE ? error : H1_ERROR_CHUNK_SIZE;
	case CONTENT_CR:
		return expect_byte(chunked, c, '\r', CONTENT_LF);
	case CONTENT_LF:
		return expect_byte(chunked, c, '\n', SIZE);
	default:
		return size_byte_read(chunked, c, limits);
	}
}

static enum h1_chunked_state fail(struct h1_chunked *chunked, enum h1_error error)
{
	chunked->error = error;
	return H1_CHUNKED_FAILED;
}

/* Trailers are fields like any other, but they begin with the bytes given, and those may have moved. */
static enum h1_chunked_state trailers_read(struct h1_chunked *chunked, str input,
					   const struct h1_limits *limits, struct http_fields *trailers,
					   size_t *ret_taken)
{
	struct h1_parser *parser = &chunked->trailers;
	str section = str_skip(input, *ret_taken);
	size_t len;

	if (parser->base != section.ptr) {
		*parser = (struct h1_parser) { .base = section.ptr };
		trailers->count = 0;
	}
	switch (h1_fields_parse(parser, section, limits, trailers, &len)) {
	case H1_MORE:
		return H1_CHUNKED_MORE;
	case H1_FAILED:
		return fail(chunked, parser->error);
	case H1_DONE:
		break;
	}
	http_fields_keep_trailers(trailers);
	*ret_taken += len;
	chunked->state = END;
	return H1_CHUNKED_END;
}

enum h1_chunked_state h1_chunked_next(struct h1_chunked *chunked, str input,
				      const struct h1_chunked_limits *limits, struct http_fields *trailers,
				      size_t *ret_taken, str *ret_content)
{
	*ret_taken = 0;
	*ret_content = (str) { 0 };
	if (chunked->error != H1_ERROR_NONE)
		return H1_CHUNKED_FAILED;
	while (*ret_taken < input.len && chunked->state < TRAILERS) {
		enum h1_error error;

		if (chunked->state == CONTENT) {
			*ret_content = str_skip(input, *ret_taken);
			if (ret_content->len > chunked->left)
				ret_content->len = chunked->left;
			return H1_CHUNKED_CONTENT;
		}
		error = byte_read(chunked, input.ptr[*ret_taken], limits);
		if (error != H1_ERROR_NONE)
			return fail(chunked, error);
		++*ret_taken;
	}
	if (chunked->state == END)
		return H1_CHUNKED_END;
	if (chunked->state == TRAILERS && *ret_taken < input.len)
		return trailers_read(chunked, input, &limits->trailers, trailers, ret_taken);
	return H1_CHUNKED_MORE;
}

void h1_chunked_used(struct h1_chunked *chunked, uint64_t n)
{
	ASSERT(chunked->state == CONTENT && n <= chunked->left);
	chunked->left -= n;
	if (chunked->left == 0)
		chunked->state = CONTENT_CR;
}
