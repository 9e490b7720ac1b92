/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/fetch_json.h"

#include "codec/json.h"

const struct operand *fetch_json_parse(struct fetch_json *json, struct arena *arena,
				       const struct fetch_answer *answer)
{
	if (json->body.ptr && json->body.ptr == answer->body.ptr)
		return &json->value;
	json->body = answer->body;
	if (!answer->is_body_whole || failed(json_parse(arena, answer->body, &json->value)))
		json->value = (struct operand) { 0 };
	return &json->value;
}
