/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/fetch_trouble.h"

#include <string.h>

#include "codec/json.h"
#include "codec/url.h"

void fetch_tell_failure(const struct view *view, const char *policy, str url, result_value why)
{
	if (why.kind != ERROR_CANCELLED)
		view_tell(view, TELL_TROUBLE, "%s: %.*s cannot be asked: %s%s%s", policy,
			  STR_ARG(url_without_query(url)), why.why, why.sys ? ": " : "",
			  why.sys ? strerror(why.sys) : "");
}

void fetch_tell_supposed(const struct view *view, const char *policy, const char *what, str whose)
{
	view_tell(view, TELL_DETAIL, "%s: %s of %.*s are fetched by a gateway that runs, not here", policy,
		  what, STR_ARG(url_without_query(whose)));
}

static str error_of(const struct view *view, const struct fetch_answer *answer)
{
	struct operand json;

	if (!answer->is_body_whole || failed(json_parse(view->arena, answer->body, &json)))
		return (str) { 0 };
	return json_find_text(&json, STR("error"));
}

void fetch_tell_answer(const struct view *view, const char *policy, str url,
		       const struct fetch_answer *answer)
{
	str error = error_of(view, answer);

	if (answer->status >= 200 && answer->status < 300)
		view_tell(view, TELL_TROUBLE, "%s: the answer of %.*s is too large, or breaks off", policy,
			  STR_ARG(url_without_query(url)));
	else
		view_tell(view, TELL_TROUBLE, "%s: %.*s answered %d%s%.*s", policy,
			  STR_ARG(url_without_query(url)), answer->status, error.len ? ": " : "",
			  STR_ARG(error));
}
