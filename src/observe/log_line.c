/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All formats are made from one table, so that a field has one name, one cap and one way to be absent. JSON
 * walks the table; a template names rows of it; the combined format is a fixed list of them. The names of
 * JSON are kept with their quotes and commas, as they are put down.
 */
#include "observe/log_line.h"

#include "observe/log_text.h"

enum {
	QUERY_MAX = 2048,
	ESCAPED = 6,     /* the longest escape of a byte */
	NUMBER_MAX = 32, /* of any number and of a time */
	JSON_MAX = 24,
};

enum field_kind {
	KIND_TIME,
	KIND_TEXT,
	KIND_PORT,
	KIND_INT,
	KIND_UNSIGNED,
	KIND_U64,
	KIND_DURATION,
	KIND_REASON,
	KIND_PATH,
	KIND_REFERER,
};

#define QUOTE_TIME "\""
#define QUOTE_TEXT "\""
#define QUOTE_PORT ""
#define QUOTE_INT ""
#define QUOTE_UNSIGNED ""
#define QUOTE_U64 ""
#define QUOTE_DURATION ""
#define QUOTE_REASON "\""
#define QUOTE_PATH "\""
#define QUOTE_REFERER "\""

struct field_row {
	str name;
	char json[JSON_MAX]; /* what goes before the value; put down whole, which costs less than a call */
	uint8_t json_len;
	bool is_quoted;
	enum field_kind kind;
	size_t offset, cap;
};

static const struct field_row rows[LOG_FIELDS] = {
#define X(id, name, kind, member, cap)                                  \
	[LOG_FIELD_##id] = { STR_INIT(name),                            \
			     ",\"" name "\":" QUOTE_##kind,             \
			     sizeof(",\"" name "\":" QUOTE_##kind) - 1, \
			     sizeof(QUOTE_##kind) > 1,                  \
			     KIND_##kind,                               \
			     offsetof(struct exchange_facts, member),   \
			     cap },
#include "observe/log_fields.h"
#undef X
};

str log_field_name(enum log_field field)
{
	return rows[field].name;
}

bool log_field_find(str name, enum log_field *ret_field)
{
	for (int i = 0; i < LOG_FIELDS; i++) {
		if (!str_eq(rows[i].name, name))
			continue;
		*ret_field = (enum log_field)i;
		return true;
	}
	return false;
}

size_t log_field_longest(enum log_field field)
{
	const struct field_row *row = &rows[field];

	if (row->kind == KIND_PATH)
		return (row->cap + 1 + QUERY_MAX) * ESCAPED;
	return row->cap ? row->cap * ESCAPED : NUMBER_MAX;
}

/* What one line is made of and goes to. */
struct line {
	struct log_clock *clock;
	const struct access_log_config *config;
	const struct exchange_facts *facts;
	struct buf *out;
	enum log_escape escape;
};

static void print_clf_time(struct log_clock *clock)
{
	static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
					    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	const char *from = clock->rfc3339;
	struct buf out = buf_over(clock->clf, sizeof clock->clf);
	size_t month = (size_t)(from[5] - '0') * 10 + (size_t)(from[6] - '0') - 1;

	buf_put(&out, (str) { from + 8, 2 });
	buf_put_char(&out, '/');
	buf_put(&out, (str) { months[month], 3 });
	buf_put_char(&out, '/');
	buf_put(&out, (str) { from, 4 });
	buf_put_char(&out, ':');
	buf_put(&out, (str) { from + 11, 8 });
	buf_put(&out, STR(" +0000"));
}

/* Only the microseconds change from one line to the next. */
static void set_clock(struct log_clock *clock, wall_time time)
{
	int64_t second = time > 0 ? time / SECOND : 0;
	uint64_t microseconds = time > 0 ? (uint64_t)(time % SECOND / MICROSECOND) : 0;

	if (second != clock->second || !clock->clf[0]) {
		time_print_rfc3339(second * SECOND, clock->rfc3339);
		print_clf_time(clock);
		clock->second = second;
	}
	for (size_t i = 6; i-- > 0; microseconds /= 10)
		clock->rfc3339[20 + i] = (char)('0' + microseconds % 10);
}

/* Rows name their member by its offset. */
static const void *member_of(const struct line *line, const struct field_row *row)
{
	return (const char *)line->facts + row->offset;
}

/* What is not there: JSON leaves it out, the others put "-". */
static bool is_absent(const struct line *line, const struct field_row *row)
{
	switch (row->kind) {
	case KIND_TEXT:
	case KIND_PATH:
	case KIND_REFERER:
		return ((const str *)member_of(line, row))->len == 0;
	case KIND_PORT:
		return *(const uint16_t *)member_of(line, row) == 0;
	case KIND_DURATION:
		return *(const duration *)member_of(line, row) < 0;
	case KIND_REASON:
		return line->facts->reason == REASON_NONE;
	default:
		return false;
	}
}

/* The query is part of the path's value, and capped by itself: a long path does not hide it. */
static void put_path(const struct line *line, size_t cap)
{
	const struct exchange_facts *facts = line->facts;

	log_put_text(line->out, line->escape, log_cut(facts->path, cap));
	if (!line->config->query || facts->query.len == 0)
		return;
	buf_put_char(line->out, '?');
	log_put_query(line->out, line->escape, log_cut(facts->query, QUERY_MAX), line->config->redact);
}

static void put_value(const struct line *line, const struct field_row *row)
{
	const void *member = member_of(line, row);
	int status;

	switch (row->kind) {
	case KIND_TIME:
		buf_put(line->out, (str) { line->clock->rfc3339, TIME_RFC3339_LEN });
		break;
	case KIND_TEXT:
		log_put_text(line->out, line->escape, log_cut(*(const str *)member, row->cap));
		break;
	case KIND_PORT:
		log_put_number(line->out, *(const uint16_t *)member);
		break;
	case KIND_INT:
		status = *(const int *)member;
		log_put_number(line->out, status > 0 ? (uint64_t)status : 0);
		break;
	case KIND_UNSIGNED:
		log_put_number(line->out, *(const unsigned *)member);
		break;
	case KIND_U64:
		log_put_number(line->out, *(const uint64_t *)member);
		break;
	case KIND_DURATION:
		log_put_milliseconds(line->out, *(const duration *)member);
		break;
	case KIND_REASON:
		buf_put(line->out, reason_word(line->facts->reason));
		break;
	case KIND_PATH:
		put_path(line, row->cap);
		break;
	case KIND_REFERER:
		log_put_url(line->out, line->escape, log_cut(*(const str *)member, row->cap),
			    line->config->query, line->config->redact);
		break;
	}
}

/* The copy is of a fixed size, and what is too much of it is written over. */
static void put_json_name(struct buf *out, const struct field_row *row)
{
	if (out->max - out->len < JSON_MAX) {
		buf_put(out, (str) { row->json, row->json_len });
		return;
	}
	memcpy(out->bytes + out->len, row->json, JSON_MAX);
	out->len += row->json_len;
}

static void put_json(struct line *line)
{
	size_t from = line->out->len;

	line->escape = LOG_ESCAPE_JSON;
	for (const struct field_row *row = rows; row < rows + LOG_FIELDS; row++) {
		if (is_absent(line, row))
			continue;
		put_json_name(line->out, row);
		put_value(line, row);
		if (row->is_quoted)
			buf_put_char(line->out, '"');
	}
	buf_put(line->out, STR("}\n"));
	/* There is no comma before the first. */
	if (line->out->max > from)
		line->out->bytes[from] = '{';
}

static void put_or_dash(const struct line *line, enum log_field field)
{
	if (is_absent(line, &rows[field]))
		buf_put_char(line->out, '-');
	else
		put_value(line, &rows[field]);
}

/* Literals were checked when the file was read, and have no line end. */
static void put_template(struct line *line)
{
	const struct log_format *format = &line->config->format;

	line->escape = LOG_ESCAPE_TEXT;
	for (size_t i = 0; i < format->count; i++) {
		buf_put(line->out, format->at[i].literal);
		if (format->at[i].field != LOG_FIELDS)
			put_or_dash(line, format->at[i].field);
	}
	buf_put_char(line->out, '\n');
}

/* A request line that was not understood is "-", as other servers put it. */
static void put_request_line(struct line *line)
{
	if (line->facts->method.len == 0) {
		buf_put_char(line->out, '-');
		return;
	}
	put_or_dash(line, LOG_FIELD_METHOD);
	buf_put_char(line->out, ' ');
	put_or_dash(line, LOG_FIELD_PATH);
	buf_put_char(line->out, ' ');
	put_or_dash(line, LOG_FIELD_PROTOCOL);
}

/* The combined format of web servers: client, "-", user, time, request line, status, bytes, referer, agent.
 */
static void put_clf(struct line *line)
{
	struct buf *out = line->out;

	line->escape = LOG_ESCAPE_WORD;
	put_or_dash(line, LOG_FIELD_CLIENT_IP);
	buf_put(out, STR(" - "));
	put_or_dash(line, LOG_FIELD_CONSUMER);
	buf_put(out, STR(" ["));
	buf_put(out, (str) { line->clock->clf, sizeof line->clock->clf });
	buf_put(out, STR("] \""));
	put_request_line(line);
	line->escape = LOG_ESCAPE_TEXT;
	buf_put(out, STR("\" "));
	put_or_dash(line, LOG_FIELD_STATUS);
	buf_put_char(out, ' ');
	put_or_dash(line, LOG_FIELD_RESPONSE_BYTES);
	buf_put(out, STR(" \""));
	put_or_dash(line, LOG_FIELD_REFERER);
	buf_put(out, STR("\" \""));
	put_or_dash(line, LOG_FIELD_USER_AGENT);
	buf_put(out, STR("\"\n"));
}

void log_line_put(struct log_clock *clock, const struct access_log_config *config,
		  const struct exchange_facts *facts, struct buf *out)
{
	struct line line = { .clock = clock, .config = config, .facts = facts, .out = out };

	set_clock(clock, facts->time);
	switch (config->format.kind) {
	case LOG_JSON:
		put_json(&line);
		break;
	case LOG_CLF:
		put_clf(&line);
		break;
	case LOG_TEMPLATE:
		put_template(&line);
		break;
	}
}
