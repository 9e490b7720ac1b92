/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explain_upstream: of an exchange that was rehearsed, where it would go: the endpoints, and the URL.
 */
#pragma once

#include "proxy/exchange.h"
#include "proxy/explain.h"

void explain_upstream(const struct exchange *x, struct arena *arena, struct explained_upstream *ret_told);
/* Whose upstream would be asked. In the arena. */

void explained_upstream_print(const struct explanation *told, struct arena *arena, FILE *to);
/* That, and what bounds it on the way: who chooses, timeouts, the breaker, further tries, health; most lines
 * only where it was written. Nobody was asked whether they are well: what is told is what decides that, and
 * where to look. */
