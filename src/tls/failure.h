/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_failure: why OpenSSL gave up, in words for an operator.
 *
 * Of OpenSSL's many reasons those that happen have words of ours; the others keep OpenSSL's. All of them live
 * for ever. Looking empties the error queue of the thread.
 */
#pragma once

#include <openssl/ssl.h>

#include "base/result.h"

result tls_failure(const SSL *ssl);
/* Of a handshake: ERROR_MALFORMED or ERROR_REFUSED, see tls_stream_handshake(). */

const char *tls_failure_words(const SSL *ssl);
/* The words alone. NULL for ssl: of a call that has none. */

bool tls_failure_is_alert(void);
/* The failure at hand is a fatal alert of the peer, which OpenSSL counts as an end of the connection like the
 * orderly one. */
