/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token: whether a token is the one whose hash is configured. Constant time, whatever it is.
 */
#pragma once

#include "proxy/admin_config.h"

bool token_matches(str token, const uint8_t digest[SHA256_LEN]);
