/* SPDX-License-Identifier: Apache-2.0 */
/*
 * url: where another service is asked: an absolute URL with http or https, taken apart.
 *
 * Nobody's name or password may stand in it, and no fragment, which no server ever sees.
 */
#pragma once

#include "codec/host.h"

enum { URL_MAX = 8 * 1024 };

struct url {
	bool is_secure;
	struct host host;
	uint16_t port; /* also where it is the scheme's */
	str origin;    /* "https://host:port", as it stands */
	str authority; /* "host:port", as it stands */
	str target;    /* path and query, as they stand; empty: "/" */
};

const char *url_parse(str text, struct url *ret_url);
/* NULL, or what is wanted instead. Slices of text. */

str url_without_query(str text);
/* Of any text: what may be told of a URL, for the query may hold a key. */

bool url_is_open(const struct url *url);
/* Whether others than this machine could read what is sent there, and answer in its stead. */
