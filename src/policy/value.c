/* SPDX-License-Identifier: Apache-2.0 */
/*
 * First the table of values, then compiling, then filling in. Filling in collects the parts before it writes
 * anything: so what must not be there refuses the request before memory is taken, and the room that is needed
 * is known and bounded.
 */
#include "policy/value.h"

#include "auth/claims.h"
#include "base/assert.h"
#include "codec/json_text.h"
#include "codec/scan.h"
#include "codec/uri.h"
#include "policy/principal.h"
#include "policy/value_private.h"

enum {
	CLAIM_ROOM = 64 * 1024, /* of a claim that is put together: more than a token can hold */
	QUOTES = 2,             /* the quotation marks that JSON has for a moment */
};

/* Those that end in a dot take a NAME. */
static const struct value_row {
	str name;
	enum what what;
	const char *doc;
} value_rows[] = {
	{ STR_INIT("request.id"), WHAT_ID, "The request's id." },
	{ STR_INIT("request.method"), WHAT_METHOD, "The method, such as `GET`." },
	{ STR_INIT("request.host"), WHAT_HOST, "The host in lower case, without port." },
	{ STR_INIT("request.path"), WHAT_PATH, "The normalised path, still encoded." },
	{ STR_INIT("request.query"), WHAT_QUERY, "The whole query, as the client wrote it." },
	{ STR_INIT("request.scheme"), WHAT_SCHEME, "`http` or `https`." },
	{ STR_INIT("request.header."), WHAT_FIELD, "The first field of that name." },
	{ STR_INIT("request.query."), WHAT_QUERY_PARAMETER, "The first parameter of that name, decoded." },
	{ STR_INIT("path."), WHAT_PATH_PARAMETER,
	  "What `{NAME}`, or a named group, of the route's path holds; still encoded." },
	{ STR_INIT("client.ip"), WHAT_CLIENT_IP, "The client's address, as the log has it." },
	{ STR_INIT("api"), WHAT_API, "The API's name." },
	{ STR_INIT("route"), WHAT_ROUTE, "The route's name; empty for the API's own rule." },
	{ STR_INIT("upstream.endpoint"), WHAT_ENDPOINT, "The address that was asked; in answers only." },
	{ STR_INIT("consumer.name"), WHAT_CONSUMER, "The consumer's name." },
	{ STR_INIT("consumer.label."), WHAT_CONSUMER_LABEL, "One of its labels." },
	{ STR_INIT("claim."), WHAT_CLAIM,
	  "What the token says, by a path such as `sub` or `org.id`; a list is joined by `,`, an object is "
	  "left out." },
};

enum { VALUE_ROWS = sizeof value_rows / sizeof *value_rows };

/* "path." is the beginning of many, "client.ip" is itself. */
static bool takes_name(const struct value_row *row)
{
	return str_ends(row->name, STR("."));
}

/* ret_rest: the NAME behind a row that takes one. */
static const struct value_row *row_of(str name, str *ret_rest)
{
	*ret_rest = (str) { 0 };
	for (size_t i = 0; i < VALUE_ROWS; i++) {
		const struct value_row *row = &value_rows[i];

		if (str_eq(row->name, name) && !takes_name(row))
			return row;
		if (!takes_name(row) || !str_starts(name, row->name) || name.len == row->name.len)
			continue;
		*ret_rest = str_skip(name, row->name.len);
		return row;
	}
	return NULL;
}

/* Compiling. */

static str print_row(const struct value_row *row, str name, struct arena *arena)
{
	return takes_name(row) ? arena_join(arena, (str[]) { row->name, name }, 2) : row->name;
}

/* Held against the names with NAME filled in first: ${claims.sub} is nearly ${claim.sub}. */
static result report_unknown(struct value_builder *builder, const struct node *node, str name)
{
	str known[VALUE_ROWS], suggestion, rest = name, skipped;
	struct arena *arena = builder->reader->arena;

	while (str_cut(rest, '.', &skipped, &rest))
		;
	for (size_t i = 0; i < VALUE_ROWS; i++)
		known[i] = print_row(&value_rows[i], rest, arena);
	suggestion = diagnostic_suggest(arena, name, known, VALUE_ROWS);
	for (size_t i = 0; i < VALUE_ROWS; i++)
		known[i] = print_row(&value_rows[i], STR("NAME"), arena);
	if (!str_starts(suggestion, STR("; did you mean")))
		suggestion = diagnostic_suggest(arena, name, known, VALUE_ROWS);
	diagnostic_error(builder->reader->diagnostics, node, "there is no value ${%.*s}%.*s", STR_ARG(name),
			 STR_ARG(suggestion));
	return error_make(ERROR_INVALID, "unknown value");
}

static const char introduction[] =
	"\n<a id=\"values\"></a>\n# Values: `${...}`\n\n"
	"When a configuration is loaded, `${...}` in any of its texts stands for something from outside. "
	"What "
	"comes in that way is text, and is not looked at for a further `${...}`:\n\n"
	"| written | is |\n| --- | --- |\n"
	"| `${NAME}` | The environment variable; it must be set. |\n"
	"| `${NAME:-default}` | The same, or the default where it is not set, or empty. |\n"
	"| `${file:PATH}` | The text of a file, without blanks and line ends at its beginning and its end, "
	"so a "
	"last line end is no part of a secret; a relative path is one beside the file of the configuration "
	"that "
	"names it. |\n"
	"| `$${` | The two characters `${`. |\n\n"
	"Where the manual says that `${...}` is filled in, it may stand for something of the request, "
	"too:\n\n"
	"| written | is |\n| --- | --- |\n";

static const char rules[] =
	"\nWhat is missing is empty; a value of the request takes no default. `consumer` and `claim` are "
	"missing until a policy "
	"before has authenticated "
	"the request. What `when` calls `claims.sub` is `${claim.sub}` here: "
	"[expressions](#expressions) have "
	"names of their own, and no `${}`. A field that `headers` sets to one of them is "
	"replaced on that route alone, and on another route to the same service a client can "
	"send it: let a service be told who asks by `forward` of the policy that knows it, "
	"whose fields no client can send on any route.\n\n"
	"A text with values of the request in it is at most 64 KiB long, also when it is filled in: else the "
	"request gets 503 (`overloaded`), or an answer goes without that field.\n";

void value_page_print(FILE *to)
{
	fputs(introduction, to);
	for (size_t i = 0; i < VALUE_ROWS; i++)
		fprintf(to, "| `${%.*s%s}` | %s |\n", STR_ARG(value_rows[i].name),
			takes_name(&value_rows[i]) ? "NAME" : "", value_rows[i].doc);
	fputs(rules, to);
}

static result refuse(struct value_builder *builder, const struct node *node, const char *why)
{
	diagnostic_error(builder->reader->diagnostics, node, "%s", why);
	return error_make(ERROR_INVALID, why);
}

void value_builder_init(struct value_builder *builder, struct reader *reader, enum value_use use,
			unsigned options, size_t room)
{
	*builder = (struct value_builder) {
		.reader = reader,
		.use = use,
		.options = options,
		.room = buf_over(arena_bytes(reader->arena, room), room),
		.at = ARENA_ARRAY(reader->arena, struct value_segment, 2 * VALUE_SEGMENTS_MAX + 1),
	};
}

/* The literal under way becomes a segment, unless it is empty. */
static void end_literal(struct value_builder *builder)
{
	str literal = str_skip(buf_str(&builder->room), builder->literal_from);

	ASSERT(!buf_overflowed(&builder->room));
	if (literal.len)
		builder->at[builder->count++] = (struct value_segment) { .text = literal };
	builder->literal_from = builder->room.len;
}

/* The escaped text without its quotation marks: a value may be a part of a string. */
static void put_json_inside(struct buf *out, str text)
{
	size_t from = out->len;

	json_put_string(out, text);
	if (buf_overflowed(out))
		return;
	memmove(out->bytes + from, out->bytes + from + 1, out->len - from - 2);
	out->len -= 2;
}

void value_put_encoded(struct buf *out, str text)
{
	static const char hex[] = "0123456789ABCDEF";

	for (size_t i = 0; i < text.len; i++) {
		uint8_t byte = (uint8_t)text.ptr[i];
		char escape[] = { '%', hex[byte >> 4], hex[byte & 15] };

		if (scan_is(text.ptr[i], SCAN_UNRESERVED))
			buf_put_char(out, text.ptr[i]);
		else
			buf_put(out, (str) { escape, sizeof escape });
	}
}

/* As it will stand in the result, so that filling in only copies it. */
static void put_literal(struct value_builder *builder, str literal)
{
	if (builder->use == VALUE_JSON)
		put_json_inside(&builder->room, literal);
	else if (builder->use == VALUE_QUERY)
		value_put_encoded(&builder->room, literal);
	else
		buf_put(&builder->room, literal);
}

/* What stood before it is a literal of its own. */
static result add_segment(struct value_builder *builder, const struct node *node,
			  struct value_segment segment)
{
	end_literal(builder);
	if (builder->count >= (size_t)2 * VALUE_SEGMENTS_MAX - 1)
		return refuse(builder, node, "there are more than 64 values in one text");
	builder->at[builder->count++] = segment;
	return OK;
}

static result add_reference(struct value_builder *builder, const struct node *node, str name)
{
	struct value_segment segment = { 0 };
	const struct value_row *row = row_of(name, &segment.text);

	/* Else it would be the end of the NAME, and the value empty without a word. */
	if (str_contains(name, STR(":-")))
		return refuse(builder, node,
			      "a value of the request takes no default; what is missing is empty");
	if (!row)
		return report_unknown(builder, node, name);
	segment.what = (uint8_t)row->what;
	if (row->what == WHAT_ENDPOINT && !(builder->options & VALUE_OF_ANSWER))
		return refuse(builder, node, "the endpoint is known in answers only");
	if (row->what == WHAT_FIELD) {
		if (!http_is_token(segment.text))
			return refuse(builder, node, "want the name of a field after request.header.");
		segment.id = http_name_find(segment.text);
	}
	return add_segment(builder, node, segment);
}

/* $0 to $9, or $$. */
static bool is_group(const struct value_builder *builder, str text)
{
	return (builder->options & VALUE_GROUPS) && text.len >= 2 && text.ptr[0] == '$' &&
	       (text.ptr[1] == '$' || (text.ptr[1] >= '0' && text.ptr[1] <= '9'));
}

static result add_group(struct value_builder *builder, const struct node *node, char group)
{
	if (group != '$')
		return add_segment(
			builder, node,
			(struct value_segment) { .what = WHAT_GROUP, .group = (uint8_t)(group - '0') });
	put_literal(builder, STR("$"));
	return OK;
}

/* What begins at `at` and is to be filled in; *ret_len is 0 when it is nothing of the kind. */
static result add_special(struct value_builder *builder, const struct node *node, size_t at, size_t *ret_len)
{
	str rest = str_skip(node->text, at);
	size_t end;

	*ret_len = 0;
	if (rest.ptr[0] != '$' || node_is_literal(node, at))
		return OK;
	if (is_group(builder, rest)) {
		*ret_len = 2;
		return add_group(builder, node, rest.ptr[1]);
	}
	if (!str_starts(rest, STR("${")))
		return OK;
	if (!str_find(rest, '}', &end))
		return refuse(builder, node, "${ without its }; write $${ for ${ itself");
	*ret_len = end + 1;
	return add_reference(builder, node, str_slice(rest, 2, end));
}

result value_builder_text(struct value_builder *builder, const struct node *node)
{
	str text = node->text;
	size_t from = 0, at = 0;

	while (at < text.len) {
		size_t len, before = at;

		/* The literal first, as what follows it may end it. */
		while (at < text.len && text.ptr[at] != '$')
			at++;
		put_literal(builder, str_slice(text, before, at));
		from = at;
		if (at == text.len)
			break;
		TRY(add_special(builder, node, at, &len));
		if (len == 0)
			put_literal(builder, str_slice(text, at, at + 1));
		at = from + (len ? len : 1);
	}
	return OK;
}

/* What is too long before anything is filled in would be so for everybody. */
result value_builder_end(struct value_builder *builder, const struct node *node, struct value *ret_value)
{
	end_literal(builder);
	*ret_value = (struct value) { .at = builder->at, .count = builder->count, .use = builder->use };
	if (!value_is_constant(ret_value) && builder->room.len + QUOTES > VALUE_LENGTH_MAX)
		return refuse(builder, node,
			      "a text with values in it is at most 64 KiB long; one without can be longer");
	return OK;
}

/* The longest that a byte can become. */
static size_t growth(enum value_use use)
{
	return use == VALUE_JSON ? 6 : use <= VALUE_TEXT ? 1 : 3;
}

result value_compile(struct reader *reader, const struct node *node, enum value_use use, unsigned options,
		     struct value *ret_value)
{
	struct value_builder builder;

	*ret_value = (struct value) { .use = use };
	if (!node)
		return OK;
	value_builder_init(&builder, reader, use, options, node->text.len * growth(use) + QUOTES);
	TRY(value_builder_text(&builder, node));
	TRY(value_builder_end(&builder, node, ret_value));
	for (size_t i = 0; i < ret_value->count && use != VALUE_TEXT; i++)
		if (ret_value->at[i].what == WHAT_LITERAL && !http_is_field_value(ret_value->at[i].text))
			return refuse(&builder, node, "a control character cannot stand here");
	return OK;
}

bool value_is_constant(const struct value *value)
{
	return value->count == 0 || (value->count == 1 && value->at[0].what == WHAT_LITERAL);
}

str value_constant(const struct value *value)
{
	ASSERT(value_is_constant(value));
	return value->count ? value->at[0].text : (str) { 0 };
}

unsigned value_highest_group(const struct value *value)
{
	unsigned highest = 0;

	for (size_t i = 0; i < value->count; i++)
		if (value->at[i].what == WHAT_GROUP && value->at[i].group > highest)
			highest = value->at[i].group;
	return highest;
}

/* Filling in. */

static str decode(const struct view *view, str encoded, bool plus_is_space)
{
	struct buf room = arena_open(view->arena, encoded.len);
	str text = uri_decode(encoded, plus_is_space, &room);

	arena_close(view->arena, &room);
	return text;
}

/* The first one: a field that may occur once was checked, and of a list the first is as good as any. */
static str find_field(const struct view *view, const struct value_segment *segment)
{
	const struct http_fields *fields = &view->request->fields;
	const struct http_field *field = segment->id == HTTP_NAME_OTHER
						 ? http_fields_find(fields, segment->text)
						 : http_fields_get(fields, segment->id);

	return field ? field->value : (str) { 0 };
}

/* The first one of that name. */
static result find_query_parameter(const struct view *view, str wanted, str *ret_value)
{
	str rest = view->query, name, value;

	while (uri_query_next(&rest, &name, &value)) {
		if (arena_left(view->arena) < name.len + value.len)
			return error_make(ERROR_LIMIT, "the exchange's memory is used up");
		if (!str_eq(decode(view, name, true), wanted))
			continue;
		*ret_value = decode(view, value, true);
		return OK;
	}
	return OK;
}

/* As it stands in the normalised path, still encoded. */
static str find_path_parameter(const struct view *view, str wanted)
{
	for (size_t i = 0; i < view->parameter_count; i++)
		if (str_eq(view->parameters[i].name, wanted))
			return view->parameters[i].value;
	return (str) { 0 };
}

/* A list is joined by commas; a map, like what is missing, is empty. */
static result find_claim(const struct view *view, str path, str *ret_text)
{
	if (!view->principal)
		return OK;
	if (arena_left(view->arena) < CLAIM_ROOM)
		return error_make(ERROR_LIMIT, "the exchange's memory is used up");
	*ret_text = claims_text(&view->principal->claims, path, view->arena);
	return OK;
}

/* Of what is not there in every request. */
static result find_named(const struct view *view, const struct value_segment *segment, str *ret_text)
{
	*ret_text = (str) { 0 };
	switch ((enum what)segment->what) {
	case WHAT_FIELD:
		*ret_text = find_field(view, segment);
		return OK;
	case WHAT_QUERY_PARAMETER:
		return find_query_parameter(view, segment->text, ret_text);
	case WHAT_PATH_PARAMETER:
		*ret_text = find_path_parameter(view, segment->text);
		return OK;
	case WHAT_CONSUMER_LABEL:
		if (view->principal)
			*ret_text = json_find_text(&view->principal->labels, segment->text);
		return OK;
	default:
		return find_claim(view, segment->text, ret_text);
	}
}

static result find(const struct view *view, const struct value_segment *segment, const str *groups,
		   str *ret_text)
{
	const str simple[] = {
		[WHAT_LITERAL] = segment->text,
		[WHAT_ID] = view->request_id,
		[WHAT_METHOD] = view->request->method_text,
		[WHAT_HOST] = view->host,
		[WHAT_PATH] = view->path,
		[WHAT_QUERY] = view->query,
		[WHAT_SCHEME] = view->scheme,
		[WHAT_CLIENT_IP] = view->client_ip,
		[WHAT_API] = view->names ? view->names->api : (str) { 0 },
		[WHAT_ROUTE] = view->names ? view->names->route : (str) { 0 },
		[WHAT_ENDPOINT] = view->endpoint,
		[WHAT_CONSUMER] = view->principal ? view->principal->consumer : (str) { 0 },
	};

	if (segment->what == WHAT_GROUP)
		*ret_text = groups[segment->group];
	else if (segment->text.len && segment->what != WHAT_LITERAL)
		return find_named(view, segment, ret_text);
	else
		*ret_text = simple[segment->what];
	return OK;
}

/* Already as it must stand in a path. */
static bool is_of_path(const struct value_segment *segment)
{
	return segment->what == WHAT_PATH || segment->what == WHAT_PATH_PARAMETER ||
	       segment->what == WHAT_GROUP;
}

static bool holds_slash(str text)
{
	size_t at;

	return str_find(text, '/', &at) || str_find(text, '\\', &at);
}

/* What comes from outside, before it is put anywhere. */
static result check(enum value_use use, const struct value_segment *segment, str text)
{
	if (segment->what == WHAT_LITERAL)
		return OK;
	if (!http_is_field_value(text))
		return error_make(ERROR_MALFORMED, "a value holds a control character");
	/* Encoded or not: some service would take it for a separator. */
	if (use == VALUE_PATH && !is_of_path(segment) && holds_slash(text))
		return error_make(ERROR_MALFORMED, "a value for a path holds a slash");
	return OK;
}

static void put_part(struct buf *out, enum value_use use, const struct value_segment *segment, str text)
{
	bool is_verbatim = segment->what == WHAT_LITERAL || use <= VALUE_TEXT ||
			   (use == VALUE_PATH && is_of_path(segment));

	if (is_verbatim)
		buf_put(out, text);
	else if (use == VALUE_URL)
		value_url_put(out, segment, text);
	else if (use == VALUE_JSON)
		put_json_inside(out, text);
	else
		value_put_encoded(out, text);
}

/* Finds and checks every part; ret_room: what they need at most when they are put together. */
static result collect(const struct value *value, const struct view *view, const str *groups, str *parts,
		      size_t *ret_room)
{
	size_t room = QUOTES;

	for (size_t i = 0; i < value->count; i++) {
		const struct value_segment *segment = &value->at[i];
		bool is_encoded = value->use == VALUE_QUERY && is_of_path(segment);

		TRY(find(view, segment, groups, &parts[i]));
		TRY(check(value->use, segment, parts[i]));
		if (parts[i].len > VALUE_LENGTH_MAX || arena_left(view->arena) < parts[i].len)
			return error_make(ERROR_LIMIT, "a value is too long");
		if (is_encoded)
			parts[i] = decode(view, parts[i], false);
		room += segment->what == WHAT_LITERAL ? parts[i].len : parts[i].len * growth(value->use);
	}
	*ret_room = room;
	return room > VALUE_LENGTH_MAX || arena_left(view->arena) < room
		       ? error_make(ERROR_LIMIT, "a value is too long")
		       : OK;
}

result value_expand(const struct value *value, const struct view *view, const str *groups, str *ret_text)
{
	str parts[2 * VALUE_SEGMENTS_MAX + 1];
	struct buf out;
	size_t room;

	*ret_text = (str) { 0 };
	if (value_is_constant(value)) {
		*ret_text = value_constant(value);
		return OK;
	}
	TRY(collect(value, view, groups, parts, &room));
	if (value->count == 1 && value->use <= VALUE_TEXT) {
		*ret_text = parts[0];
		return OK;
	}
	out = arena_open(view->arena, room);
	for (size_t i = 0; i < value->count; i++)
		put_part(&out, value->use, &value->at[i], parts[i]);
	*ret_text = arena_close(view->arena, &out);
	return OK;
}

enum verdict value_refuse(struct view *view, result_value why)
{
	return view_refuse(view, why.kind == ERROR_LIMIT ? REASON_OVERLOADED : REASON_VALUE_INVALID);
}
