/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The algorithms of RFC 8941 section 4.2, one function each. The rest of the text is handed on as a slice
 * that each function takes from the front of.
 */
#include "codec/structured_field.h"

#include "codec/base64.h"

enum {
	DIGITS_MAX = 15,
	WHOLE_DIGITS_MAX = 12, /* of a decimal */
	FRACTION_MAX = 3,
	THOUSAND = 1000,
	ROOM_LEAST = 2 * STRUCTURED_MAX, /* of the arena, for each member and item */
};

/* Lives on the stack of who parses; what is found points into the text or into the arena, and lasts as
 * long as these. */
struct parser {
	str rest;
	struct arena *arena;
};

static result malformed(const char *why)
{
	return error_make(ERROR_MALFORMED, why);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_alpha(char c)
{
	return is_lower(ascii_lower(c));
}

/* tchar of RFC 9110 section 5.6.2, with ':' and '/'. */
static bool is_token_char(char c)
{
	return is_digit(c) || is_alpha(c) || (c && strchr("!#$%&'*+-.^_`|~:/", c));
}

static char next(const struct parser *parser)
{
	return parser->rest.len ? parser->rest.ptr[0] : 0;
}

static void skip(struct parser *parser, size_t n)
{
	parser->rest = str_skip(parser->rest, n);
}

static bool take(struct parser *parser, char c)
{
	if (!parser->rest.len || next(parser) != c)
		return false;
	skip(parser, 1);
	return true;
}

static void skip_spaces(struct parser *parser)
{
	while (take(parser, ' ')) {
	}
}

/* OWS */
static void skip_blanks(struct parser *parser)
{
	while (take(parser, ' ') || take(parser, '\t')) {
	}
}

/* ---- bare items ---- */

static size_t digits_of(str text)
{
	size_t count = 0;

	while (count < text.len && is_digit(text.ptr[count]))
		count++;
	return count;
}

static int64_t number_of(str digits)
{
	int64_t number = 0;

	for (size_t i = 0; i < digits.len; i++)
		number = number * 10 + (digits.ptr[i] - '0');
	return number;
}

/* Behind the point: one to three digits (section 3.3.2). */
static result parse_fraction(struct parser *parser, size_t whole_digits, int64_t *number)
{
	size_t count = digits_of(parser->rest);

	if (whole_digits > WHOLE_DIGITS_MAX || count == 0 || count > FRACTION_MAX)
		return malformed("that is no decimal");
	*number = *number * THOUSAND;
	for (size_t i = 0, unit = THOUSAND / 10; i < count; i++, unit /= 10)
		*number += (int64_t)unit * (parser->rest.ptr[i] - '0');
	skip(parser, count);
	return OK;
}

/* A decimal is kept as thousandths, of which it has no more (section 4.2.4): no floating point, no
 * rounding. */
static result parse_number(struct parser *parser, struct structured_bare *ret_bare)
{
	bool is_negative = take(parser, '-');
	size_t count = digits_of(parser->rest);

	if (count == 0 || count > DIGITS_MAX)
		return malformed("that is no number");
	ret_bare->kind = STRUCTURED_INTEGER;
	ret_bare->number = number_of(str_slice(parser->rest, 0, count));
	skip(parser, count);
	if (take(parser, '.')) {
		ret_bare->kind = STRUCTURED_DECIMAL;
		TRY(parse_fraction(parser, count, &ret_bare->number));
	}
	if (is_negative)
		ret_bare->number = -ret_bare->number;
	return OK;
}

/* As long as the string is, with its escapes; behind the opening quote. */
static size_t string_len(str text)
{
	size_t len = 0;

	while (len < text.len && text.ptr[len] != '"')
		len += text.ptr[len] == '\\' ? 2 : 1;
	return len;
}

/* A backslash is never the last: string_len() has counted what follows it. Only quotes and backslashes may
 * be escaped (section 4.2.5). */
static result unescape(str text, struct buf *out)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];

		if (c == '\\' && (c = text.ptr[++i]) != '"' && c != '\\')
			return malformed("a string escapes what needs no escape");
		if (c < 0x20 || c > 0x7e)
			return malformed("a string has what is no visible ASCII");
		buf_put_char(out, c);
	}
	return OK;
}

static result parse_string(struct parser *parser, struct structured_bare *ret_bare)
{
	size_t len = string_len(parser->rest);
	struct buf out;

	if (len >= parser->rest.len)
		return malformed("a string does not end");
	out = buf_over(arena_bytes(parser->arena, len), len);
	TRY(unescape(str_slice(parser->rest, 0, len), &out));
	ret_bare->kind = STRUCTURED_STRING;
	ret_bare->text = buf_str(&out);
	skip(parser, len + 1);
	return OK;
}

/* The first character was looked at by who calls; the others may also be digits and signs (section 3.3.4). */
static result parse_token(struct parser *parser, struct structured_bare *ret_bare)
{
	size_t count = 1;

	while (count < parser->rest.len && is_token_char(parser->rest.ptr[count]))
		count++;
	ret_bare->kind = STRUCTURED_TOKEN;
	ret_bare->text = str_slice(parser->rest, 0, count);
	skip(parser, count);
	return OK;
}

/* Behind the opening colon. */
static result parse_bytes(struct parser *parser, struct structured_bare *ret_bare)
{
	struct base64_decoder decoder = { 0 };
	struct buf out;
	str text, rest;

	if (!str_cut(parser->rest, ':', &text, &rest))
		return malformed("bytes do not end");
	parser->rest = rest;
	out = buf_over(arena_bytes(parser->arena, text.len + BASE64_GROUP_BYTES),
		       text.len + BASE64_GROUP_BYTES);
	if (text.len > BASE64_GROUP && str_contains(str_slice(text, 0, text.len - BASE64_GROUP), STR("=")))
		return malformed("bytes end in their midst");
	if (failed(base64_decode(&decoder, &text, &out)) || text.len || !base64_decode_is_whole(&decoder))
		return malformed("bytes are not in base64");
	ret_bare->kind = STRUCTURED_BYTES;
	ret_bare->text = buf_str(&out);
	return OK;
}

/* Behind the question mark (section 4.2.8). */
static result parse_boolean(struct parser *parser, struct structured_bare *ret_bare)
{
	ret_bare->kind = STRUCTURED_BOOLEAN;
	ret_bare->number = take(parser, '1');
	return ret_bare->number || take(parser, '0') ? OK : malformed("a boolean is ?0 or ?1");
}

/* What it is, its first character tells (section 4.2.3.1). */
static result parse_bare(struct parser *parser, struct structured_bare *ret_bare)
{
	char c = next(parser);

	*ret_bare = (struct structured_bare) { 0 };
	if (c == '-' || is_digit(c))
		return parse_number(parser, ret_bare);
	if (is_alpha(c) || c == '*')
		return parse_token(parser, ret_bare);
	if (take(parser, '"'))
		return parse_string(parser, ret_bare);
	if (take(parser, ':'))
		return parse_bytes(parser, ret_bare);
	if (take(parser, '?'))
		return parse_boolean(parser, ret_bare);
	return malformed("that begins like nothing that there is");
}

/* ---- what is made of them ---- */

/* Section 4.2.3.3: small letters only, so that no two keys differ by case alone. */
static result parse_key(struct parser *parser, str *ret_key)
{
	size_t count = 0;

	if (!is_lower(next(parser)) && next(parser) != '*')
		return malformed("a key begins with a small letter");
	while (count < parser->rest.len) {
		char c = parser->rest.ptr[count];

		if (!is_lower(c) && !is_digit(c) && c != '_' && c != '-' && c != '.' && c != '*')
			break;
		count++;
	}
	*ret_key = str_slice(parser->rest, 0, count);
	skip(parser, count);
	return OK;
}

static result parse_parameter(struct parser *parser, struct structured_parameter *ret_parameter)
{
	skip_spaces(parser);
	TRY(parse_key(parser, &ret_parameter->key));
	if (take(parser, '='))
		return parse_bare(parser, &ret_parameter->value);
	ret_parameter->value = (struct structured_bare) { .kind = STRUCTURED_BOOLEAN, .number = 1 };
	return OK;
}

/* Found one by one on the stack, and kept when it is known how many there are. */
static result parse_parameters(struct parser *parser, struct structured_parameters *ret_parameters)
{
	struct structured_parameter at[STRUCTURED_PARAMETERS_MAX], *kept;
	size_t count = 0;

	while (take(parser, ';')) {
		if (count == STRUCTURED_PARAMETERS_MAX)
			return error_make(ERROR_LIMIT, "too many parameters");
		TRY(parse_parameter(parser, &at[count]));
		ret_parameters->at = at;
		ret_parameters->count = count;
		if (structured_parameter(ret_parameters, at[count].key))
			return malformed("a parameter stands twice");
		count++;
	}
	kept = ARENA_ARRAY(parser->arena, struct structured_parameter, count);
	if (count)
		memcpy(kept, at, count * sizeof *at);
	*ret_parameters = (struct structured_parameters) { kept, count };
	return OK;
}

/* A value and what is said of it (section 4.2.3). */
static result parse_item(struct parser *parser, struct structured_item *ret_item)
{
	*ret_item = (struct structured_item) { 0 };
	TRY(parse_bare(parser, &ret_item->bare));
	return parse_parameters(parser, &ret_item->parameters);
}

/* Behind the opening parenthesis. */
static result parse_inner_list(struct parser *parser, struct structured_item *ret_item)
{
	struct structured_item *items =
		ARENA_ARRAY(parser->arena, struct structured_item, STRUCTURED_ITEMS_MAX);

	*ret_item = (struct structured_item) { .bare.kind = STRUCTURED_INNER_LIST, .items = items };
	for (skip_spaces(parser); !take(parser, ')'); skip_spaces(parser)) {
		if (ret_item->count == STRUCTURED_ITEMS_MAX || arena_left(parser->arena) < ROOM_LEAST)
			return error_make(ERROR_LIMIT, "a list is too long");
		TRY(parse_item(parser, &items[ret_item->count++]));
		if (next(parser) != ' ' && next(parser) != ')')
			return malformed("items stand too close");
	}
	return parse_parameters(parser, &ret_item->parameters);
}

/* A key alone is true (section 4.2.2). */
static result parse_value(struct parser *parser, struct structured_item *ret_item)
{
	if (take(parser, '='))
		return take(parser, '(') ? parse_inner_list(parser, ret_item) : parse_item(parser, ret_item);
	*ret_item = (struct structured_item) { .bare = { .kind = STRUCTURED_BOOLEAN, .number = 1 } };
	return parse_parameters(parser, &ret_item->parameters);
}

/* The RFC lets the last of two members with one key count (section 4.2.2). Here two are refused: of a
 * signature and of what it covers there must be one reading. */
static result parse_member(struct parser *parser, struct structured_dictionary *dictionary,
			   struct structured_member *ret_member)
{
	if (dictionary->count == STRUCTURED_MEMBERS_MAX || arena_left(parser->arena) < ROOM_LEAST)
		return error_make(ERROR_LIMIT, "a dictionary is too large");
	TRY(parse_key(parser, &ret_member->key));
	if (structured_find(dictionary, ret_member->key))
		return malformed("a key stands twice");
	TRY(parse_value(parser, &ret_member->value));
	dictionary->count++;
	return OK;
}

result structured_dictionary_parse(str text, struct arena *arena,
				   struct structured_dictionary *ret_dictionary)
{
	struct parser parser = { text, arena };
	struct structured_member *members;

	*ret_dictionary = (struct structured_dictionary) { 0 };
	if (text.len > STRUCTURED_MAX || arena_left(arena) < ROOM_LEAST)
		return error_make(ERROR_LIMIT, "a structured field is too large");
	members = ARENA_ARRAY(arena, struct structured_member, STRUCTURED_MEMBERS_MAX);
	ret_dictionary->at = members;
	skip_spaces(&parser);
	while (parser.rest.len) {
		TRY(parse_member(&parser, ret_dictionary, &members[ret_dictionary->count]));
		skip_blanks(&parser);
		if (!parser.rest.len)
			return OK;
		if (!take(&parser, ','))
			return malformed("members are separated by commas");
		skip_blanks(&parser);
		if (!parser.rest.len)
			return malformed("a comma is the last");
	}
	return OK;
}

/* ---- looking ---- */

const struct structured_item *structured_find(const struct structured_dictionary *dictionary, str key)
{
	for (size_t i = 0; i < dictionary->count; i++)
		if (str_eq(dictionary->at[i].key, key))
			return &dictionary->at[i].value;
	return NULL;
}

const struct structured_bare *structured_parameter(const struct structured_parameters *parameters, str key)
{
	for (size_t i = 0; i < parameters->count; i++)
		if (str_eq(parameters->at[i].key, key))
			return &parameters->at[i].value;
	return NULL;
}

/* ---- printing ---- */

static void print_integer(int64_t number, struct buf *out)
{
	if (number < 0)
		buf_put_char(out, '-');
	buf_put_u64(out, (uint64_t)(number < 0 ? -number : number));
}

/* As few digits behind the point as there are, and at least one. */
static void print_decimal(int64_t thousandths, struct buf *out)
{
	int64_t size = thousandths < 0 ? -thousandths : thousandths, fraction = size % THOUSAND;

	if (thousandths < 0)
		buf_put_char(out, '-');
	buf_put_u64(out, (uint64_t)(size / THOUSAND));
	buf_put_char(out, '.');
	do { /* three times at most */
		fraction *= 10;
		buf_put_char(out, (char)('0' + fraction / THOUSAND));
		fraction %= THOUSAND;
	} while (fraction);
}

/* Only what was parsed is printed, so there is nothing but visible ASCII in it. */
static void print_string(str text, struct buf *out)
{
	buf_put_char(out, '"');
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == '"' || text.ptr[i] == '\\')
			buf_put_char(out, '\\');
		buf_put_char(out, text.ptr[i]);
	}
	buf_put_char(out, '"');
}

static void print_bytes(str bytes, struct buf *out)
{
	struct base64_encoder encoder = { 0 };

	buf_put_char(out, ':');
	base64_encode(&encoder, &bytes, out);
	base64_encode_end(&encoder, out);
	buf_put_char(out, ':');
}

static void print_bare(const struct structured_bare *bare, struct buf *out)
{
	switch (bare->kind) {
	case STRUCTURED_INTEGER:
		print_integer(bare->number, out);
		return;
	case STRUCTURED_DECIMAL:
		print_decimal(bare->number, out);
		return;
	case STRUCTURED_STRING:
		print_string(bare->text, out);
		return;
	case STRUCTURED_TOKEN:
		buf_put(out, bare->text);
		return;
	case STRUCTURED_BYTES:
		print_bytes(bare->text, out);
		return;
	default:
		buf_put(out, bare->number ? STR("?1") : STR("?0"));
	}
}

/* What is true is said by its name alone. */
static void print_parameters(const struct structured_parameters *parameters, struct buf *out)
{
	for (size_t i = 0; i < parameters->count; i++) {
		const struct structured_parameter *parameter = &parameters->at[i];

		buf_put_char(out, ';');
		buf_put(out, parameter->key);
		if (parameter->value.kind == STRUCTURED_BOOLEAN && parameter->value.number)
			continue;
		buf_put_char(out, '=');
		print_bare(&parameter->value, out);
	}
}

/* In the one way that section 4.1 has: what was written with other blanks is signed as if it were not. */
void structured_item_print(const struct structured_item *item, struct buf *out)
{
	if (item->bare.kind != STRUCTURED_INNER_LIST) {
		print_bare(&item->bare, out);
		print_parameters(&item->parameters, out);
		return;
	}
	buf_put_char(out, '(');
	for (size_t i = 0; i < item->count; i++) {
		if (i)
			buf_put_char(out, ' ');
		print_bare(&item->items[i].bare, out);
		print_parameters(&item->items[i].parameters, out);
	}
	buf_put_char(out, ')');
	print_parameters(&item->parameters, out);
}
