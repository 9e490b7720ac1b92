/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log_config: `log.access` of the configuration as a struct.
 *
 * The all-zero struct is the default: JSON to standard output.
 */
#pragma once

#include "config/field.h"

enum log_destination { LOG_TO_STDOUT, LOG_TO_STDERR, LOG_TO_FILE, LOG_TO_NOWHERE };

struct log_target {
	enum log_destination destination;
	str path; /* with LOG_TO_FILE; made relative to the file that names it */
};

/* The fields of a line, in its order. */
enum log_field {
#define X(id, name, kind, member, cap) LOG_FIELD_##id,
#include "observe/log_fields.h"
#undef X
	LOG_FIELDS,
};

enum log_format_kind { LOG_JSON, LOG_CLF, LOG_TEMPLATE };

/* A piece of a template: a text, then a field, or none (LOG_FIELDS) at the end. */
struct log_segment {
	str literal;
	enum log_field field;
};

struct log_format {
	enum log_format_kind kind;
	const struct log_segment *at; /* with LOG_TEMPLATE */
	size_t count;
};

enum {
	LOG_LINE_MAX = 64 * 1024, /* bytes; a template that could make a longer one is an error */
	LOG_SEGMENTS_MAX = 64,
};

struct access_log_config {
	struct log_target to;
	struct log_format format;
	bool query; /* whether a path has its query */
	str_list redact;
	int64_t sample; /* percent; 0 stands for 100 */
};

extern const struct field access_log_fields[];

struct access_log_config access_log_config_copy(const struct access_log_config *config, struct arena *arena);
/* One that outlives the snapshot. */
