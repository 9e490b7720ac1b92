/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signature, for its own files: what a signed Content-Digest asks of the body.
 */
#pragma once

#include "policy/policy.h"

enum reason signature_expect_body(struct view *view, str digests);
/* digests: of Content-Digest. The body is held against them from here on; a request without one at once.
 * REASON_DIGEST_MISMATCH: they are none that are known, malformed, or not of no bytes. Nothing when it is
 * only to report. */
