/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resilience_manual: the page about retries, deadlines, circuit breakers and hedging, beside their options.
 */
#pragma once

#include <stdio.h>

void resilience_print_manual(FILE *to);
/* Markdown. */
