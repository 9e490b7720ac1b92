/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever a line is, what is shown of it is no longer, and nothing is read beyond it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "config/cover.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool is_item = size && data[0] & 1;
	char *line = malloc(size + 1);
	size_t len;

	ASSERT(line);
	memcpy(line, data, size);
	len = cover_secrets(line, size, is_item);
	ASSERT(len <= size);
	free(line);
	return 0;
}
