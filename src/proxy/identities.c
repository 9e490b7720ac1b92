/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/identities.h"

void identities_init(struct identities *identities)
{
	*identities = (struct identities) {
		.endpoints = endpoints_new(),
		.upstream_states = upstream_states_new(),
	};
}

void identities_fini(struct identities *identities)
{
	metrics_free(&identities->metrics);
	upstream_states_free(&identities->upstream_states);
	endpoints_free(&identities->endpoints);
}
