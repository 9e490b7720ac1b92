/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fetch_trouble: what the log says when whoever a policy asks is of no help.
 */
#pragma once

#include "policy/policy.h"

void fetch_tell_failure(const struct view *view, const char *policy, str url, result_value why);
/* There is no answer. Nothing is told where it is the client that has gone. */

void fetch_tell_supposed(const struct view *view, const char *policy, const char *what, str whose);
/* For `explain`: it would take "the keys" of somebody to know, and nobody is asked there. */

void fetch_tell_answer(const struct view *view, const char *policy, str url,
		       const struct fetch_answer *answer);
/* There is one, and it is not what is asked for: by its status and the error that it names (RFC 6749 section
 * 5.2), or because it is not whole. */
