/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clear_text: credentials that would come by a listener where others can read them.
 */
#pragma once

#include "proxy/snapshot.h"

void clear_text_warn(const struct snapshot *snapshot, struct reader *reader);
/* At the address of each listener that others than this machine reach without TLS, where a policy of some
 * route wants a credential. Of a listener behind a proxy (trusted_proxies, proxy_protocol), which may have
 * the TLS, and of one that only redirects nothing is said. */
