/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client is found in any list without harm; an element that parses prints as one that parses to the same.
 */
#include "base/assert.h"
#include "codec/forwarded.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_element(str element)
{
	char bytes[8192];
	struct buf out = buf_over(bytes, sizeof bytes);
	struct forwarded first, again;

	if (!forwarded_parse(element, &first))
		return;
	forwarded_print(&out, &first);
	ASSERT(!buf_overflowed(&out));
	ASSERT(forwarded_parse(buf_str(&out), &again));
	ASSERT(str_eq(first.for_node, again.for_node) && str_eq(first.by_node, again.by_node));
	ASSERT(str_eq(first.host, again.host) && str_eq(first.proto, again.proto));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str input = { (const char *)data, size }, list = input, element;
	struct http_field field = { .name = STR("X"), .value = input, .id = HTTP_FORWARDED };
	struct http_fields fields = { &field, 1, 1 };
	struct ip peer = { { 0 } };
	struct cidr all;

	if (size > 4096)
		return 0;
	ASSERT(cidr_parse(STR("::/0"), &all));
	while (forwarded_last(&list, &element)) {
		ASSERT(element.len > 0 && list.len < size);
		check_element(element);
	}
	forwarded_client(&fields, &all, 1, peer);
	field.id = HTTP_X_FORWARDED_FOR;
	forwarded_client(&fields, &all, 1, peer);
	return 0;
}
