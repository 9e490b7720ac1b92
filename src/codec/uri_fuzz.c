/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A normal path is its own normal form, holds nothing that a reader could take for something else, and is
 * what the re-check calls normal.
 */
#include "base/assert.h"
#include "codec/scan.h"
#include "codec/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_normal(str path, unsigned options)
{
	struct uri_path again;

	ASSERT(path.len && path.ptr[0] == '/');
	ASSERT(!str_contains(path, STR("//")) && !str_contains(path, STR("/./")));
	ASSERT(!str_contains(path, STR("/../")) && !str_contains(path, STR("%2E")));
	ASSERT(!str_ends(path, STR("/.")) && !str_ends(path, STR("/..")));
	ASSERT((options & URI_KEEP_ENCODED_SLASHES) || !str_contains(path, STR("%2F")));
	for (size_t i = 0; i < path.len; i++)
		ASSERT(scan_is(path.ptr[i], SCAN_PATH) || path.ptr[i] == '%');
	ASSERT(!failed(uri_path_normalise(path, options, NULL, &again)));
	ASSERT(str_eq(again.text, path));
	ASSERT(uri_path_is_normal(path, options));
}

static void check_query(str query)
{
	char bytes[4096];
	struct buf room = buf_over(bytes, sizeof bytes);
	str name, value;

	while (uri_query_next(&query, &name, &value))
		ASSERT(uri_decode(name, true, &room).len <= name.len &&
		       uri_decode(value, false, &room).len <= value.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char bytes[4096 * 3 + 1];
	str input = { (const char *)data, size };
	struct uri uri;

	if (size > 4096)
		return 0;
	if (uri_split(input, HTTP_GET, &uri))
		check_query(uri.query);
	for (unsigned options = 0; options <= URI_KEEP_ENCODED_SLASHES; options++) {
		struct buf room = buf_over(bytes, size * 3 + 1);
		struct uri_path path;
		result_value done = uri_path_normalise(input, options, &room, &path);

		ASSERT(done.kind == ERROR_NONE || done.kind == ERROR_MALFORMED);
		if (!failed(done))
			check_normal(path.text, options);
	}
	return 0;
}
