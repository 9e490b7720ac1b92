/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A name becomes a number in three steps: its first and last four bytes and its length give a slot, the slot
 * gives the only name of the table that it can be, and one comparison says whether it is. http_name_table.py
 * makes the slots and finds the factor for which no two names meet; scanning families comes last and only
 * where a name begins as one of them does.
 */
#include "codec/http_field.h"

#include "codec/http_name_table.h"
#include "codec/scan.h"

enum { FIRST_FAMILY = HTTP_X_FORWARDED_FAMILY, FOLDED_MAX = 64 };

/* A row of http_names.h, with what is asked most often: its length and its flags. */
struct name_row {
	str text; /* of a family: without '*' */
	unsigned flags;
};

enum {
	HOP = HTTP_NAME_HOP,
	MANAGED = HTTP_NAME_MANAGED,
	SINGLETON = HTTP_NAME_SINGLETON,
	NO_TRAILER = HTTP_NAME_NO_TRAILER,
	NO_NOMINATE = HTTP_NAME_NO_NOMINATE,
	FAMILY = HTTP_NAME_FAMILY,
	WIRE = HTTP_NAME_WIRE,
};

static const struct name_row name_rows[HTTP_NAMES] = {
#define X(id, text, flags) \
	[HTTP_##id] = { { text, sizeof text - 1 - (((flags)&HTTP_NAME_FAMILY) != 0) }, flags },
#include "codec/http_names.h"
#undef X
};

_Static_assert(HTTP_NAMES <= UINT8_MAX, "a slot of the table holds one byte");

static uint32_t load32(const char *at)
{
	uint32_t word;

	memcpy(&word, at, sizeof word);
	return word;
}

/* Unaligned, in the machine's own order: bytes are only compared with bytes. */
static uint64_t load64(const char *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof word);
	return word;
}

static uint32_t little_endian(uint32_t word)
{
	return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? word : __builtin_bswap32(word);
}

/* Where the name would stand. http_name_table.py knows this function too. */
static size_t name_slot(str name)
{
	uint32_t head, tail = 0;
	uint64_t key;

	if (name.len >= 4) {
		head = little_endian(load32(name.ptr));
		tail = little_endian(load32(name.ptr + name.len - 4));
	} else {
		head = (uint32_t)(uint8_t)name.ptr[0] | (uint32_t)(uint8_t)name.ptr[name.len / 2] << 8 |
		       (uint32_t)(uint8_t)name.ptr[name.len - 1] << 16;
	}
	key = (uint64_t)(tail | 0x20202020) << 32 | (head | 0x20202020);
	return (key + ((uint64_t)name.len << 40)) * name_slot_factor >> (64 - NAME_SLOT_BITS);
}

/* Whether eight bytes are those of a text of the table, letters folded: they may differ in bit 0x20, and only
 * where the text has a letter, which is where it has bit 0x40. */
static bool is_folded(uint64_t bytes, uint64_t text)
{
	return ((bytes ^ text) & ~((text & 0x4040404040404040) >> 1)) == 0;
}

/* The same for n bytes, n <= both lengths; the last word overlaps the one before. */
static bool is_folded_text(const char *bytes, const char *text, size_t n)
{
	size_t at = 0;

	if (n < 4) {
		for (; at < n; at++)
			if (ascii_lower(bytes[at]) != ascii_lower(text[at]))
				return false;
		return true;
	}
	if (n < 8)
		return is_folded(load32(bytes), load32(text)) &&
		       is_folded(load32(bytes + n - 4), load32(text + n - 4));
	for (; n - at > 8; at += 8)
		if (!is_folded(load64(bytes + at), load64(text + at)))
			return false;
	return is_folded(load64(bytes + n - 8), load64(text + n - 8));
}

/* A family has at least one byte more than its beginning. */
static enum http_name family_find(str name)
{
	for (unsigned id = FIRST_FAMILY; id < HTTP_NAMES; id++) {
		str start = name_rows[id].text;

		if (name.len > start.len && is_folded_text(name.ptr, start.ptr, start.len))
			return (enum http_name)id;
	}
	return HTTP_NAME_OTHER;
}

enum http_name http_name_find(str name)
{
	enum http_name id;

	if (name.len == 0)
		return HTTP_NAME_OTHER;
	id = name_slots[name_slot(name)];
	if (name_rows[id].text.len == name.len && is_folded_text(name.ptr, name_rows[id].text.ptr, name.len))
		return id;
	if ((name.ptr[0] | 0x20) == 'x' || (name.ptr[0] | 0x20) == 's')
		return family_find(name);
	return HTTP_NAME_OTHER;
}

/* A longer name than any of the table can only be of a family, which its beginning tells. */
enum http_name http_name_find_alias(str name)
{
	char folded[FOLDED_MAX];
	size_t len = name.len < sizeof folded ? name.len : sizeof folded;

	for (size_t i = 0; i < len; i++)
		folded[i] = name.ptr[i] == '_' || name.ptr[i] == '.' ? '-' : name.ptr[i];
	return http_name_find((str) { folded, len });
}

static char fold_alias(char c)
{
	return c == '_' || c == '.' ? '-' : ascii_lower(c);
}

bool http_name_is_alias(str a, str b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (fold_alias(a.ptr[i]) != fold_alias(b.ptr[i]))
			return false;
	return true;
}

unsigned http_name_flags(enum http_name id)
{
	return name_rows[id].flags;
}

str http_name_text(enum http_name id)
{
	return name_rows[id].text;
}

str http_name_lower(enum http_name id)
{
	return name_lower[id];
}

const struct http_field *http_fields_get(const struct http_fields *fields, enum http_name id)
{
	for (size_t i = 0; i < fields->count; i++)
		if (fields->at[i].id == id && !fields->at[i].removed)
			return &fields->at[i];
	return NULL;
}

/* A number says it all, unless many names share it. */
static bool is_named(const struct http_field *field, enum http_name id, str name)
{
	if (field->removed || field->id != id)
		return false;
	if (id != HTTP_NAME_OTHER && !(name_rows[id].flags & HTTP_NAME_FAMILY))
		return true;
	return str_eq_nocase(field->name, name);
}

str http_fields_value(const struct http_fields *fields, enum http_name id)
{
	const struct http_field *field = http_fields_get(fields, id);

	return field ? field->value : (str) { 0 };
}

const struct http_field *http_fields_find(const struct http_fields *fields, str name)
{
	enum http_name id = http_name_find(name);

	for (size_t i = 0; i < fields->count; i++)
		if (is_named(&fields->at[i], id, name))
			return &fields->at[i];
	return NULL;
}

size_t http_fields_count(const struct http_fields *fields, enum http_name id)
{
	size_t count = 0;

	for (size_t i = 0; i < fields->count; i++)
		count += fields->at[i].id == id && !fields->at[i].removed;
	return count;
}

void http_fields_remove(struct http_fields *fields, enum http_name id)
{
	for (size_t i = 0; i < fields->count; i++)
		if (fields->at[i].id == id)
			fields->at[i].removed = true;
}

static void remove_text(struct http_fields *fields, enum http_name id, str name)
{
	for (size_t i = 0; i < fields->count; i++)
		if (is_named(&fields->at[i], id, name))
			fields->at[i].removed = true;
}

/* Policies remove by prefix ("X-Internal-*"); that is by text, whatever the names' numbers are. */
static void remove_prefix(struct http_fields *fields, str prefix)
{
	for (size_t i = 0; i < fields->count; i++)
		if (str_eq_nocase(str_slice(fields->at[i].name, 0, prefix.len), prefix))
			fields->at[i].removed = true;
}

void http_fields_remove_named(struct http_fields *fields, str name)
{
	if (str_ends(name, STR("*")))
		remove_prefix(fields, str_slice(name, 0, name.len - 1));
	else
		remove_text(fields, http_name_find(name), name);
}

/* Managed as it stands; or, where it holds '_' or '.', what a service could read as a name that the gateway
 * sets or decides by: "Content_Length" is CONTENT_LENGTH to a CGI. */
static bool is_managed(const struct http_field *field)
{
	unsigned disguised = HTTP_NAME_MANAGED | HTTP_NAME_HOP | HTTP_NAME_NO_NOMINATE;

	if (field->id != HTTP_NAME_OTHER)
		return (name_rows[field->id].flags & HTTP_NAME_MANAGED) != 0;
	return (name_rows[http_name_find_alias(field->name)].flags & disguised) != 0;
}

void http_fields_remove_managed(struct http_fields *fields)
{
	for (size_t i = 0; i < fields->count; i++)
		if (is_managed(&fields->at[i]))
			fields->at[i].removed = true;
}

/* What the sender calls its own connection's business, but for what it has no say in. */
static void remove_nominated(struct http_fields *fields, str options)
{
	str option;

	while (str_next(&options, ',', &option)) {
		enum http_name id = http_name_find(option);

		if (!(name_rows[id].flags & HTTP_NAME_NO_NOMINATE))
			remove_text(fields, id, option);
	}
}

void http_fields_remove_hop(struct http_fields *fields)
{
	for (size_t i = 0; i < fields->count; i++) {
		struct http_field *field = &fields->at[i];

		if (!(name_rows[field->id].flags & HTTP_NAME_HOP) || field->removed)
			continue;
		if (field->id == HTTP_CONNECTION)
			remove_nominated(fields, field->value);
		field->removed = true;
	}
}

static result fields_grow(struct http_fields *fields)
{
	size_t max = fields->max * 2 + 8;
	struct http_field *at;

	if (!fields->arena || max > HTTP_FIELDS_MAX || arena_left(fields->arena) < max * sizeof *at)
		return error_make(ERROR_LIMIT, "too many fields");
	at = arena_raw(fields->arena, max * sizeof *at);
	if (fields->count)
		memcpy(at, fields->at, fields->count * sizeof *at);
	fields->at = at;
	fields->max = max;
	return OK;
}

result http_fields_add(struct http_fields *fields, enum http_name id, str name, str value)
{
	if (fields->count == fields->max)
		TRY(fields_grow(fields));
	fields->at[fields->count++] = (struct http_field) { .name = name, .value = value, .id = id };
	return OK;
}

result http_fields_set(struct http_fields *fields, enum http_name id, str name, str value)
{
	remove_text(fields, id, name);
	return http_fields_add(fields, id, name, value);
}

static bool may_be_trailer(const struct http_field *field)
{
	enum http_name id = field->id == HTTP_NAME_OTHER ? http_name_find_alias(field->name) : field->id;

	return !(name_rows[id].flags & (HTTP_NAME_HOP | HTTP_NAME_MANAGED | HTTP_NAME_NO_TRAILER));
}

void http_fields_keep_trailers(struct http_fields *fields)
{
	size_t kept = 0;

	for (size_t i = 0; i < fields->count; i++)
		if (may_be_trailer(&fields->at[i]))
			fields->at[kept++] = fields->at[i];
	fields->count = kept;
}

bool http_list_has(str value, str token)
{
	str item;

	while (str_next(&value, ',', &item))
		if (str_eq_nocase(item, token))
			return true;
	return false;
}

bool http_is_token(str s)
{
	return s.len && scan_token(s.ptr, s.ptr + s.len) == s.ptr + s.len;
}

bool http_is_field_value(str s)
{
	return s.len == 0 || scan_value(s.ptr, s.ptr + s.len) == s.ptr + s.len;
}
