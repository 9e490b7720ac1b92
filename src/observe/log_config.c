/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A template is compiled when the file is read: to literals and fields, with the length of the longest line
 * that it can make, so that writing a line needs no check but the ring's.
 */
#include "observe/log_config.h"

#include "observe/log_line.h"

static const str target_words[] = { STR_INIT("stdout"), STR_INIT("stderr"), STR_INIT("file:PATH"),
				    STR_INIT("off") };
static const str format_words[] = { STR_INIT("json"), STR_INIT("clf") };

/* A file is named relative to the file of the configuration that names it. */
static void target_read(struct reader *reader, const struct node *node, void *ret_member)
{
	struct log_target *target = ret_member;
	str text, suggestion;

	if (!field_read_str(reader, node, &text))
		return;
	if (str_starts(text, STR("file:")) && text.len > 5) {
		target->destination = LOG_TO_FILE;
		target->path = node_resolve_path(reader->document, node, str_skip(text, 5), reader->arena);
	} else if (str_eq(text, STR("stdout"))) {
		target->destination = LOG_TO_STDOUT;
	} else if (str_eq(text, STR("stderr"))) {
		target->destination = LOG_TO_STDERR;
	} else if (str_eq(text, STR("off"))) {
		target->destination = LOG_TO_NOWHERE;
	} else {
		suggestion = diagnostic_suggest(reader->arena, text, target_words,
						sizeof target_words / sizeof *target_words);
		diagnostic_error(reader->diagnostics, node,
				 "want stdout, stderr, file:PATH or off, read \"%.*s\"%.*s", STR_ARG(text),
				 STR_ARG(suggestion));
	}
}

static const struct field_form target_form = {
	.manual = "`stdout`, `stderr`, `file:PATH` (appended to; SIGUSR1 opens it anew) or `off`",
	.schema = "{\"type\": \"string\", \"pattern\": \"^(stdout|stderr|off|file:.+)$\"}",
	.read = target_read,
};

/* What is being made of a template. */
struct template
{
	struct reader *reader;
	const struct node *node;
	struct log_segment *at;
	size_t count;
	size_t longest; /* bytes that a line can have */
};

static void report_unknown_field(struct template *template, str name)
{
	str names[LOG_FIELDS], suggestion;

	for (int i = 0; i < LOG_FIELDS; i++)
		names[i] = log_field_name((enum log_field)i);
	suggestion = diagnostic_suggest(template->reader->arena, name, names, LOG_FIELDS);
	diagnostic_error(template->reader->diagnostics, template->node,
			 "the access log has no field \"%.*s\"%.*s", STR_ARG(name), STR_ARG(suggestion));
}

static bool add_segment(struct template *template, str literal, enum log_field field)
{
	if (template->count == LOG_SEGMENTS_MAX) {
		diagnostic_error(template->reader->diagnostics, template->node,
				 "the template has more than %d fields", LOG_SEGMENTS_MAX - 1);
		return false;
	}
	template->at[template->count++] = (struct log_segment) { literal, field };
	template->longest += literal.len + (field == LOG_FIELDS ? 1 : log_field_longest(field));
	return true;
}

/* One ${name} at offset of the text; what follows it begins at *ret_next. */
static bool compile_reference(struct template *template, size_t from, size_t offset, size_t *ret_next)
{
	str text = template->node->text;
	str name;
	size_t end;
	enum log_field field;

	if (!str_find(str_skip(text, offset), '}', &end)) {
		diagnostic_error(template->reader->diagnostics, template->node,
				 "${ without its }; write $${ for ${ itself");
		return false;
	}
	name = str_slice(text, offset + 2, offset + end);
	if (!log_field_find(name, &field)) {
		report_unknown_field(template, name);
		return false;
	}
	*ret_next = offset + end + 1;
	return add_segment(template, str_slice(text, from, offset), field);
}

/* What came from outside, or was escaped, is text: see node_is_literal(). */
static bool compile_template(struct template *template)
{
	str text = template->node->text;
	size_t from = 0, at = 0;

	while (at < text.len) {
		bool is_reference =
			str_starts(str_skip(text, at), STR("${")) && !node_is_literal(template->node, at);

		if (!is_reference)
			at++;
		else if (compile_reference(template, from, at, &at))
			from = at;
		else
			return false;
	}
	return add_segment(template, str_skip(text, from), LOG_FIELDS);
}

/* They would end the line, or colour a terminal. */
static bool has_control_characters(str text)
{
	for (size_t i = 0; i < text.len; i++)
		if ((uint8_t)text.ptr[i] < 0x20 && text.ptr[i] != '\t')
			return true;
	return false;
}

static void template_read(struct reader *reader, const struct node *node, struct log_format *ret_format)
{
	struct template template = {
		.reader = reader,
		.node = node,
		.at = ARENA_ARRAY(reader->arena, struct log_segment, LOG_SEGMENTS_MAX),
	};

	if (!compile_template(&template))
		return;
	if (has_control_characters(node->text))
		diagnostic_error(reader->diagnostics, node,
				 "a template is one line without control characters");
	else if (template.longest > LOG_LINE_MAX)
		diagnostic_error(reader->diagnostics, node,
				 "a line of this template could be longer than 64 KiB: take fields out");
	*ret_format = (struct log_format) { LOG_TEMPLATE, template.at, template.count };
}

static void format_read(struct reader *reader, const struct node *node, void *ret_member)
{
	struct log_format *format = ret_member;
	str text, suggestion;

	if (!field_read_str(reader, node, &text))
		return;
	if (str_eq(text, STR("json"))) {
		format->kind = LOG_JSON;
	} else if (str_eq(text, STR("clf"))) {
		format->kind = LOG_CLF;
	} else if (str_contains(text, STR("${"))) {
		template_read(reader, node, format);
	} else {
		suggestion = diagnostic_suggest(reader->arena, text, format_words,
						sizeof format_words / sizeof *format_words);
		diagnostic_error(
			reader->diagnostics, node,
			"want json, clf or a template with fields such as ${status}, read \"%.*s\"%.*s",
			STR_ARG(text), STR_ARG(suggestion));
	}
}

static const struct field_form format_form = {
	.manual = "`json`, `clf` (the combined format of web servers), or a template: a text with fields "
		  "such as "
		  "`${client_ip}` or `${status}`",
	.schema = "{\"type\": \"string\"}",
	.read = format_read,
};

const struct field access_log_fields[] = {
	FIELD_CUSTOM(struct access_log_config, to, "to", struct log_target, &target_form,
		     "Where the lines go; to `stdout` unless said otherwise."),
	FIELD_CUSTOM(struct access_log_config, format, "format", struct log_format, &format_form,
		     "What a line looks like; `json` unless said otherwise."),
	FIELD_BOOL(struct access_log_config, query, "query", "false",
		   "Whether paths and referers are logged with their query."),
	FIELD_STRS(struct access_log_config, redact, "redact", 0, 100,
		   "Parameters of a query whose values are logged as `***`, beside those that usually bear "
		   "credentials (`access_token`, `api_key`, `password` and the like)."),
	FIELD_INT(struct access_log_config, sample, "sample", "100", 1, 100,
		  "Percent of the requests that are logged, picked at random."),
	FIELD_END
};

struct access_log_config access_log_config_copy(const struct access_log_config *config, struct arena *arena)
{
	struct access_log_config copy = *config;
	struct log_segment *segments = ARENA_ARRAY(arena, struct log_segment, config->format.count);
	str *names = ARENA_ARRAY(arena, str, config->redact.len);

	for (size_t i = 0; i < config->format.count; i++)
		segments[i] = (struct log_segment) { arena_str(arena, config->format.at[i].literal),
						     config->format.at[i].field };
	for (size_t i = 0; i < config->redact.len; i++)
		names[i] = arena_str(arena, config->redact.at[i]);
	copy.to.path = arena_str(arena, config->to.path);
	copy.format.at = segments;
	copy.redact.at = names;
	return copy;
}
