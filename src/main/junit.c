/* SPDX-License-Identifier: Apache-2.0 */
#include "main/junit.h"

#include "base/printable.h"

/* XML 1.0 has no way to write control characters, so they are shown as they are in other output. */
static void put_text(FILE *to, str text)
{
	while (text.len) {
		size_t length = printable_length(text);
		char c = text.ptr[0];

		if (c == '&' || c == '<' || c == '>' || c == '"')
			fprintf(to, "&#%d;", c);
		else if (c == '\n')
			fputs("&#10;", to);
		else if (length)
			fprintf(to, "%.*s", (int)length, text.ptr);
		else
			fprintf(to, "\\x%02x", (unsigned char)c);
		text = str_skip(text, length ? length : 1);
	}
}

static void put_attribute(FILE *to, const char *name, str value)
{
	fprintf(to, " %s=\"", name);
	put_text(to, value);
	fputc('"', to);
}

static str first_line(str text)
{
	str line = text, rest;

	str_cut(text, '\n', &line, &rest);
	return line;
}

static void put_case(FILE *to, str file, const struct case_outcome *outcome)
{
	fputs("    <testcase", to);
	put_attribute(to, "classname", file);
	put_attribute(to, "name", outcome->of->name);
	fprintf(to, " line=\"%u\" time=\"%.6f\"", outcome->of->entry.node->line,
		(double)outcome->took / SECOND);
	if (!outcome->why.len) {
		fputs("/>\n", to);
		return;
	}
	fputs(">\n      <failure", to);
	put_attribute(to, "message", first_line(outcome->why));
	fputc('>', to);
	put_text(to, outcome->why);
	fputs("</failure>\n    </testcase>\n", to);
}

void junit_begin(FILE *to)
{
	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"gatehouse\">\n", to);
}

void junit_put(FILE *to, str file, const struct case_outcome *outcomes, size_t count)
{
	size_t failures = 0;

	for (size_t i = 0; i < count; i++)
		failures += outcomes[i].why.len > 0;
	fputs("  <testsuite", to);
	put_attribute(to, "name", file);
	fprintf(to, " tests=\"%zu\" failures=\"%zu\" errors=\"0\">\n", count, failures);
	for (size_t i = 0; i < count; i++)
		put_case(to, file, &outcomes[i]);
	fputs("  </testsuite>\n", to);
}

void junit_end(FILE *to)
{
	fputs("</testsuites>\n", to);
}
