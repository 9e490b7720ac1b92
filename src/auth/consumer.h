/* SPDX-License-Identifier: Apache-2.0 */
/*
 * consumer: somebody whom the configuration knows, without its credentials. Immutable.
 */
#pragma once

#include "codec/operand.h"

struct consumer {
	str name;
	struct operand groups, labels; /* a list of texts, a map of texts; or missing */
};
