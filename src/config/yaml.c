/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events to nodes: a stack of the lists and maps that are open, and one function for each kind of event.
 *
 * A map's frame waits for a key or for a value. A node is attached as soon as it begins, before what lies
 * beneath it is read, so that a diagnostic about any part has a path. Texts are borrowed from the file where
 * they stand there as they are, which is nearly always, and copied where quotes, escapes or folding changed
 * them.
 *
 * libfyaml's limit on depth is off, because it ends in a message about something else; the one here comes
 * first. The parser keeps its own stack on the heap, so depth costs it nothing.
 */
#include "config/yaml.h"

#include <libfyaml.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/map.h"
#include "config/character.h"
#include "config/yaml_private.h"

enum {
	SMALL_MAP = 16, /* keys that are compared one by one */
	ROOM_NODE = 4096,
	ROOM_INDEXED = 160, /* bytes of index for each key, while it grows */
};

result yaml_stop(void)
{
	return error_make(ERROR_INVALID, "the syntax is broken");
}

static struct frame *top_of(struct builder *builder)
{
	return builder->depth ? &builder->frames[builder->depth - 1] : NULL;
}

/* Without what libfyaml needs to find its text (an empty value has no token), an empty one. */
static str text_of(struct fy_token *token)
{
	size_t len = 0;
	const char *text = token ? fy_token_get_text(token, &len) : NULL;

	return (str) { text, text ? len : 0 };
}

/* The token as it stands in the file. Marks of quoted scalars exclude the quotes; here they are part. */
static str raw_of(const struct builder *builder, struct fy_token *token, bool is_quoted)
{
	const struct fy_mark *from = token ? fy_token_start_mark(token) : NULL;
	const struct fy_mark *to = token ? fy_token_end_mark(token) : NULL;

	if (!from || !to || to->input_pos < from->input_pos)
		return (str) { 0 };
	return str_slice(builder->text, from->input_pos - is_quoted, to->input_pos + is_quoted);
}

static bool is_in_quotes(struct fy_token *token)
{
	enum fy_scalar_style style = token ? fy_token_scalar_style(token) : FYSS_PLAIN;

	return style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED;
}

/* The place of a token; line 0 when it has none. Columns are those of characters, as libfyaml counts them. */
static struct place place_of(const struct builder *builder, struct fy_token *token)
{
	const struct fy_mark *from = token ? fy_token_start_mark(token) : NULL;
	const struct fy_mark *to = token ? fy_token_end_mark(token) : NULL;
	uint32_t quote = is_in_quotes(token);
	struct place place = { .source = builder->file };

	if (!from)
		return place;
	place.line = (uint32_t)from->line + 1;
	place.column = (uint32_t)from->column + 1 - quote;
	if (to && to->line == from->line)
		place.width = (uint32_t)(to->column - from->column) + 2 * quote;
	return place;
}

/* Where a value without a token of its own stands: at its key, or at the list. */
static struct place place_of_nothing(struct builder *builder)
{
	struct frame *frame = top_of(builder);
	struct place place = { builder->file, 1, 1, 0 };

	if (!frame)
		return place;
	if (frame->has_key)
		return frame->key_place;
	place.line = frame->container->line;
	place.column = frame->container->column;
	return place;
}

/* From here on the map is searched by hashing. The map of the index grows by itself. */
static void reindex(struct builder *builder, struct frame *frame)
{
	struct map *index = ARENA_NEW(builder->arena, struct map);

	map_init(index, builder->arena, SIZE_MAX);
	for (struct node *child = frame->container->first; child; child = child->next)
		map_add(index, child->key, child);
	frame->index = index;
	frame->container->index = index;
}

void yaml_link(struct frame *frame, struct node *node)
{
	node->next = NULL;
	*frame->last = node;
	frame->last = &node->next;
	frame->container->count++;
}

/* Without a bound on the keys of a map, comparing each with all would be quadratic: the very reason for which
 * libfyaml's documents are not used. */
bool yaml_index(struct builder *builder, struct frame *frame, struct node *node)
{
	if (frame->container->count == SMALL_MAP && !frame->index)
		reindex(builder, frame);
	if (node_find(frame->container, node->key))
		return false;
	if (frame->index)
		map_add(frame->index, node->key, node);
	return true;
}

/* Adds the node to its map, unless its key is there already: then says so and forgets it. */
static bool add_key(struct builder *builder, struct frame *frame, struct node *node)
{
	if (yaml_index(builder, frame, node))
		return true;
	diagnostic_error_key(builder->diagnostics, node, "this key stands in line %u already",
			     (unsigned)node_find(frame->container, node->key)->key_line);
	return false;
}

/* Puts the node where the events stand: into the list, under the key that came before, or at the top. */
static void attach(struct builder *builder, struct node *node)
{
	struct frame *frame = top_of(builder);
	bool is_kept = true;

	if (!frame) {
		builder->root = node;
		return;
	}
	node->parent = frame->container;
	if (frame->has_key) {
		node->key = frame->key;
		node->key_line = frame->key_place.line;
		node->key_column = frame->key_place.column;
		frame->has_key = false;
		is_kept = frame->is_merge ? yaml_keep_merge(builder, frame, node)
					  : add_key(builder, frame, node);
	}
	if (is_kept)
		yaml_link(frame, node);
}

result yaml_make_node(struct builder *builder, enum node_kind kind, struct place place,
		      struct node **ret_node)
{
	struct frame *frame = top_of(builder);
	size_t index = frame ? frame->container->count * (size_t)ROOM_INDEXED : 0;
	struct node *node;

	if (arena_left(builder->arena) < ROOM_NODE + index) {
		diagnostic_error_place(builder->diagnostics, NULL, place, "the configuration is too large");
		return yaml_stop();
	}
	node = ARENA_NEW(builder->arena, struct node);
	node->kind = kind;
	node->file = (uint16_t)place.source;
	node->line = place.line;
	node->column = place.column;
	node->width = place.width;
	*ret_node = node;
	return OK;
}

static void refuse_tag(struct builder *builder, struct fy_token *tag)
{
	if (tag)
		diagnostic_error_place(builder->diagnostics, NULL, place_of(builder, tag),
				       "tags are not supported; put text in quotes instead");
}

static bool is_null(str text)
{
	return str_is_empty(text) || str_eq(text, STR("~")) || str_eq(text, STR("null")) ||
	       str_eq(text, STR("Null")) || str_eq(text, STR("NULL"));
}

/* Borrows from the file where the text stands there as it is. */
static result keep_text(struct builder *builder, str text, str raw, str *ret_text)
{
	size_t at;

	if (raw.len >= text.len && text.len) {
		at = raw.len == text.len ? 0 : 1;
		if (str_eq(str_slice(raw, at, at + text.len), text)) {
			*ret_text = str_slice(raw, at, at + text.len);
			return OK;
		}
	}
	if (text.len + ROOM_NODE > arena_left(builder->arena)) {
		diagnostic_error(builder->diagnostics, NULL, "the configuration is too large");
		return yaml_stop();
	}
	*ret_text = arena_str(builder->arena, text);
	return OK;
}

/* Keys are taken as they are: no reference is expanded in them, or a variable could add an option. */
static result take_key(struct builder *builder, struct frame *frame, struct fy_token *token)
{
	str text = text_of(token);

	frame->key_place = place_of(builder, token);
	if (str_is_empty(text)) {
		diagnostic_error_place(builder->diagnostics, frame->container,
				       frame->key_place.line ? frame->key_place : place_of_nothing(builder),
				       "a key cannot be empty");
		return yaml_stop();
	}
	TRY(keep_text(builder, text, raw_of(builder, token, is_in_quotes(token)), &frame->key));
	frame->has_key = true;
	frame->is_merge = !is_in_quotes(token) && str_eq(text, STR("<<"));
	return OK;
}

static bool wants_key(const struct frame *frame)
{
	return frame && frame->container->kind == NODE_MAP && !frame->has_key;
}

/* A key, or a value. Plain scalars that mean null become so here, all others stay text: what they are is
 * decided by the field that reads them. */
static result take_scalar(struct builder *builder, const struct fy_event *event)
{
	struct fy_token *token = event->scalar.value;
	struct place place = place_of(builder, token);
	str text = text_of(token), raw = raw_of(builder, token, is_in_quotes(token));
	bool is_plain = !token || fy_token_scalar_style(token) == FYSS_PLAIN;
	struct node *node;

	refuse_tag(builder, event->scalar.tag);
	if (wants_key(top_of(builder)))
		return take_key(builder, top_of(builder), token);
	while (place.width == 0 && str_starts(raw, STR(" "))) { /* the indent of a block */
		raw = str_skip(raw, 1);
		place.column++;
	}
	place = place.line ? place : place_of_nothing(builder);
	TRY(yaml_make_node(builder, is_plain && is_null(text) ? NODE_NULL : NODE_SCALAR, place, &node));
	node->is_quoted = !is_plain;
	node->is_broken = event->scalar.tag != NULL; /* what it stands for is not known */
	TRY(yaml_take_anchor(builder, text_of(event->scalar.anchor), node));
	attach(builder, node);
	if (node->kind == NODE_NULL)
		return OK;
	TRY(keep_text(builder, text, raw, &node->text));
	if (str_contains(text, STR("${")))
		expand_node(builder->expander, node, raw);
	return OK;
}

/* A list or map begins. It stays open, as a frame, until its end comes. */
static result open_container(struct builder *builder, enum node_kind kind, struct fy_token *token,
			     struct fy_token *anchor, struct fy_token *tag)
{
	struct place place = place_of(builder, token);
	struct node *node;

	refuse_tag(builder, tag);
	place = place.line ? place : place_of_nothing(builder);
	if (wants_key(top_of(builder))) {
		diagnostic_error_place(builder->diagnostics, NULL, place, "a key must be text, not a %s",
				       kind == NODE_MAP ? "map" : "list");
		return yaml_stop();
	}
	if (builder->depth == YAML_DEPTH_MAX) {
		diagnostic_error_place(builder->diagnostics, NULL, place,
				       "more than %d lists and maps within each other", YAML_DEPTH_MAX);
		return yaml_stop();
	}
	TRY(yaml_make_node(builder, kind, place, &node));
	node->is_broken = tag != NULL;
	TRY(yaml_take_anchor(builder, text_of(anchor), node));
	attach(builder, node);
	builder->frames[builder->depth++] =
		(struct frame) { .container = node, .last = &node->first, .is_flow = place.width > 0 };
	return OK;
}

/* A list or map in brackets on one line is as wide as that; others have no width. */
static result close_container(struct builder *builder, struct fy_token *token)
{
	struct frame *frame = top_of(builder);
	struct node *node = frame->container;
	struct place end = place_of(builder, token);

	node->width = end.line == node->line && end.width ? end.column + end.width - node->column : 0;
	yaml_merge(builder, frame);
	builder->depth--;
	return OK;
}

/* A copy of what was named, in the place of the alias. */
static result take_alias(struct builder *builder, struct fy_token *token)
{
	struct frame *frame = top_of(builder);
	struct place place = place_of(builder, token);
	struct node *node = NULL;

	if (wants_key(frame)) {
		diagnostic_error_place(builder->diagnostics, NULL, place, "a key cannot be an alias");
		return yaml_stop();
	}
	TRY(yaml_copy_anchor(builder, text_of(token), place, &node));
	attach(builder, node);
	return OK;
}

/* Files that are several documents are mostly two files that were joined by mistake. */
static result open_document(struct builder *builder, struct fy_token *token)
{
	struct place place = place_of(builder, token);

	if (builder->documents++ == 0)
		return OK;
	diagnostic_error_place(builder->diagnostics, NULL,
			       place.line ? place : (struct place) { builder->file, 1, 1, 0 },
			       "a second document begins here; one file is one document");
	return yaml_stop();
}

static result take_event(struct builder *builder, const struct fy_event *event)
{
	switch (event->type) {
	case FYET_DOCUMENT_START:
		return open_document(builder, event->document_start.document_start);
	case FYET_MAPPING_START:
		return open_container(builder, NODE_MAP, event->mapping_start.mapping_start,
				      event->mapping_start.anchor, event->mapping_start.tag);
	case FYET_SEQUENCE_START:
		return open_container(builder, NODE_LIST, event->sequence_start.sequence_start,
				      event->sequence_start.anchor, event->sequence_start.tag);
	case FYET_MAPPING_END:
		return close_container(builder, event->mapping_end.mapping_end);
	case FYET_SEQUENCE_END:
		return close_container(builder, event->sequence_end.sequence_end);
	case FYET_SCALAR:
		return take_scalar(builder, event);
	case FYET_ALIAS:
		return take_alias(builder, event->alias.anchor);
	default:
		return OK;
	}
}

static result take_events(struct builder *builder, struct fy_parser *parser, struct fy_diag *diag)
{
	void *at = NULL; /* libfyaml stops at the first mistake */
	struct fy_event *event = fy_parser_parse(parser);

	while (event) {
		result_value taken = take_event(builder, event);

		fy_parser_event_free(parser, event);
		if (failed(taken))
			return taken;
		event = fy_parser_parse(parser);
	}
	if (!fy_parser_get_stream_error(parser))
		return OK;
	yaml_report_syntax(builder, fy_diag_errors_iterate(diag, &at));
	return yaml_stop();
}

static void parser_fini(struct fy_parser **parser)
{
	fy_parser_destroy(*parser);
}

static void diag_fini(struct fy_diag **diag)
{
	fy_diag_destroy(*diag);
}

/* libfyaml prints nothing itself: its messages are collected, and reported as ours. */
static result parse(struct builder *builder)
{
	struct fy_diag_cfg output;
	struct fy_parse_cfg config = { .flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_DISABLE_DEPTH_LIMIT |
						FYPCF_JSON_NONE | FYPCF_DEFAULT_VERSION_1_2 };
	__attribute__((cleanup(diag_fini))) struct fy_diag *diag = NULL;
	__attribute__((cleanup(parser_fini))) struct fy_parser *parser = NULL;

	fy_diag_cfg_default(&output);
	output.fp = NULL;
	diag = fy_diag_create(&output);
	ASSERT(diag);
	fy_diag_set_collect_errors(diag, true);
	config.diag = diag;
	parser = fy_parser_create(&config);
	ASSERT(parser);
	if (fy_parser_set_string(parser, builder->text.ptr, builder->text.len))
		return yaml_stop();
	return take_events(builder, parser, diag);
}

/* Bytes that no YAML file may hold, found before libfyaml sees them. */
static result check_characters(struct builder *builder)
{
	struct place place = { builder->file, 1, 1, 1 };
	str rest = builder->text;
	uint32_t character;

	while (rest.len) {
		if (rest.ptr[0] >= ' ' && rest.ptr[0] < 0x7f) { /* nearly all of a file */
			rest = str_skip(rest, 1);
			place.column++;
			continue;
		}
		if (!character_take(&rest, &character)) {
			diagnostic_error_place(builder->diagnostics, NULL, place,
					       "the file is not UTF-8: byte %02x",
					       (unsigned)(unsigned char)rest.ptr[0]);
			return yaml_stop();
		}
		if (!character_is_allowed(character)) {
			diagnostic_error_place(builder->diagnostics, NULL, place,
					       "the character U+%04X is not allowed here",
					       (unsigned)character);
			return yaml_stop();
		}
		place.column++;
		if (character == '\n' || (character == '\r' && !str_starts(rest, STR("\n")))) {
			place.line++;
			place.column = 1;
		}
	}
	return OK;
}

/* An empty file is an empty map, as is one with comments only. */
static result check_root(struct builder *builder)
{
	if (!builder->root || builder->root->kind == NODE_NULL) {
		struct place start = { builder->file, 1, 1, 0 };

		return yaml_make_node(builder, NODE_MAP, start, &builder->root);
	}
	if (builder->root->kind == NODE_MAP)
		return OK;
	diagnostic_error(builder->diagnostics, builder->root, "want a map at the top, read %s",
			 builder->root->kind == NODE_LIST ? "a list" : "text");
	return yaml_stop();
}

result yaml_read(struct arena *arena, struct diagnostics *diagnostics, struct expander *expander, str name,
		 str text, struct node **ret_root)
{
	struct builder builder = {
		.arena = arena, .diagnostics = diagnostics, .expander = expander, .text = text
	};

	*ret_root = NULL;
	builder.file = diagnostics_add_source(diagnostics, name, text);
	map_init(&builder.anchors, arena, YAML_ANCHORS_MAX);
	TRY(check_characters(&builder));
	if (text.len)
		TRY(parse(&builder));
	TRY(check_root(&builder));
	*ret_root = builder.root;
	return OK;
}
