/* SPDX-License-Identifier: Apache-2.0 */
/*
 * method_set: which methods a rule takes. Those of RFC 9110 are bits, others are kept by name.
 */
#pragma once

#include "codec/http_head.h"

struct method_set {
	bool is_any;
	unsigned known; /* bits of enum http_method, without HTTP_OTHER_METHOD */
	str_list other;
};

bool method_set_has(const struct method_set *set, enum http_method method, str text);

bool method_set_is_empty(const struct method_set *set);

struct method_set method_set_both(struct arena *arena, const struct method_set *a,
				  const struct method_set *b);
/* The methods that are in both. */

bool method_sets_share(const struct method_set *a, const struct method_set *b);
/* Some method is in both. */
