/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What compiling the TLS of a listener and reading its files again have in common.
 */
#pragma once

#include "proxy/listener_tls.h"

enum { TLS_FILE_MAX = 4 * 1024 * 1024 }; /* bytes; all CAs of a system are a tenth of it */

uint64_t tls_source_stamp(const struct tls_source *source);
/* Of all its files, as they were looked at last. */

void tls_wipe(str bytes);
/* There may be a key among them. They are the caller's to write to. */
