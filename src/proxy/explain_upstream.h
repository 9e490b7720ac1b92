/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explain_upstream: of an exchange that was rehearsed, where it would go, and what bounds it on the way: the
 * endpoints and who chooses among them, timeouts, the breaker, further tries, health.
 *
 * Nobody was asked whether they are well: what is told is what decides that, and where to look.
 */
#pragma once

#include <stdio.h>

#include "proxy/exchange.h"

void explain_upstream(const struct exchange *x, FILE *to);
/* Whose upstream has been asked. */
