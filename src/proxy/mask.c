/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/mask.h"

#include "codec/scan.h"
#include "observe/log_text.h"

/* What is shorter is no secret, and would be found in half of all words. */
enum { SECRET_LEAST = 4 };

struct secret {
	str text;
	struct secret *next; /* that begins with the same bytes */
};

/* ---- what is masked ---- */

void mask_init(struct mask *mask, const struct mask *base, str_list redact, struct arena *arena)
{
	*mask = (struct mask) { .base = base, .redact = redact, .arena = arena };
	map_init(&mask->known, arena, SIZE_MAX);
	map_init(&mask->begun, arena, SIZE_MAX);
}

static void add_text(struct mask *mask, str text)
{
	str beginning = str_slice(text, 0, SECRET_LEAST);
	struct secret *secret, *first;

	if (text.len < SECRET_LEAST || map_get(&mask->known, text))
		return;
	secret = ARENA_NEW(mask->arena, struct secret);
	secret->text = text;
	map_add(&mask->known, text, secret);
	first = map_get(&mask->begun, beginning);
	if (!first) {
		map_add(&mask->begun, beginning, secret);
		return;
	}
	secret->next = first->next;
	first->next = secret;
}

/* What a default stands for is written in the file. */
static bool is_from_outside(const struct node *node)
{
	const struct node_literals *literals = node->literals;
	bool is_outside = !literals;

	for (size_t i = 0; literals && i < literals->count; i++)
		is_outside |= literals->at[i].is_outside;
	return node->is_expanded && is_outside;
}

/* Each part, as something else may stand for the rest; all of it where a part alone is no secret. */
static void add_scalar(struct mask *mask, const struct node *node)
{
	bool is_whole = !node->literals;

	for (size_t i = 0; node->literals && i < node->literals->count; i++) {
		struct node_span span = node->literals->at[i];
		str part = str_slice(node->text, span.from, span.to);

		if (!span.is_outside)
			continue;
		add_text(mask, part);
		is_whole |= part.len && part.len < SECRET_LEAST;
	}
	if (is_whole)
		add_text(mask, node->text);
}

/* As deep as the file is, which has a bound. */
void mask_add_node(struct mask *mask, const struct node *node)
{
	if (!node)
		return;
	if (node->kind == NODE_SCALAR) {
		if (is_from_outside(node))
			add_scalar(mask, node);
		return;
	}
	for (const struct node *child = node->first; child; child = child->next)
		mask_add_node(mask, child);
}

void mask_add_policies(struct mask *mask, const struct policy_chain *policies)
{
	mask->policies = policies;
	for (size_t i = 0; policies && i < policies->count; i++)
		mask_add_node(mask, policies->at[i].options);
}

/* ---- how it is written ---- */

/* How many bytes of a text stand for which of a secret's. */
struct piece {
	char bytes[4];
	size_t len, taken;
};

static struct piece take_plain(str text)
{
	return (struct piece) { { text.ptr[0] }, 1, 1 };
}

/* The rest of an escape would have told. */
static struct piece take_cut_off(str text)
{
	return (struct piece) { .taken = text.len };
}

/* False for what is no hexadecimal number of so many digits. */
static bool read_hex(str digits, size_t count, uint32_t *ret_value)
{
	uint32_t value = 0;

	for (size_t i = 0; i < count; i++) {
		if (i >= digits.len || !scan_is(digits.ptr[i], SCAN_HEX))
			return false;
		value = value << 4 | scan_hex_value(digits.ptr[i]);
	}
	*ret_value = value;
	return true;
}

/* Two digits behind a sign of so many bytes. */
static struct piece take_byte(str text, size_t sign)
{
	uint32_t byte;

	if (text.len < sign + 2)
		return take_cut_off(text);
	if (!read_hex(str_skip(text, sign), 2, &byte))
		return take_plain(text);
	return (struct piece) { { (char)byte }, 1, sign + 2 };
}

static struct piece take_percent(str text)
{
	return text.ptr[0] == '%' ? take_byte(text, 1) : take_plain(text);
}

/* In UTF-8. */
static struct piece piece_of(uint32_t character, size_t taken)
{
	static const uint8_t leads[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	struct piece piece = { .len = 1, .taken = taken };

	piece.len += (character >= 0x80) + (character >= 0x800) + (character >= 0x10000);
	for (size_t i = piece.len - 1; i > 0; i--, character >>= 6)
		piece.bytes[i] = (char)(0x80 | (character & 0x3f));
	piece.bytes[0] = (char)(leads[piece.len] | character);
	return piece;
}

/* \u00e9; what is beyond U+FFFF takes two of them. */
static struct piece take_character(str text)
{
	uint32_t character, low;

	if (text.len < 6)
		return take_cut_off(text);
	if (!read_hex(str_skip(text, 2), 4, &character))
		return take_plain(text);
	if (character >> 10 != 0xd800 >> 10)
		return piece_of(character, 6);
	if (text.len < 12)
		return take_cut_off(text);
	if (!str_starts(str_skip(text, 6), STR("\\u")) || !read_hex(str_skip(text, 8), 4, &low))
		return take_plain(text);
	return piece_of(0x10000 + ((character & 0x3ff) << 10 | (low & 0x3ff)), 12);
}

/* In JSON, and in the log's texts, which have \x for bytes. */
static struct piece take_escaped(str text)
{
	static const char letters[] = "bfnrt", bytes[] = "\b\f\n\r\t";
	const char *letter;

	if (text.ptr[0] != '\\')
		return take_plain(text);
	if (text.len < 2)
		return take_cut_off(text);
	if (text.ptr[1] == 'u')
		return take_character(text);
	if (text.ptr[1] == 'x')
		return take_byte(text, 2);
	letter = memchr(letters, text.ptr[1], sizeof letters - 1);
	return (struct piece) { { letter ? bytes[letter - letters] : text.ptr[1] }, 1, 2 };
}

static const struct form {
	char sign; /* without it in a text, it is as the first form has it */
	struct piece (*take)(str text);
} forms[] = { { 0, take_plain }, { '%', take_percent }, { '\\', take_escaped } };

enum { FORMS = sizeof forms / sizeof *forms };

/* ---- where it is found ---- */

/* How much of the text is the secret: all of it, or as much as there was room for. */
static size_t covered_by(const struct form *form, str text, str secret)
{
	size_t at = 0;

	while (at < text.len && secret.len) {
		struct piece piece = form->take(str_skip(text, at));

		if (!str_starts(secret, (str) { piece.bytes, piece.len }))
			return 0;
		secret = str_skip(secret, piece.len);
		at += piece.taken;
	}
	return at;
}

/* The first bytes that a text stands for; fewer when it ends before. */
static str read_beginning(const struct form *form, str text, struct buf *room)
{
	while (text.len && room->len < SECRET_LEAST) {
		struct piece piece = form->take(text);

		buf_put(room, (str) { piece.bytes, piece.len });
		text = str_skip(text, piece.taken);
	}
	return str_slice(buf_str(room), 0, SECRET_LEAST);
}

/* The longest secret that the text begins with in this form; 0: none. */
static size_t longest_in(const struct mask *mask, const struct form *form, str text)
{
	char bytes[SECRET_LEAST + sizeof(struct piece)];
	struct buf room = buf_over(bytes, sizeof bytes);
	str beginning = read_beginning(form, text, &room);
	size_t longest = 0;

	for (; mask && beginning.len == SECRET_LEAST; mask = mask->base) {
		const struct secret *secret = map_get(&mask->begun, beginning);

		for (; secret; secret = secret->next) {
			size_t covered = covered_by(form, text, secret->text);

			longest = covered > longest ? covered : longest;
		}
	}
	return longest;
}

static size_t longest_of(const struct mask *mask, const bool *is_used, str text)
{
	size_t longest = 0;

	for (size_t i = 0; i < FORMS; i++) {
		size_t covered = is_used[i] ? longest_in(mask, &forms[i], text) : 0;

		longest = covered > longest ? covered : longest;
	}
	return longest;
}

/* Looked for in the words as they were, at every place, because one secret may hold or overlap another. It
 * becomes shorter at most: nothing of less than four bytes is replaced. */
str mask_words(const struct mask *mask, str words, struct arena *arena)
{
	struct buf out = arena_open(arena, words.len);
	bool is_used[FORMS] = { true }, was_covered = false;
	size_t covered = 0, at;

	for (size_t i = 1; i < FORMS; i++)
		is_used[i] = str_find(words, forms[i].sign, &at);
	for (at = 0; at < words.len; at++) {
		size_t end = at + longest_of(mask, is_used, str_skip(words, at));

		covered = end > covered ? end : covered;
		if (at >= covered)
			buf_put_char(&out, words.ptr[at]);
		else if (!was_covered)
			buf_put(&out, STR("***"));
		was_covered = at < covered;
	}
	return arena_close(arena, &out);
}

str mask_query(const struct mask *mask, str query, struct arena *arena)
{
	struct buf out = arena_open(arena, 6 * query.len + 64);

	log_put_query(&out, LOG_ESCAPE_TEXT, query, mask->redact);
	return arena_close(arena, &out);
}

str mask_url(const struct mask *mask, str url, struct arena *arena)
{
	struct buf out = arena_open(arena, 6 * url.len + 64);

	log_put_url(&out, LOG_ESCAPE_TEXT, url, true, mask->redact);
	return arena_close(arena, &out);
}

/* Where credentials are: the request's own, and labels that hold a consumer's key to an upstream. */
static bool names_secret(str text)
{
	static const str parts[] = { STR_INIT("${request.header."), STR_INIT("${request.query"),
				     STR_INIT("${consumer.label.") };

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if (str_contains(text, parts[i]))
			return true;
	return false;
}

/* As deep as the file is, which has a bound. */
static bool may_bear_secret(const struct node *node)
{
	if (node->kind == NODE_SCALAR)
		return is_from_outside(node) || names_secret(node->text);
	for (const struct node *child = node->first; child; child = child->next)
		if (may_bear_secret(child))
			return true;
	return false;
}

bool mask_is_for_all(const struct mask *mask)
{
	for (size_t i = 0; mask->policies && i < mask->policies->count; i++)
		if (mask->policies->at[i].options && may_bear_secret(mask->policies->at[i].options))
			return true;
	return false;
}
