/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reason: why the gateway itself answered, or why an exchange ended as it did: one row each.
 *
 * The word stands in the log and the metrics; the status, the title and the error of Proxy-Status (RFC 9209)
 * go to the client.
 */
#pragma once

#include "base/str.h"

enum reason {
	REASON_NONE, /* the upstream answered and all went well */
#define X(id, word, status, proxy_error, title, detail) REASON_##id,
#include "observe/reasons.h"
#undef X
	REASONS,
};

str reason_word(enum reason reason);
int reason_status(enum reason reason);
str reason_proxy_error(enum reason reason);
/* Of RFC 9209 section 2.3; empty where none fits. */

str reason_title(enum reason reason);
str reason_detail(enum reason reason);
/* What the client is told. */

str reason_meaning(enum reason reason);
/* For who runs the gateway: may be more than the client is told. Empty for words that a policy's own answer
 * has. */

enum reason reason_find(str word);
/* REASON_NONE for an unknown one. */
