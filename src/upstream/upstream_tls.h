/* SPDX-License-Identifier: Apache-2.0 */
/*
 * upstream_tls: what `tls` of an upstream says, to the identity that its connections are made as.
 */
#pragma once

#include "tls/client_identity.h"
#include "upstream/upstream_config.h"

result upstream_tls_compile(struct reader *reader, struct tls_client_identities *identities,
			    const struct upstream_config *config, struct tls_client_identity **ret_identity);
/* NULL when nothing is encrypted. Reads the files, each of which is a part of the configuration from then on,
 * and reports what is wrong with them; warns of what is dangerous. The identity is listed until
 * upstream_tls_release(). ERROR_INVALID after a report. */

void upstream_tls_release(struct tls_client_identity **identity);
/* Clears the address, accepts NULL. */
