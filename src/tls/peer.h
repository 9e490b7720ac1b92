/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peer: the certificate that the other side of a TLS stream showed, and that was found good.
 *
 * What is needed for longer than the stream goes into the arena. All of it comes from outside, though an
 * authority has signed it: values that hold a NUL or do not fit are left out.
 */
#pragma once

#include "base/arena.h"
#include "tls/stream.h"

const X509 *tls_peer_certificate(const struct tls_stream *tls);
/* The stream's own, after a resumed session too. NULL: it showed none, which those below take as well. */

str tls_peer_subject(const X509 *certificate, struct arena *arena);
/* "CN=orders,O=Example" by RFC 4514; empty when it is not known. */

str_list tls_peer_names(const X509 *certificate, struct arena *arena);
/* "dns:orders.internal", "uri:spiffe://example/orders", "email:ops@example.com", in the certificate's order;
 * at most 64 of them. */

str tls_peer_der(const X509 *certificate, struct arena *arena);
/* The certificate itself, for Client-Cert: RFC 9440 section 2.1. */
