/* SPDX-License-Identifier: Apache-2.0 */
/*
 * elsewhere: what other gateways, and the protocols themselves, call a key that is ours by another name.
 */
#pragma once

#include "config/field.h"

str elsewhere_hint(struct arena *arena, str key, const struct field *fields);
/* For the end of a message about a key that is not in the table: "; here it is \"jwks\"". Empty where the
 * table has nothing of the kind. */
