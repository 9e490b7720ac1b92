/* SPDX-License-Identifier: Apache-2.0 */
/*
 * coverage: which rules of a configuration have answered a case, and which policies took part in one.
 *
 * What has no case shows: a route that nobody asked for is as untested as one that does not exist.
 */
#pragma once

#include <stdio.h>

#include "proxy/snapshot.h"

struct coverage;

struct coverage *coverage_new(struct arena *arena, const struct snapshot *snapshot);
/* In the arena. The snapshot must outlive it. */

void coverage_add_target(struct coverage *coverage, const struct target *target);
/* A request was routed there. */

void coverage_add_policy(struct coverage *coverage, const struct policy_instance *instance);
/* It took part in a request. A policy that is inherited or used in many places counts once. */

void coverage_print(const struct coverage *coverage, FILE *to);
/* The counts, and the name of everything that has no case. */
