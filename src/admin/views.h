/* SPDX-License-Identifier: Apache-2.0 */
/*
 * views: what more than one resource shows.
 */
#pragma once

#include "admin/json_stream.h"
#include "proxy/edition.h"

void views_put_upstream(struct json_stream *json, const struct edition *edition,
			const struct upstream *upstream);
/* Yields. Into the object at hand: how it is balanced, its breaker, and its endpoints as they are
 * now. */
