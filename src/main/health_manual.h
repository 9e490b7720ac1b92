/* SPDX-License-Identifier: Apache-2.0 */
/*
 * health_manual: the page of the manual about who is well, who is not, and who gets requests then.
 */
#pragma once

#include <stdio.h>

void health_print_manual(FILE *to);
