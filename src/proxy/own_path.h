/* SPDX-License-Identifier: Apache-2.0 */
/*
 * own_path: whether clients can reach what policies answer at paths of their own, such as a login's callback.
 *
 * The policy says a path beneath its API's, and the routes which policies a request for it meets: only the
 * router knows both. A callback that another route takes is answered by whatever stands there, and nobody
 * can ever log in.
 */
#pragma once

#include "proxy/snapshot.h"

void own_paths_check(const struct snapshot *snapshot, struct reader *reader);
/* When the router is there. Errors where it can be told for certain, and warnings. */
