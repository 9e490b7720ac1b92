/* SPDX-License-Identifier: Apache-2.0 */
/*
 * streams_manual: the part of the manual about WebSockets and streams of events.
 */
#pragma once

#include <stdio.h>

void streams_print_manual(FILE *to);
