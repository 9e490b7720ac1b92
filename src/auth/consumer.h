/* SPDX-License-Identifier: Apache-2.0 */
/*
 * consumer: somebody whom the configuration knows. Immutable. Of credentials it has no more than a hash.
 */
#pragma once

#include "codec/operand.h"

struct consumer {
	str name;
	struct operand groups, labels; /* a list of texts, a map of texts; or missing */
	str password;                  /* its hash, "$argon2id$..."; empty: it has none */
};
