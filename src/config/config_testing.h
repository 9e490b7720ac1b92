/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config_testing: what the tests of this room share: a text read to a document, what was reported as text,
 * and one table of options with every type.
 */
#pragma once

#include "base/testing.h"
#include "config/document.h"

struct reading {
	struct arena arena;
	struct diagnostics *diagnostics;
	struct document *document; /* NULL when the syntax was broken */
	result_value outcome;
	char *printed; /* of reading_print() and reading_summary() */
};

void reading_open(struct reading *reading);
void reading_close(struct reading *reading);

void reading_parse(struct reading *reading, const char *text);
/* As the file t.yaml. The environment is that of testing_environment(). */

void reading_parse_bytes(struct reading *reading, str text, size_t arena_max);

const char *testing_environment(const char *name, void *argument);
/* HOST, PORT, EMPTY, TRICKY (text that looks like YAML and like references), BINARY (not UTF-8); nothing
 * else. */

const char *reading_print(struct reading *reading);
/* What diagnostics_print() writes. */

const char *reading_summary(struct reading *reading);
/* Only place, path and message of each, one a line, without the file's name: "3:5: a.b: unknown key". Errors
 * of other files keep their name; warnings are marked. */
