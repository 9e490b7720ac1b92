/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secret_value: which texts are secrets, or hold one, whatever name they stand under.
 */
#pragma once

#include "base/str.h"

bool secret_value_is_evident(str text);
/* By its own words: "Bearer ...", a hash, a private key, a URL with a password or with a parameter that is
 * named like a secret. */
