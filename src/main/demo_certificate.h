/* SPDX-License-Identifier: Apache-2.0 */
/*
 * demo_certificate: the certificate that the demonstration shows: made at its first start and kept, so that
 * an exception in a browser lasts.
 */
#pragma once

#include "base/arena.h"
#include "base/result.h"

struct demo_certificate {
	str certificate, key; /* paths, in the arena */
};

result demo_certificate_find(struct arena *arena, struct demo_certificate *ret_certificate);
/* In the folder gatehouse of XDG_CACHE_HOME, or of ~/.cache. Where nothing can be kept it is in memory, and
 * another one each time. ERROR_SYSTEM: none can be had. */
