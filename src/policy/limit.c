/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/limit.h"

#include "codec/json_text.h"
#include "codec/structured_field.h"

static const uint64_t integer_max = 999999999999999; /* of a structured field */

const char *const limit_where_words[] = { "redis", "local", NULL };

const char *const limit_failure_words[] = { "deny", "local", "allow", NULL };

/* ---- compiling ---- */

str limit_place(const struct node *options, struct arena *arena)
{
	const struct node *item = options->parent, *list = item->parent;
	str path;
	size_t before = 0;

	if (!list || list->kind != NODE_LIST)
		return node_path(item, arena);
	for (const struct node *other = list->first; other != item; other = other->next)
		before += node_find(other, options->key) != NULL;
	path = node_path(list, arena);
	return arena_printf(arena, "%.*s[%zu]", STR_ARG(path), before);
}

static bool is_printable(str text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] < ' ' || text.ptr[i] > '~')
			return false;
	return text.len > 0;
}

result limit_label_compile(const struct policy_compile *compile, str name, struct limit_label *ret_label)
{
	struct arena *arena = compile->reader->arena;
	struct structured_item item = { .bare = { .kind = STRUCTURED_STRING, .text = name } };
	struct buf out;

	if (!is_printable(name) || name.len > LIMIT_NAME_MAX)
		return policy_reject(compile, "name", "want a name of 1 to 64 printable ASCII characters");
	out = arena_open(arena, LIMIT_MEMBER_MAX);
	structured_item_print(&item, &out);
	ret_label->quoted = arena_close(arena, &out);
	out = arena_open(arena, LIMIT_MEMBER_MAX);
	buf_put(&out, STR(",\"violated-policies\":["));
	json_put_string(&out, name);
	buf_put(&out, STR("]"));
	ret_label->violated = arena_close(arena, &out);
	return OK;
}

result limit_store_compile(const struct policy_compile *compile, struct limit_store *store)
{
	const struct policy_hooks *hooks = compile->hooks;
	bool has_redis = hooks && hooks->store.is_shared;

	if (!node_find(compile->node, STR("store")))
		store->where = has_redis ? LIMIT_SHARED : LIMIT_OWN;
	else if (store->where == LIMIT_SHARED && !has_redis)
		return policy_reject(
			compile, "store",
			"the configuration names no Redis: want `store: { redis: [HOST:PORT] }` at its "
			"top");
	if (!node_find(compile->node, STR("on_failure")))
		store->on_failure = has_redis ? hooks->store.on_failure : LIMIT_COUNTS;
	else if (store->where == LIMIT_OWN)
		return policy_reject(compile, "on_failure",
				     "only a limit that is counted on Redis can need it");
	return OK;
}

str limit_store_describe(const struct limit_store *store, struct arena *arena)
{
	return store->where == LIMIT_SHARED ? arena_printf(arena, ", on Redis (on_failure: %s)",
							   limit_failure_words[store->on_failure])
					    : (str) { 0 };
}

str limit_policy_print(const struct limit_label *label, uint64_t number, uint64_t seconds,
		       struct arena *arena)
{
	struct buf out = arena_open(arena, LIMIT_MEMBER_MAX);

	buf_put(&out, label->quoted);
	buf_put(&out, STR(";q="));
	buf_put_u64(&out, number < integer_max ? number : integer_max);
	buf_put(&out, STR(";w="));
	buf_put_u64(&out, seconds);
	return arena_close(arena, &out);
}

/* ---- requests ---- */

void limit_remember(struct view *view, struct limit_taken *taken)
{
	struct limit_taken **last = &view->limits;

	while (*last)
		last = &(*last)->next;
	*last = taken;
}

void limit_give_back_all(struct view *view)
{
	wall_time now = view_now(view);

	if (view->is_report)
		return;
	for (struct limit_taken *taken = view->limits; taken; taken = taken->next)
		taken->give_back(taken, view, now);
}

/* Whole seconds, rounded up, so that who waits as long does not come too early. */
static uint64_t seconds_of(duration time)
{
	return (uint64_t)(time / SECOND + (time % SECOND > 0));
}

struct http_fields limit_retry_after(struct arena *arena, duration wait)
{
	struct http_fields fields = { .at = ARENA_NEW(arena, struct http_field), .count = 1 };
	uint64_t seconds = seconds_of(wait);

	*fields.at =
		(struct http_field) { .id = HTTP_RETRY_AFTER,
				      .name = STR("Retry-After"),
				      .value = arena_printf(arena, "%llu",
							    (unsigned long long)(seconds ? seconds : 1)) };
	return fields;
}

/* What can never be had is not worth waiting for. */
enum verdict limit_refuse(struct view *view, const struct limit_label *label, enum reason reason,
			  duration wait)
{
	struct answer answer = { .reason = reason,
				 .problem = STR(
					 "https://iana.org/assignments/http-problem-types#quota-exceeded"),
				 .members = label->violated };

	if (wait >= 0)
		answer.fields = limit_retry_after(view->arena, wait);
	return view_answer(view, &answer);
}

enum verdict limit_go_without(struct view *view, struct limit_taken *taken, const struct limit_store *store)
{
	taken->is_silent = true;
	if (store->on_failure == LIMIT_ALLOWS)
		return POLICY_CONTINUE;
	limit_give_back_all(view);
	return view_refuse(view, REASON_LIMIT_UNAVAILABLE);
}

/* ---- answers ---- */

static void put_standing(struct buf *out, const struct limit_taken *taken)
{
	buf_put(out, taken->label->quoted);
	buf_put(out, STR(";r="));
	buf_put_u64(out, taken->left < integer_max ? taken->left : integer_max);
	buf_put(out, STR(";t="));
	buf_put_u64(out, seconds_of(taken->until_whole));
}

static void put_member(struct buf *out, const struct limit_taken *taken, bool is_policy)
{
	if (out->len)
		buf_put(out, STR(", "));
	if (is_policy)
		buf_put(out, taken->policy);
	else
		put_standing(out, taken);
}

static str members_print(const struct view *view, size_t count, bool is_policy)
{
	struct buf out = arena_open(view->arena, count * LIMIT_MEMBER_MAX);

	for (const struct limit_taken *taken = view->limits; taken; taken = taken->next)
		if (!taken->is_silent)
			put_member(&out, taken, is_policy);
	return arena_close(view->arena, &out);
}

/* An answer that has no more room for fields goes without them. */
static void add_field(struct view *view, enum http_name id, str value)
{
	result_value added = http_fields_add(&view->response->fields, id, http_name_text(id), value);

	(void)added;
}

void limit_tell(struct view *view)
{
	size_t count = 0;

	for (const struct limit_taken *taken = view->limits; taken; taken = taken->next)
		count += !taken->is_silent;
	if (!count || arena_left(view->arena) < 2 * count * LIMIT_MEMBER_MAX)
		return;
	add_field(view, HTTP_RATE_LIMIT_POLICY, members_print(view, count, true));
	add_field(view, HTTP_RATE_LIMIT, members_print(view, count, false));
	for (struct limit_taken *taken = view->limits; taken; taken = taken->next)
		taken->is_silent = true;
}
