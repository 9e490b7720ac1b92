/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever is taken is its origin and its target and nothing between; its authority is a host that another
 * reader finds, too; and the origin alone is the same place.
 */
#include "base/assert.h"
#include "codec/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str text = { (const char *)data, size };
	struct url url, again;
	struct host host;

	if (url_parse(text, &url))
		return 0;
	ASSERT(url.origin.ptr == text.ptr && url.origin.len + url.target.len == text.len);
	ASSERT(str_ends(url.origin, url.authority) && !str_contains(url.authority, STR("@")));
	ASSERT(!url.target.len || url.target.ptr[0] == '/' || url.target.ptr[0] == '?');
	ASSERT(host_parse(url.authority, &host) && str_eq(host.name, url.host.name) && url.port);
	ASSERT(!url_parse(url.origin, &again));
	ASSERT(str_eq(again.host.name, url.host.name) && again.port == url.port && !again.target.len &&
	       again.is_secure == url.is_secure);
	for (size_t i = 0; i < size; i++)
		ASSERT(text.ptr[i] > ' ' && text.ptr[i] <= '~' && text.ptr[i] != '#');
	return 0;
}
