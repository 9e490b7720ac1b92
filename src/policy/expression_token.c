/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cutting the text of an expression into tokens. A token is read from a place in the text and knows where it
 * began, so that every mistake can be pointed at.
 */
#include "policy/expression_parser.h"

enum { POWER_MAX = 999 };

static bool is_letter(char c)
{
	return (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || c == '_';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* How many bytes from `at` on are of a kind. */
static size_t run_of(str text, size_t at, bool (*is_of)(char c))
{
	size_t len = 0;

	while (at + len < text.len && is_of(text.ptr[at + len]))
		len++;
	return len;
}

static struct token wrong(struct token token, const char *why)
{
	token.kind = TOKEN_WRONG;
	token.why = why;
	return token;
}

static bool is_of_name(char c)
{
	return is_letter(c) || is_digit(c);
}

/* Decimals of so few digits and so small a power of ten are exact doubles, so one multiplication or division
 * rounds as it should. */
enum { DOUBLE_DIGITS = 15, DOUBLE_POWER = 22 };

static double scale(uint64_t digits, int64_t power)
{
	double ten = 1, value = (double)digits;

	for (int64_t i = power < 0 ? -power : power; i > 0; i--)
		ten *= 10;
	return power < 0 ? value / ten : value * ten;
}

/* Zeros at the end behind a point say nothing, and count for nothing. */
static str without_zeros(str mantissa)
{
	while (str_contains(mantissa, STR(".")) && str_ends(mantissa, STR("0")))
		mantissa.len--;
	return mantissa;
}

/* mantissa: digits with a point among them or none; power: what stands behind the e. */
static struct token take_double(struct token token, str mantissa, int64_t power)
{
	static const uint64_t most = 1000000000000000; /* of DOUBLE_DIGITS digits, and one more */
	uint64_t digits = 0;
	bool is_behind = false;

	mantissa = without_zeros(mantissa);
	for (size_t i = 0; i < mantissa.len; i++) {
		if (mantissa.ptr[i] == '.') {
			is_behind = true;
			continue;
		}
		digits = digits * 10 + (uint64_t)(mantissa.ptr[i] - '0');
		power -= is_behind;
		if (digits >= most)
			return wrong(token, "a double has at most 15 digits");
	}
	for (; power > DOUBLE_POWER && digits && digits * 10 < most; power--)
		digits *= 10;
	if (power < -DOUBLE_POWER || power > DOUBLE_POWER)
		return wrong(token, "a double goes from 1e-22 to 1e22");
	token.kind = TOKEN_DOUBLE;
	token.real = scale(digits, power);
	return token;
}

static struct token take_int(struct token token)
{
	uint64_t value;

	if (token.text.len > 1 && token.text.ptr[0] == '0')
		return wrong(token, "a number does not begin with 0");
	if (!str_to_u64(token.text, INT64_MAX, &value))
		return wrong(token, "the number is too large");
	token.kind = TOKEN_INT;
	token.integer = (int64_t)value;
	return token;
}

/* What stands behind the e of a number, with a sign or without. False when nothing does, or too much. */
static bool take_power(str text, size_t *at, int64_t *ret_power)
{
	bool is_negative = *at < text.len && text.ptr[*at] == '-';
	uint64_t power;
	size_t len;

	*at += is_negative || (*at < text.len && text.ptr[*at] == '+');
	len = run_of(text, *at, is_digit);
	if (!str_to_u64(str_slice(text, *at, *at + len), POWER_MAX, &power))
		return false;
	*at += len;
	*ret_power = is_negative ? -(int64_t)power : (int64_t)power;
	return true;
}

/* "12", "1.5", "1e9", "2.5e-3". A point without a digit behind it is none of the number's. */
static struct token take_number(str text, struct token token)
{
	size_t at = token.at + run_of(text, token.at, is_digit), mantissa;
	int64_t power = 0;
	bool is_double = false;

	if (at + 1 < text.len && text.ptr[at] == '.' && is_digit(text.ptr[at + 1])) {
		is_double = true;
		at += 1 + run_of(text, at + 1, is_digit);
	}
	mantissa = at;
	if (at < text.len && ascii_lower(text.ptr[at]) == 'e') {
		is_double = true;
		at++;
		if (!take_power(text, &at, &power))
			return wrong(token, "want a power of ten behind the e of a number");
	}
	token.text = str_slice(text, token.at, at);
	if (at < text.len && is_of_name(text.ptr[at]))
		return wrong(token, "a number ends where a name begins");
	return is_double ? take_double(token, str_slice(text, token.at, mantissa), power) : take_int(token);
}

static bool unescape(char c, char *ret_byte)
{
	static const char from[] = "\\'\"nrt", to[] = "\\'\"\n\r\t";
	const char *found = c ? strchr(from, c) : NULL;

	if (found)
		*ret_byte = to[found - from];
	return found != NULL;
}

/* Puts down what stands before the closing quote; its place is where the text ends when there is none. NULL,
 * or what is wrong. */
static const char *read_string(str text, size_t *at, char quote, bool is_raw, struct buf *out)
{
	for (; *at < text.len && text.ptr[*at] != quote; ++*at) {
		char c = text.ptr[*at];

		if ((uint8_t)c < 0x20)
			return "a text ends on the line where it begins; write \\n for a line end";
		if (c == '\\' && !is_raw) {
			++*at;
			if (*at == text.len || !unescape(text.ptr[*at], &c))
				return "a text knows the escapes \\\\, \\', \\\", \\n, \\r and \\t; without "
				       "any: "
				       "r'...'";
		}
		buf_put_char(out, c);
	}
	return *at == text.len ? "the text has no end" : NULL;
}

/* from: behind the quote. */
static struct token take_string(struct arena *arena, str text, struct token token, size_t from, bool is_raw)
{
	struct buf room = arena_open(arena, text.len - from);
	size_t end = from;
	const char *why = read_string(text, &end, text.ptr[from - 1], is_raw, &room);

	token.string = arena_close(arena, &room);
	if (why)
		return wrong(token, why);
	token.kind = TOKEN_STRING;
	token.text = str_slice(text, token.at, end + 1);
	return token;
}

static struct token take_sign(str text, struct token token)
{
	static const char *const signs[] = { "&&", "||", "==", "!=", "<=", ">=", "<", ">", "!", "?",
					     ":",  "+",  "-",  "(",  ")",  "[",  "]", ",", "." };
	str rest = str_skip(text, token.at);

	for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
		if (!str_starts(rest, str_of(signs[i])))
			continue;
		token.kind = TOKEN_SIGN;
		token.text = str_slice(rest, 0, strlen(signs[i]));
		return token;
	}
	token.text = str_slice(rest, 0, 1);
	if (rest.ptr[0] == '=')
		return wrong(token, "equality is ==");
	if (rest.ptr[0] == '&' || rest.ptr[0] == '|')
		return wrong(token, "and and or are && and ||");
	return wrong(token, "this cannot stand in an expression");
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

struct token expression_token(struct arena *arena, str text, size_t at)
{
	struct token token = { .kind = TOKEN_END, .at = at + run_of(text, at, is_space) };
	char c, next;

	if (token.at >= text.len)
		return token;
	c = text.ptr[token.at];
	next = token.at + 1 < text.len ? text.ptr[token.at + 1] : 0;
	if (c == '"' || c == '\'')
		return take_string(arena, text, token, token.at + 1, false);
	if (c == 'r' && (next == '"' || next == '\''))
		return take_string(arena, text, token, token.at + 2, true);
	if (is_digit(c))
		return take_number(text, token);
	if (!is_letter(c))
		return take_sign(text, token);
	token.kind = TOKEN_NAME;
	token.text = str_slice(text, token.at, token.at + run_of(text, token.at, is_of_name));
	return token;
}
