/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/explain_upstream.h"

/* Who would not be asked, and why; empty for who would be. */
static const char *why_not(const struct roster *roster, const struct roster_member *member)
{
	if (endpoint_is_drained(member->endpoint))
		return "drained";
	if (member->weight == 0)
		return "weight 0";
	return serving_may(roster, member) ? "" : health_word(standing_health(member->standing));
}

static void take_endpoints(const struct roster *roster, struct arena *arena, struct explained_upstream *told)
{
	struct explained_endpoint *at = ARENA_ARRAY(arena, struct explained_endpoint, roster->count);

	for (size_t i = 0; i < roster->count; i++) {
		const struct roster_member *member = &roster->members[i];

		at[i] = (struct explained_endpoint) { .address = arena_str(arena, member->endpoint->text),
						      .is_backup = member->is_backup,
						      .why_not = why_not(roster, member) };
	}
	told->endpoints = at;
	told->endpoint_count = roster->count;
}

static void take_url(const struct exchange *x, struct arena *arena, struct explained_upstream *told)
{
	const struct view *view = &x->view;

	told->has_own_host = view->upstream_host.len > 0;
	told->has_own_path = !str_eq(view->path, x->path);
	told->has_own_query = !str_eq(view->query, x->query);
	told->path = arena_str(arena, view->path);
	told->query = arena_str(arena, view->query);
	if (told->has_own_host)
		told->host = arena_str(arena, view->upstream_host);
	else if (told->endpoint_count)
		told->host = told->endpoints[0].address;
}

void explain_upstream(const struct exchange *x, struct arena *arena, struct explained_upstream *ret_told)
{
	*ret_told = (struct explained_upstream) { .upstream = x->upstream,
						  .timeouts = *x->timeouts,
						  .total = x->view.total_timeout };
	take_endpoints(generation_roster(x->generation, x->upstream), arena, ret_told);
	take_url(x, arena, ret_told);
	if (x->target->split)
		ret_told->split = split_print(x->target->split, arena);
}

void explanation_mask(const struct explanation *told, const struct mask *base, struct arena *arena,
		      struct mask *ret_mask)
{
	mask_init(ret_mask, base, told->snapshot->config.log.access.redact, arena);
	mask_add_policies(ret_mask, told->target ? &told->target->chain : NULL);
}

str explanation_url(const struct explanation *explanation, const struct mask *mask, struct arena *arena)
{
	const struct explained_upstream *told = &explanation->upstream;
	bool hides = mask_is_for_all(mask);
	str query = mask_query(mask, mask_words(mask, told->query, arena), arena);
	str parts[] = {
		told->upstream->tls ? STR("https://") : STR("http://"),
		hides && told->has_own_host ? STR("***") : told->host,
		hides && told->has_own_path ? STR("/***") : told->path,
		told->query.len ? STR("?") : STR(""),
		hides && told->has_own_query ? STR("***") : query,
	};

	return arena_join(arena, parts, sizeof parts / sizeof *parts);
}
