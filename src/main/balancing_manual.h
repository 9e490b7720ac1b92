/* SPDX-License-Identifier: Apache-2.0 */
/*
 * balancing_manual: the manual's page about how an endpoint is chosen.
 */
#pragma once

#include <stdio.h>

void balancing_print_manual(FILE *to);
/* Markdown, with a heading of its own. */
