/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fetch_json: the JSON of an answer, parsed once for whoever asks of it: whether it is worth to be
 * remembered, and then what it says.
 */
#pragma once

#include "codec/operand.h"
#include "policy/fetch.h"

struct fetch_json {
	str body; /* what it was made of */
	struct operand value;
};

const struct operand *fetch_json_parse(struct fetch_json *json, struct arena *arena,
				       const struct fetch_answer *answer);
/* json: zeros before the first time, and one for each question. Missing where the body is none, or is not
 * whole. */
