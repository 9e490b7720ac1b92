/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What parses and is a literal prints as something that parses to the same address, and prints the same.
 */
#include "base/assert.h"
#include "io/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool address_parse(str text, struct address *ret_address)
{
	struct address_text parts;

	return !failed(address_text_parse(text, &parts)) && address_of_text(&parts, ret_address);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char first[ADDRESS_TEXT_MAX], second[ADDRESS_TEXT_MAX];
	struct buf printed = buf_over(first, sizeof first), again = buf_over(second, sizeof second);
	struct address address, same;

	if (!address_parse((str) { (const char *)data, size }, &address))
		return 0;
	address_print(&address, &printed);
	ASSERT(!buf_overflowed(&printed));
	ASSERT(address_parse(buf_str(&printed), &same));
	ASSERT(address_eq(&address, &same));
	address_print(&same, &again);
	ASSERT(str_eq(buf_str(&printed), buf_str(&again)));
	return 0;
}
