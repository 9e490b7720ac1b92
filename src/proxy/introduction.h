/* SPDX-License-Identifier: Apache-2.0 */
/*
 * introduction: the PROXY protocol's header, by which a balancer in front tells whom it speaks for.
 *
 * It stands before everything else on a connection, also before TLS, once. A listener that wants it closes
 * connections without it: guessing whether a header is there would let any client choose its address.
 */
#pragma once

#include "proxy/connection.h"

result introduction_read(struct session *session, struct intake *in);
/* Yields. Where the listener wants a header and none was read yet, reads it and takes over the client's
 * address. Any failure means that the connection is to be closed without a word; it is in the journal. */
