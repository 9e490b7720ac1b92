/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explain_upstream: of an exchange that was rehearsed, where it would go: the endpoints, and the URL.
 */
#pragma once

#include "proxy/exchange.h"
#include "proxy/explain.h"

void explain_upstream(const struct exchange *x, struct arena *arena, struct explained_upstream *ret_told);
/* Whose upstream would be asked. In the arena. */
