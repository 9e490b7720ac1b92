/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An address that parses prints as one that parses to the same, and is in the block of its own.
 */
#include "base/assert.h"
#include "codec/cidr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char bytes[IP_TEXT_MAX];
	str input = { (const char *)data, size };
	struct buf out = buf_over(bytes, sizeof bytes);
	struct ip ip, again;
	struct cidr cidr;
	str address = input, prefix;

	str_cut(input, '/', &address, &prefix);
	if (!ip_parse(address, &ip)) {
		ASSERT(!cidr_parse(input, &cidr));
		return 0;
	}
	ip_print(ip, &out);
	ASSERT(!buf_overflowed(&out) && ip_parse(buf_str(&out), &again) && ip_eq(ip, again));
	if (cidr_parse(input, &cidr))
		ASSERT(cidr_has(&cidr, ip) || ip_is_v4(ip));
	return 0;
}
