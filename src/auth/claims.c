/* SPDX-License-Identifier: Apache-2.0 */
/*
 * claims: what a token says, held against what is wanted of it (RFC 7519 section 4.1).
 *
 * A claim of a wrong type is never taken for one that is missing: an `exp` that is a text is no token
 * without an end. Numbers, booleans and texts of claims are compared as texts, because the configuration
 * writes them so; lists hold when one of their items does.
 */
#include "auth/claims.h"

#include <inttypes.h>
#include <stdio.h>

enum { NUMBER_TEXT_MAX = 32, JOINED_MAX = 64 };

/* ---- time ---- */

/* What lies beyond what the clock can tell is its end. */
bool claims_read_date(const struct operand *value, wall_time *ret_time)
{
	double seconds;

	if (value->kind == OPERAND_INT)
		seconds = (double)value->integer;
	else if (value->kind == OPERAND_DOUBLE)
		seconds = value->real;
	else
		return false;
	if (seconds >= (double)(INT64_MAX / SECOND))
		*ret_time = INT64_MAX / 2;
	else if (seconds <= 0)
		*ret_time = 0;
	else
		*ret_time = (wall_time)(seconds * (double)SECOND);
	return true;
}

/* A claim that is there must be a date. null is there, too. */
static bool find_date(const struct operand *claims, str name, wall_time *ret_time, bool *ret_is_there)
{
	struct operand value;

	*ret_is_there = claims->kind == OPERAND_MAP && claims->map.find(claims->map.self, name, &value);
	return !*ret_is_there || claims_read_date(&value, ret_time);
}

/* Clocks differ by `skew`, to the good of the token on either end (RFC 7519 sections 4.1.4 and 4.1.5). One
 * that was issued in the future is not in force either: its clock, or ours, is wrong. */
enum reason claims_check_time(const struct operand *claims, wall_time now, duration skew, bool needs_expiry)
{
	wall_time expires = 0, begins = 0, issued = 0;
	bool has_expiry, has_begin, has_issue;

	if (!find_date(claims, STR("exp"), &expires, &has_expiry) ||
	    !find_date(claims, STR("nbf"), &begins, &has_begin) ||
	    !find_date(claims, STR("iat"), &issued, &has_issue))
		return REASON_TOKEN_CLAIMS;
	if (has_expiry ? now - skew >= expires : needs_expiry)
		return REASON_TOKEN_EXPIRED;
	if ((has_begin && now + skew < begins) || (has_issue && now + skew < issued))
		return REASON_TOKEN_NOT_YET_VALID;
	return REASON_NONE;
}

/* ---- texts ---- */

/* Seventeen digits are as many as tell two doubles apart. Objects and lists have no text. */
static str scalar_text(const struct operand *value, char room[NUMBER_TEXT_MAX])
{
	int len = 0;

	switch (value->kind) {
	case OPERAND_STRING:
		return value->text;
	case OPERAND_BOOL:
		return value->boolean ? STR("true") : STR("false");
	case OPERAND_INT:
		len = snprintf(room, NUMBER_TEXT_MAX, "%" PRId64, value->integer);
		break;
	case OPERAND_DOUBLE:
		len = snprintf(room, NUMBER_TEXT_MAX, "%.17g", value->real);
		break;
	default:
		break;
	}
	return (str) { room, (size_t)len };
}

static bool is_scalar(const struct operand *value)
{
	return value->kind == OPERAND_STRING || value->kind == OPERAND_BOOL || value->kind == OPERAND_INT ||
	       value->kind == OPERAND_DOUBLE;
}

static bool is_listed(const struct operand *value, const str_list *values)
{
	char room[NUMBER_TEXT_MAX];
	str text = scalar_text(value, room);

	for (size_t i = 0; is_scalar(value) && i < values->len; i++)
		if (str_eq(text, values->at[i]))
			return true;
	return false;
}

static bool is_or_has(const struct operand *value, const str_list *values)
{
	if (value->kind != OPERAND_LIST)
		return is_listed(value, values);
	for (size_t i = 0; i < value->list.count; i++)
		if (is_listed(&value->list.at[i], values))
			return true;
	return false;
}

/* RFC 7519 section 4.1.3: a text, or a list of which one is enough. */
bool claims_is_for(const struct operand *claims, const str_list *audiences)
{
	struct operand value = json_find(claims, STR("aud"));

	return is_or_has(&value, audiences);
}

bool claims_hold(const struct operand *claims, str path, const str_list *values)
{
	struct operand value = json_find_path(claims, path);

	return is_or_has(&value, values);
}

/* ---- scopes ---- */

/* Scopes are separated by single spaces (RFC 6749 section 3.3); a part of a word is not the word. */
static bool has_word(str text, str word)
{
	str item;

	while (str_next(&text, ' ', &item))
		if (str_eq(item, word))
			return true;
	return false;
}

static bool has_scope(const struct operand *value, str scope)
{
	if (value->kind == OPERAND_STRING)
		return has_word(value->text, scope);
	for (size_t i = 0; value->kind == OPERAND_LIST && i < value->list.count; i++)
		if (value->list.at[i].kind == OPERAND_STRING && str_eq(value->list.at[i].text, scope))
			return true;
	return false;
}

/* `scope` is a text by RFC 8693 and 9068; `scp`, a text or a list, is what some issuers write instead. */
bool claims_has_scope(const struct operand *claims, str scope)
{
	struct operand scopes = json_find(claims, STR("scope")), scp = json_find(claims, STR("scp"));

	return has_scope(&scopes, scope) || has_scope(&scp, scope);
}

bool claims_are_bound(const struct operand *claims)
{
	return json_find(claims, STR("cnf")).kind != OPERAND_MISSING;
}

/* ---- for fields ---- */

/* A text with a comma would be two to who reads the list. */
static bool may_be_joined(const struct operand *item)
{
	return is_scalar(item) && !(item->kind == OPERAND_STRING && str_contains(item->text, STR(",")));
}

/* Lists become one text with commas, for fields of a request; what is nested deeper is left out, for there
 * is no one way to write it. Longer lists are cut. */
str claims_print(const struct operand *value, struct arena *arena)
{
	str parts[2 * JOINED_MAX];
	char room[NUMBER_TEXT_MAX];
	size_t count = 0;

	if (value->kind == OPERAND_STRING)
		return value->text;
	if (value->kind != OPERAND_LIST)
		return arena_str(arena, scalar_text(value, room));
	for (size_t i = 0; i < value->list.count && count + 2 <= 2 * JOINED_MAX; i++) {
		if (!may_be_joined(&value->list.at[i]))
			continue;
		parts[count] = count ? STR(",") : (str) { 0 };
		parts[count + 1] = arena_str(arena, scalar_text(&value->list.at[i], room));
		count += 2;
	}
	return arena_join(arena, parts, count);
}

str claims_text(const struct operand *claims, str path, struct arena *arena)
{
	struct operand value = json_find_path(claims, path);

	return claims_print(&value, arena);
}
