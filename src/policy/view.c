/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/uri.h"
#include "policy/policy.h"

enum verdict view_answer(struct view *view, const struct answer *answer)
{
	view->answer = *answer;
	return POLICY_ANSWERED;
}

enum verdict view_refuse(struct view *view, enum reason reason)
{
	return view_answer(view, &(struct answer) { .reason = reason });
}

result view_set_path(struct view *view, str path)
{
	struct buf room;
	struct uri_path normal;
	result_value checked;

	if (arena_left(view->arena) < path.len * 3 + 1)
		return error_make(ERROR_LIMIT, "the path is too long");
	room = arena_open(view->arena, path.len * 3 + 1);
	checked = uri_path_normalise(path, URI_KEEP_ENCODED_SLASHES, &room, &normal);
	arena_close(view->arena, &room);
	if (!failed(checked))
		view->path = normal.text;
	return checked;
}
