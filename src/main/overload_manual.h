/* SPDX-License-Identifier: Apache-2.0 */
/*
 * overload_manual: the manual's page about memory and overload.
 */
#pragma once

#include <stdio.h>

void overload_print_manual(FILE *to);
/* Markdown, with a heading of its own. */
