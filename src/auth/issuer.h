/* SPDX-License-Identifier: Apache-2.0 */
/*
 * issuer: where an issuer says who it is, and which places it may name there.
 */
#pragma once

#include "base/arena.h"

str issuer_metadata_url(struct arena *arena, str issuer);
/* OpenID Connect Discovery 1.0 section 4: appended, whether or not the issuer ends in a slash. */

str issuer_oauth_metadata_url(struct arena *arena, str issuer);
/* RFC 8414 section 3.1: between host and path. Empty where the issuer is no URL. */

bool issuer_may_name(str issuer, str url);
/* A URL, and over TLS, unless the issuer itself is not: then a test or a machine of one's own is at work. */
