/* SPDX-License-Identifier: Apache-2.0 */
/*
 * observing_manual: the part of the manual about what a running gateway tells: access log and admin address.
 */
#pragma once

#include <stdio.h>

void observing_print_manual(FILE *to);
