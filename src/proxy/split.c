/* SPDX-License-Identifier: Apache-2.0 */
/*
 * split: reading weights, and the choice.
 *
 * Each share draws a number for the key, evenly spread, and the one that comes first wins: as if each were an
 * event that happens weight times a second. Draws of the others do not depend on one another, so a weight
 * that grows wins keys from all and moves none between the others.
 */
#include "proxy/split.h"

#include <math.h>

#include "base/hash.h"
#include "codec/http_field.h"

enum { SHARES_MAX = 100, WEIGHT_MAX = 1000000 };

/* ---- the configuration ---- */

static void sticky_read(struct reader *reader, const struct node *node, void *ret_member)
{
	struct sticky_config *sticky = ret_member;
	str kind, name, text;

	if (!field_read_str(reader, node, &text))
		return;
	if (str_eq(text, STR("consumer")))
		sticky->kind = STICKY_CONSUMER;
	else if (str_eq(text, STR("client_ip")))
		sticky->kind = STICKY_CLIENT_IP;
	else if (str_cut(text, ':', &kind, &name) && str_eq(kind, STR("cookie")) && http_is_token(name))
		*sticky = (struct sticky_config) { STICKY_COOKIE, name };
	else
		diagnostic_error(reader->diagnostics, node,
				 "want consumer, client_ip or cookie:NAME, read %.*s",
				 STR_ARG(diagnostic_read(reader->diagnostics, node)));
}

const struct field_form sticky_form = {
	.manual = "`client_ip`, `cookie:NAME` or `consumer`",
	.schema = "{\"anyOf\": [{\"$ref\": \"#/$defs/interpolated\"}, {\"type\": \"string\", \"pattern\": "
		  "\"^(client_ip|consumer|cookie:[!#$%&'*+.^_`|~0-9A-Za-z-]+)$\"}]}",
	.read = sticky_read,
};

static bool check_map(struct reader *reader, const struct node *node)
{
	if (node->kind == NODE_MAP && node->first && node->count <= SHARES_MAX)
		return true;
	diagnostic_error(reader->diagnostics, node, "want a map of 1 to %d upstreams to weights, read %.*s",
			 SHARES_MAX, STR_ARG(diagnostic_read(reader->diagnostics, node)));
	return false;
}

bool weighted_read(struct reader *reader, const struct node *node, const struct weighted **ret_at,
		   size_t *ret_count)
{
	struct weighted *at;
	int64_t weight, total = 0;
	bool is_good = true;

	*ret_count = 0;
	if (!check_map(reader, node))
		return false;
	at = ARENA_ARRAY(reader->arena, struct weighted, node->count);
	for (const struct node *member = node->first; member; member = member->next) {
		weight = 0;
		is_good &= field_read_int(reader, member, 0, WEIGHT_MAX, &weight);
		total += weight;
		at[(*ret_count)++] = (struct weighted) { member->key, (uint32_t)weight, member };
	}
	*ret_at = at;
	if (is_good && total == 0) {
		diagnostic_error(reader->diagnostics, node, "no upstream has a weight above 0");
		return false;
	}
	return is_good;
}

str split_cookie_path(str path)
{
	size_t at = 0, end = path.len;

	while (at < path.len && !memchr("{*~; ", path.ptr[at], 5))
		at++;
	if (at < path.len)
		for (end = at; end && path.ptr[end - 1] != '/'; end--)
			;
	return end ? str_slice(path, 0, end) : STR("/");
}

/* ---- the choice ---- */

uint64_t split_seed(str name)
{
	return hash_scatter(hash_stable(name) + 1);
}

/* When it happens: -ln(u) / weight for an even u in (0, 1). */
static double draw(const struct share *share, uint64_t key)
{
	double u = ((double)(hash_scatter(key ^ share->seed) >> 11) + 0.5) * 0x1p-53;

	return -log(u) / share->weight;
}

const struct share *split_choose(const struct split *split, uint64_t key)
{
	const struct share *first = NULL;
	double soonest = 0;

	for (size_t i = 0; i < split->count; i++) {
		double when;

		if (split->shares[i].weight == 0)
			continue;
		when = draw(&split->shares[i], key);
		if (!first || when < soonest) {
			first = &split->shares[i];
			soonest = when;
		}
	}
	return first;
}

/* ---- in words ---- */

static const char *const sticky_words[] = {
	[STICKY_NONE] = "by chance",
	[STICKY_CONSUMER] = "by consumer",
	[STICKY_COOKIE] = "by cookie ",
	[STICKY_CLIENT_IP] = "by client_ip",
};

str split_print(const struct split *split, struct arena *arena)
{
	str text = { 0 };

	for (size_t i = 0; i < split->count; i++)
		text = arena_printf(arena, "%.*s%s%.*s %u", STR_ARG(text), i ? ", " : "",
				    STR_ARG(split->shares[i].upstream->name), split->shares[i].weight);
	return arena_printf(arena, "%.*s; %s%.*s", STR_ARG(text), sticky_words[split->sticky.kind],
			    STR_ARG(split->sticky.cookie));
}
