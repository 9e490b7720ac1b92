/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http2_manual: the manual's page about HTTP/2 with clients.
 */
#pragma once

#include <stdio.h>

void http2_print_manual(FILE *to);
/* Markdown, with a heading of its own. */
