/* SPDX-License-Identifier: Apache-2.0 */
/*
 * balance_config: `balance` of an upstream: a word, or a map that says whose requests stay together.
 */
#pragma once

#include "config/field.h"

enum balance { BALANCE_ROUND_ROBIN, BALANCE_LEAST_REQUESTS, BALANCE_RANDOM, BALANCE_HASH };

/* By what requests are told apart. */
enum balance_by { BALANCE_BY_CLIENT_IP, BALANCE_BY_CONSUMER, BALANCE_BY_HEADER, BALANCE_BY_COOKIE };

struct balance_hash {
	enum balance_by by;
	str name; /* of the header or the cookie */
	str text; /* as it stands in the configuration */
};

struct balance_config {
	enum balance kind;
	/* With BALANCE_HASH. */
	struct balance_hash hash;
	int64_t bound; /* most requests in flight, in percent of an endpoint's share */
};

extern const struct field_form balance_form; /* member: struct balance_config */

str balance_word(enum balance kind);
/* As it stands in the configuration. */
