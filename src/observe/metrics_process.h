/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics_process: what the system knows of this process, under the names that Prometheus' own libraries use.
 */
#pragma once

#include "base/buf.h"
#include "base/time.h"

void metrics_process_print(wall_time began, struct buf *out);
/* process_*, each family with its head. What the system does not tell is left out. Needs 4 KiB. */
