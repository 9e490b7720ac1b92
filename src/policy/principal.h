/* SPDX-License-Identifier: Apache-2.0 */
/*
 * principal: who asks, as an authentication found out; for whoever authenticates to fill.
 *
 * Everything lives in the exchange's arena or the snapshot.
 */
#pragma once

#include "codec/operand.h"

struct principal {
	str method;                    /* the kind of policy that knew it, "jwt"; empty: none did */
	str consumer;                  /* empty: nobody that the configuration knows */
	struct operand groups, labels; /* of the consumer: a list of texts, a map of texts; or missing */
	struct operand claims;         /* a map of whatever the token says; or missing */
	/* The certificate of its TLS connection, which was found good; all empty: there was none. */
	str certificate_subject;    /* RFC 4514 */
	str_list certificate_names; /* "dns:...", "uri:...", "email:..." */
	str certificate;            /* DER */
};
