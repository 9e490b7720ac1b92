/* SPDX-License-Identifier: Apache-2.0 */
#include "main/load.h"

#include <stdio.h>

static bool report(result_value loaded, const struct diagnostics *diagnostics)
{
	diagnostics_print(diagnostics, stderr);
	if (failed(loaded) && diagnostics_errors(diagnostics) == 0)
		fprintf(stderr, "gatehouse: %s\n", loaded.why);
	return !failed(loaded);
}

bool load(str file, struct loaded *ret_loaded)
{
	struct diagnostics *diagnostics;
	result_value loaded;

	ret_loaded->endpoints = endpoints_new();
	loaded = snapshot_load(file, ret_loaded->endpoints, &diagnostics, &ret_loaded->snapshot);
	return report(loaded, diagnostics);
}

bool load_text(str name, str text, struct loaded *ret_loaded)
{
	struct diagnostics *diagnostics;
	result_value loaded;

	ret_loaded->endpoints = endpoints_new();
	loaded = snapshot_parse(name, text, ret_loaded->endpoints, &diagnostics, &ret_loaded->snapshot);
	return report(loaded, diagnostics);
}

void unload(struct loaded *loaded)
{
	snapshot_free(&loaded->snapshot);
	endpoints_free(&loaded->endpoints);
}
