/* SPDX-License-Identifier: Apache-2.0 */
/*
 * health_config: `health_check` and `outlier` of an upstream as structs, and the check that needs more than
 * one of their values.
 */
#pragma once

#include "config/field.h"

enum health_check_type { HEALTH_CHECK_HTTP, HEALTH_CHECK_TCP, HEALTH_CHECK_GRPC };

enum { STATUS_RANGES_MAX = 8, HEALTH_PATH_MAX = 4096, HEALTH_HOST_MAX = 300 };

/* Statuses that are good, as ranges. */
struct status_ranges {
	struct {
		uint16_t from, to;
	} at[STATUS_RANGES_MAX];
	size_t count;
};

struct health_check_config {
	int type; /* enum health_check_type */
	str path, host;
	struct status_ranges status;
	str service;  /* of gRPC; empty: the server as a whole */
	int64_t port; /* 0: the endpoint's own */
	duration every, timeout;
	int64_t healthy_after, unhealthy_after;
};

struct outlier_config {
	int64_t consecutive_failures;
	duration eject_for;
	int64_t max_ejected; /* percent */
};

extern const struct field health_check_fields[];
extern const struct field outlier_fields[];

bool status_is_in(const struct status_ranges *ranges, int status);

bool health_check_is_good(struct reader *reader, const struct node *node,
			  const struct health_check_config *config);
/* Reports what makes no sense together, and warns of what will surprise. node: `health_check`. */
