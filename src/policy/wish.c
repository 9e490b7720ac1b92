/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/wish.h"

#include "codec/json_text.h"
#include "config/node.h"

struct buf wish_open(const struct credential_wish *wish, size_t room)
{
	struct buf out = arena_open(wish->arena, wish->json.len + room + 1);

	buf_put(&out, str_slice(wish->json, 0, wish->json.len - 1)); /* without its last brace */
	return out;
}

bool wish_begin_claim(const struct credential_wish *wish, str name, struct buf *out)
{
	if (node_find(wish->claims, name))
		return false;
	if (out->len > 1)
		buf_put_char(out, ',');
	json_put_string(out, name);
	buf_put_char(out, ':');
	return true;
}

void wish_put_text(const struct credential_wish *wish, str name, str value, struct buf *out)
{
	if (value.len && wish_begin_claim(wish, name, out))
		json_put_string(out, value);
}

void wish_put_time(const struct credential_wish *wish, str name, int64_t seconds, struct buf *out)
{
	if (wish_begin_claim(wish, name, out))
		buf_put_u64(out, (uint64_t)seconds);
}

str wish_close(const struct credential_wish *wish, struct buf *out)
{
	buf_put_char(out, '}');
	return arena_close(wish->arena, out);
}

str wish_line(const struct credential_place *from, str token, struct arena *arena)
{
	str in_scheme[] = { STR("Authorization: Bearer "), token };
	str in_field[] = { from->header, STR(": "), token };
	str in_cookie[] = { STR("Cookie: "), from->cookie, STR("="), token };

	if (from->query.len)
		return (str) { 0 };
	if (from->id == HTTP_AUTHORIZATION)
		return arena_join(arena, in_scheme, 2);
	return from->cookie.len ? arena_join(arena, in_cookie, 4) : arena_join(arena, in_field, 3);
}
