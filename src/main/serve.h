/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve: a gateway in the foreground, from its start to the signal that ends it.
 */
#pragma once

#include "proxy/snapshot.h"

int serve(struct snapshot *snapshot);
/* Returns the exit code: 0 after a graceful stop, 1 when it could not start. */
