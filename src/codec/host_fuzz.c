/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is accepted holds no byte that could end or split it elsewhere, and its folded name is one, too.
 */
#include "base/assert.h"
#include "codec/host.h"
#include "codec/scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char bytes[HOST_LEN_MAX];
	struct buf room = buf_over(bytes, sizeof bytes);
	struct host host, again;
	str name;

	if (!host_parse((str) { (const char *)data, size }, &host))
		return 0;
	name = host_lower(host.name, &room);
	ASSERT(name.len == host.name.len && name.len > 0 && host_is_lower(name));
	for (size_t i = 0; i < name.len; i++)
		ASSERT(scan_is(name.ptr[i], SCAN_HOST) || (name.ptr[0] == '[' && strchr("[]:", name.ptr[i])));
	ASSERT(host_parse(name, &again) && str_eq(again.name, name) && !again.has_port);
	return 0;
}
