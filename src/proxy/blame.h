/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blame: whether the end of a try tells something of its endpoint, for `outlier`.
 *
 * Only what the endpoint did counts: what a client broke off, or a time that a client set, must not be a way
 * to have it ejected.
 */
#pragma once

#include "observe/reason.h"

struct attempt;

void blame_try(const struct attempt *a, enum reason reason);
/* A try has ended with that reason: tells the endpoint's standing, if it has done well or not. */
