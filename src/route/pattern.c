/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A path is cut at its slashes, and each segment read on its own: a literal, names with text around them,
 * '*', or
 * "**" at the end. Nothing of it depends on other rules; that is the tree's business.
 *
 * Literals are compared byte by byte with a request's path, so they must have its normal form. Most have it
 * as they are written and stay slices of the configuration; the others go through the codec's own
 * normalisation, so that there is one idea of what is normal.
 */
#include "route/pattern.h"

#include "codec/scan.h"
#include "codec/uri.h"

enum { PIECES_MAX = ROUTE_PARAMETERS_MAX + 1, NAME_LEN_MAX = 64 };

/* What parsing hands around. */
struct parser {
	struct arena *arena;
	struct pattern *pattern;
	str why;
};

static bool fail(struct parser *parser, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool fail(struct parser *parser, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	parser->why = arena_vprintf(parser->arena, format, arguments);
	va_end(arguments);
	return false;
}

/* Spaces and what is no ASCII are escapes in a request's path. */
static void put_encoded(struct buf *b, str text)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];

		if (c < 0x80 && c != ' ') {
			buf_put_char(b, text.ptr[i]);
			continue;
		}
		buf_put_char(b, '%');
		buf_put_char(b, digits[c >> 4]);
		buf_put_char(b, digits[c & 15]);
	}
}

/* A literal in the form that a request's path has. A letter stands in front while it is normalised, so that
 * dots in a part of a segment are not taken for a dot segment. */
static bool parse_odd_literal(struct parser *parser, str text, str *ret_normal)
{
	size_t path_size = 3 * text.len + 2, room_size = 3 * path_size + 1, at;
	struct buf path = buf_over(arena_bytes(parser->arena, path_size), path_size);
	struct buf room = buf_over(arena_bytes(parser->arena, room_size), room_size);
	struct uri_path normal;

	if (str_find(text, '?', &at) || str_find(text, '#', &at))
		return fail(parser, "a path has no query: '%c' cannot stand in it", text.ptr[at]);
	buf_put(&path, STR("/x"));
	put_encoded(&path, text);
	if (failed(uri_path_normalise(buf_str(&path), URI_KEEP_ENCODED_SLASHES, &room, &normal)))
		return fail(parser, "\"%.*s\" cannot stand in a normalised path", STR_ARG(text));
	*ret_normal = str_skip(normal.text, 2);
	return true;
}

static bool parse_literal(struct parser *parser, str text, str *ret_normal)
{
	*ret_normal = text;
	for (size_t i = 0; i < text.len; i++)
		if (!scan_is(text.ptr[i], SCAN_PATH))
			return parse_odd_literal(parser, text, ret_normal);
	return true;
}

/* What ${path.NAME} and path["NAME"] can spell, and what API descriptions use. */
static bool is_name(str name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = ascii_lower(name.ptr[i]);

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.'))
			return false;
	}
	return name.len > 0 && name.len <= NAME_LEN_MAX;
}

/* Across the API's path and the route's: both are parameters of one request. */
static bool add_name(struct parser *parser, str name)
{
	struct pattern *pattern = parser->pattern;

	if (!is_name(name))
		return fail(parser, "\"{%.*s}\": a name is 1 to %d letters, digits, '_', '-' and '.'",
			    STR_ARG(name), NAME_LEN_MAX);
	for (size_t i = 0; i < pattern->name_count; i++)
		if (str_eq(pattern->names[i], name))
			return fail(parser, "the name \"%.*s\" stands twice", STR_ARG(name));
	if (pattern->name_count == ROUTE_PARAMETERS_MAX)
		return fail(parser, "more than %d names", ROUTE_PARAMETERS_MAX);
	pattern->names[pattern->name_count++] = name;
	return true;
}

/* Cuts text at its first name: before{name}after. */
static bool cut_name(struct parser *parser, str text, str *ret_before, str *ret_name, str *ret_after)
{
	if (!str_cut(text, '{', ret_before, ret_after))
		return fail(parser, "'}' without a '{' before it");
	if (!str_cut(*ret_after, '}', ret_name, ret_after))
		return fail(parser, "'{' without a '}' in the same segment");
	return true;
}

static bool has_brace(str text)
{
	size_t at;

	return str_find(text, '{', &at) || str_find(text, '}', &at);
}

/* Text before, between or after names; empty at the ends of most parts. */
static bool add_piece(struct parser *parser, str text, str *pieces, size_t *count)
{
	size_t at;

	if (str_find(text, '}', &at))
		return fail(parser, "'}' without a '{' before it");
	if (!parse_literal(parser, text, &pieces[*count]))
		return false;
	++*count;
	return true;
}

/* The pieces around the names of a segment. */
static bool parse_pieces(struct parser *parser, str text, str *pieces, size_t *ret_count)
{
	str before, name;

	*ret_count = 0;
	while (has_brace(text)) {
		if (!cut_name(parser, text, &before, &name, &text) || !add_name(parser, name))
			return false;
		if (*ret_count > 0 && before.len == 0)
			return fail(parser, "two names need text between them");
		if (!add_piece(parser, before, pieces, ret_count))
			return false;
	}
	return add_piece(parser, text, pieces, ret_count);
}

/* A segment with names: one name alone, or a part, whose shape is the text with the names left out. */
static bool parse_named(struct parser *parser, str text, struct segment *segment)
{
	str pieces[PIECES_MAX], shape[2 * PIECES_MAX];
	size_t count, shape_count = 0;

	if (!parse_pieces(parser, text, pieces, &count))
		return false;
	if (count == 2 && pieces[0].len == 0 && pieces[1].len == 0) {
		*segment = (struct segment) { .kind = SEGMENT_NAME };
		return true;
	}
	*segment = (struct segment) { .kind = SEGMENT_PART, .piece_count = count };
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			shape[shape_count++] = STR("{}");
		shape[shape_count++] = pieces[i];
		segment->literal_len += pieces[i].len;
	}
	segment->text = arena_join(parser->arena, shape, shape_count);
	segment->pieces = memcpy(ARENA_ARRAY(parser->arena, str, count), pieces, count * sizeof *pieces);
	return true;
}

/* Dot segments are looked for before literals are: the normalisation would remove them silently, and a rule
 * that can never match is a mistake. */
static bool parse_segment(struct parser *parser, str text, struct segment *segment)
{
	size_t at;

	if (str_eq(text, STR("*"))) {
		*segment = (struct segment) { .kind = SEGMENT_STAR };
		return true;
	}
	if (str_eq(text, STR(".")) || str_eq(text, STR("..")))
		return fail(parser, "dot segments are removed from a path before it is matched");
	if (str_find(text, '*', &at))
		return fail(parser, "\"%.*s\": '*' and '**' stand alone in their segment", STR_ARG(text));
	if (has_brace(text))
		return parse_named(parser, text, segment);
	*segment = (struct segment) { .kind = SEGMENT_LITERAL };
	return parse_literal(parser, text, &segment->text);
}

static bool add_segment(struct parser *parser, str text)
{
	struct pattern *pattern = parser->pattern;

	if (pattern->count == PATTERN_SEGMENTS_MAX)
		return fail(parser, "more than %d segments", PATTERN_SEGMENTS_MAX);
	if (!parse_segment(parser, text, &pattern->segments[pattern->count]))
		return false;
	pattern->count++;
	return true;
}

/* "/a/b/": each segment behind its '/', the last one may be empty. */
static bool parse_segments(struct parser *parser, str rest, bool may_end_in_rest)
{
	while (rest.len) {
		str text = str_skip(rest, 1);
		size_t end;

		if (!str_find(text, '/', &end))
			end = text.len;
		rest = str_skip(text, end);
		text = str_slice(text, 0, end);
		if (str_eq(text, STR("**"))) {
			if (!may_end_in_rest || rest.len)
				return fail(parser, may_end_in_rest ? "\"**\" stands only at the end"
								    : "an API's path has no \"**\"");
			parser->pattern->tail = PATTERN_REST;
			return true;
		}
		if (text.len == 0 && rest.len)
			return fail(parser, "\"//\" is merged in a path before it is matched");
		if (!add_segment(parser, text))
			return false;
	}
	return true;
}

static bool starts_with_slash(struct parser *parser, str path)
{
	return str_starts(path, STR("/")) || fail(parser, "a path begins with '/'");
}

bool pattern_start(struct arena *arena, str api_path, struct pattern *ret_pattern, str *ret_why)
{
	struct parser parser = { .arena = arena, .pattern = ret_pattern };
	bool good;

	*ret_pattern = (struct pattern) { .tail = PATTERN_REST };
	while (str_ends(api_path, STR("/")) && !str_ends(api_path, STR("//")))
		api_path.len--;
	if (api_path.len == 0)
		return true;
	if (api_path.ptr[0] == '~')
		good = fail(&parser, "an API's path is no regular expression; a route's path may be one");
	else
		good = starts_with_slash(&parser, api_path) && parse_segments(&parser, api_path, false);
	ret_pattern->api_count = ret_pattern->count;
	ret_pattern->api_name_count = ret_pattern->name_count;
	*ret_why = parser.why;
	return good;
}

bool pattern_extend(struct arena *arena, struct pattern *pattern, str path, str *ret_why)
{
	struct parser parser = { .arena = arena, .pattern = pattern };
	bool good;

	pattern->count = pattern->api_count;
	pattern->name_count = pattern->api_name_count;
	pattern->tail = PATTERN_REST;
	if (path.len == 0)
		return true;
	if (path.ptr[0] == '~') {
		pattern->tail = PATTERN_REGEX;
		pattern->regex = str_skip(path, 1);
		return true;
	}
	if (str_eq(path, STR("/"))) {
		pattern->tail = PATTERN_SLASH;
		return true;
	}
	pattern->tail = PATTERN_END;
	good = starts_with_slash(&parser, path) && parse_segments(&parser, path, true);
	*ret_why = parser.why;
	return good;
}

/* The leftmost occurrence of a piece that leaves the name before it at least one byte. */
static bool find_piece(str text, str piece, size_t *ret_at)
{
	const char *hit = text.len < 2 ? NULL : memmem(text.ptr + 1, text.len - 1, piece.ptr, piece.len);

	if (!hit)
		return false;
	*ret_at = (size_t)(hit - text.ptr);
	return true;
}

/* The leftmost occurrence of each piece leaves the most for what follows, so there is nothing to go back to:
 * one pass decides, in time linear in the segment for pieces of one byte. */
bool segment_takes(const struct segment *part, str text, str *ret_values)
{
	str first = part->pieces[0], last = part->pieces[part->piece_count - 1];
	size_t names = part->piece_count - 1, at;

	if (text.len < part->literal_len + names || !str_starts(text, first) || !str_ends(text, last))
		return false;
	text = str_slice(text, first.len, text.len - last.len);
	for (size_t i = 1; i < names; i++) {
		if (!find_piece(text, part->pieces[i], &at))
			return false;
		*ret_values++ = str_slice(text, 0, at);
		text = str_skip(text, at + part->pieces[i].len);
	}
	*ret_values = text;
	return text.len > 0;
}

static int by_size(size_t a, size_t b)
{
	return a > b ? -1 : a < b;
}

int segment_part_order(const struct segment *a, const struct segment *b)
{
	int order = by_size(a->literal_len, b->literal_len);

	if (!order)
		order = by_size(a->pieces[0].len, b->pieces[0].len);
	if (!order)
		order = by_size(a->pieces[a->piece_count - 1].len, b->pieces[b->piece_count - 1].len);
	return order ? order : str_cmp(a->text, b->text);
}
