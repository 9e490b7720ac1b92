/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load: the two ways in, from a file and from a text, and the one way in which problems are told.
 *
 * A failure without a diagnostic (a file that cannot be read, for one) is told in a line of its own, so
 * that no command ever fails in silence.
 */
#include "main/load.h"

#include <stdio.h>

static bool report(result_value loaded, const struct diagnostics *diagnostics)
{
	diagnostics_print(diagnostics, stderr);
	if (failed(loaded) && diagnostics_errors(diagnostics) == 0)
		fprintf(stderr, "gatehouse: %s\n", loaded.why);
	return !failed(loaded);
}

static bool load_file(str file, bool is_counting, struct loaded *ret_loaded)
{
	struct diagnostics *diagnostics;
	result_value loaded;

	identities_init(&ret_loaded->identities);
	ret_loaded->identities.is_counting = is_counting;
	loaded = snapshot_load(file, &ret_loaded->identities, &diagnostics, &ret_loaded->snapshot);
	return report(loaded, diagnostics);
}

bool load(str file, struct loaded *ret_loaded)
{
	return load_file(file, false, ret_loaded);
}

bool load_to_serve(str file, struct loaded *ret_loaded)
{
	return load_file(file, true, ret_loaded);
}

bool load_text(str name, str text, struct loaded *ret_loaded)
{
	struct diagnostics *diagnostics;
	result_value loaded;

	identities_init(&ret_loaded->identities);
	ret_loaded->identities.is_counting = true;
	loaded = snapshot_parse(name, text, &ret_loaded->identities, &diagnostics, &ret_loaded->snapshot);
	return report(loaded, diagnostics);
}

void unload(struct loaded *loaded)
{
	snapshot_unref(&loaded->snapshot);
	identities_fini(&loaded->identities);
}
