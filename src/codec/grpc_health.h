/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grpc_health: the two messages of gRPC's health protocol (grpc.health.v1), as gRPC frames them.
 *
 * Each has one field (HealthCheckRequest.service = 1, HealthCheckResponse.status = 1), so they are written
 * and read here byte by byte, and nobody needs a library for them.
 */
#pragma once

#include "base/buf.h"

enum { GRPC_HEALTH_SERVING = 1, GRPC_HEALTH_SERVICE_MAX = 100 };

void grpc_health_print(str service, struct buf *out);
/* The question for a service of at most GRPC_HEALTH_SERVICE_MAX bytes; empty: the server as a whole. */

bool grpc_health_read(str body, uint64_t *ret_status);
/* An answer of one message that is not compressed. Fields that are not known are passed over. False for what
 * is no such answer. */

str grpc_health_word(uint64_t status);
/* The protocol's own: "NOT_SERVING"; empty for one that it does not have. */
