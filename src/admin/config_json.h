/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config_json: the configuration as it was read, as JSON, with every secret as "***".
 *
 * A secret is what came from ${NAME} or ${file:...}, because that is where secrets are kept; what stands
 * under a name that is usual for one (token, password, key, secret, ...; a header such as Authorization); and
 * what looks like one anywhere (a password in a URL, "Bearer ..."). Rather too much is masked than too
 * little: whoever looks at it here can see the file where they may.
 */
#pragma once

#include "admin/json_stream.h"
#include "config/node.h"

void config_json_put(struct json_stream *json, const struct node *node);
/* Yields. node and what is beneath it, masked also by the names above it. */
