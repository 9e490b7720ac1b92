/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filter: what policies may put between an upstream's body and the client, and what of it must be given back
 * when the exchange ends.
 */
#pragma once

#include "policy/policy.h"

struct body_source *filter_encode(void *self, struct view *view, enum coding coding);
/* effects.encode of an exchange. One for each at most. */
