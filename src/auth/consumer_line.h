/* SPDX-License-Identifier: Apache-2.0 */
/*
 * consumer_line: one consumer as a JSON object: {"name": "acme", "groups": ["partners"], ...}, with the same
 * keys as in the configuration.
 */
#pragma once

#include "auth/consumers.h"

const char *consumer_line_read(struct arena *arena, str text, struct consumer_config *ret_config);
/* What is wrong, or NULL. Both live in the arena. No value is ever a part of what is said: it may be a
 * secret. */
