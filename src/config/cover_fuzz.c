/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever a line is, what is shown of it is no longer; and whatever a secret is, nothing of it is shown, in
 * any of the ways in which it may be written.
 */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/buf.h"
#include "config/cover.h"

enum { SECRET_MAX = 200, ROOM = 300 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One that needs no escape in quotes and refers to no other place. */
static bool is_plain_secret(str secret)
{
	for (size_t i = 0; i < secret.len; i++)
		if (secret.ptr[i] == '"' || secret.ptr[i] == '\\' || (unsigned char)secret.ptr[i] < ' ')
			return false;
	return secret.len <= SECRET_MAX && !str_starts(secret, STR("${")) &&
	       !str_starts(secret, STR("file:")) && !str_starts(secret, STR("sha256:"));
}

static void hide(const char *before, str secret, bool is_item)
{
	char line[ROOM];
	struct buf out = buf_over(line, sizeof line);
	size_t begin = strlen(before), len;

	buf_put(&out, str_of(before));
	buf_put(&out, secret);
	buf_put_char(&out, '"');
	len = cover_secrets(line, out.len, is_item);
	ASSERT(memcmp(line, before, begin) == 0 && line[len - 1] == '"');
	for (size_t i = begin; i < len - 1; i++)
		ASSERT(line[i] == '*');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool is_item = size && data[0] & 1;
	str text = { (const char *)data, size };
	char *line = malloc(size + 1);

	ASSERT(line);
	memcpy(line, data, size);
	ASSERT(cover_secrets(line, size, is_item) <= size);
	free(line);
	if (!is_plain_secret(text))
		return 0;
	hide("secret: \"", text, false);
	hide("a: { b: c, \"api_keys\": [ \"", text, false);
	hide("  \"password\": \"", text, true);
	hide("- - \"", text, true);
	return 0;
}
