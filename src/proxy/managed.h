/* SPDX-License-Identifier: Apache-2.0 */
/*
 * managed: the names that policies of this configuration tell services something by, beside those that are
 * always the gateway's own (codec/http_names.h). No client may send them, on any route: a service that
 * believes X-Auth-User behind one route believes it behind another.
 */
#pragma once

#include "http/body.h"

struct managed_names {
	str *at;
	size_t count;
};

bool managed_has(const struct managed_names *managed, str name);
/* Case folded, and '-', '_' and '.' taken for one: as a service behind CGI would. */

void managed_remove(const struct managed_names *managed, struct http_fields *fields);
/* From what a client sent. */

/* A body source that removes them from the trailers of the one below. */
struct managed_source {
	struct body_source source;
	struct body_source *from;
	const struct managed_names *managed;
};

void managed_source_init(struct managed_source *source, struct body_source *from,
			 const struct managed_names *managed);
