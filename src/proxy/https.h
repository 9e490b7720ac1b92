/* SPDX-License-Identifier: Apache-2.0 */
/*
 * https: what is said to a request that came by the wrong way, before it is routed: without TLS where only
 * TLS will do, or by the TLS of another name.
 */
#pragma once

#include "proxy/exchange.h"

enum reason https_check(struct exchange *x);
/* After admission_check(), where x->listener->minds_scheme. REASON_HTTPS_REDIRECT: the answer stands in the
 * view. */
