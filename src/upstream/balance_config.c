/* SPDX-License-Identifier: Apache-2.0 */
/*
 * balance_config: the words, and the rows of the map.
 */
#include "upstream/balance_config.h"

#include "codec/forwarded.h"
#include "codec/http_field.h"

static const str words[] = {
	[BALANCE_ROUND_ROBIN] = STR_INIT("round_robin"),
	[BALANCE_LEAST_REQUESTS] = STR_INIT("least_requests"),
	[BALANCE_RANDOM] = STR_INIT("random"),
	[BALANCE_HASH] = STR_INIT("hash"),
};

/* As others call it. */
static const struct {
	str theirs;
	const char *hint;
} elsewhere[] = {
	{ STR_INIT("leastconn"), "; here it is \"least_requests\"" },
	{ STR_INIT("least_conn"), "; here it is \"least_requests\"" },
	{ STR_INIT("least-connections"), "; here it is \"least_requests\"" },
	{ STR_INIT("ip_hash"), "; here it is { hash: client_ip }" },
	{ STR_INIT("source"), "; here it is { hash: client_ip }" },
	{ STR_INIT("hash"), "; want what is hashed, such as { hash: client_ip }" },
	{ STR_INIT("consistent-hashing"), "; want what is hashed, such as { hash: client_ip }" },
	{ STR_INIT("roundrobin"), "; here it is \"round_robin\"" },
};

enum { ALONE = BALANCE_HASH }; /* so many of the words stand alone; the last has a value */

/* Those that end with a colon are followed by a name. */
static const str kinds[] = {
	[BALANCE_BY_CLIENT_IP] = STR_INIT("client_ip"),
	[BALANCE_BY_CONSUMER] = STR_INIT("consumer"),
	[BALANCE_BY_HEADER] = STR_INIT("header:"),
	[BALANCE_BY_COOKIE] = STR_INIT("cookie:"),
};

static bool hash_parse(str text, struct balance_hash *ret_hash)
{
	for (enum balance_by by = BALANCE_BY_CLIENT_IP; by <= BALANCE_BY_COOKIE; by++) {
		str name = str_skip(text, kinds[by].len);
		bool has_name = by >= BALANCE_BY_HEADER;

		if (!str_starts(text, kinds[by]) || (has_name ? !http_is_token(name) : name.len > 0))
			continue;
		*ret_hash = (struct balance_hash) { by, name, text };
		return true;
	}
	return false;
}

static void hash_read(struct reader *reader, const struct node *node, void *ret_member)
{
	const struct balance_hash *hash = ret_member;
	str text;

	if (!field_read_str(reader, node, &text))
		return;
	if (!hash_parse(text, ret_member))
		diagnostic_error(reader->diagnostics, node,
				 "want client_ip, consumer, header:NAME or cookie:NAME, read %.*s",
				 STR_ARG(diagnostic_read(reader->diagnostics, node)));
	else if (hash->by == BALANCE_BY_HEADER && forwarded_names_client(hash->name))
		diagnostic_warning(reader->diagnostics, node,
				   "nobody is told apart: %.*s " FORWARDED_NEVER_KEPT, STR_ARG(hash->name));
}

static const struct field_form hash_form = {
	.manual = "`client_ip`, `consumer`, `header:NAME` or `cookie:NAME`",
	.schema = "{\"anyOf\": [{\"$ref\": \"#/$defs/interpolated\"}, {\"type\": \"string\", \"pattern\": "
		  "\"^(client_ip|consumer|(header|cookie):[!#$%&'*+.^_`|~0-9A-Za-z-]+)$\"}]}",
	.read = hash_read,
};

static const struct field hash_fields[] = {
	FIELD_CUSTOM_REQUIRED(struct balance_config, hash, "hash", struct balance_hash, &hash_form,
			      "Whose requests meet the same endpoint."),
	FIELD_INT(struct balance_config, bound, "bound", "125", 100, 10000,
		  "Most requests in flight at an endpoint, in percent of its share; a few are always "
		  "allowed. Beyond it the next one in the table is asked."),
	FIELD_END
};

static str hint_of(struct reader *reader, str word)
{
	str hint;

	for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++)
		if (str_eq(word, elsewhere[i].theirs))
			return str_of(elsewhere[i].hint);
	hint = diagnostic_suggest(reader->arena, word, words, ALONE);
	if (str_starts(hint, STR("; allowed")))
		return (str) { 0 };
	return hint;
}

static void word_read(struct reader *reader, const struct node *node, struct balance_config *config)
{
	str read = diagnostic_read(reader->diagnostics, node), hint = { 0 };

	for (int kind = 0; node->kind == NODE_SCALAR && kind < ALONE; kind++) {
		if (!str_eq(node->text, words[kind]))
			continue;
		config->kind = (enum balance)kind;
		return;
	}
	if (node->kind == NODE_SCALAR && !node->is_expanded)
		hint = hint_of(reader, node->text);
	diagnostic_error(reader->diagnostics, node,
			 "want round_robin, least_requests, random or { hash: ... }, read %.*s%.*s",
			 STR_ARG(read), STR_ARG(hint));
}

static void balance_read(struct reader *reader, const struct node *node, void *ret_member)
{
	struct balance_config *config = ret_member;

	*config = (struct balance_config) { .kind = BALANCE_ROUND_ROBIN };
	if (node->kind != NODE_MAP) {
		word_read(reader, node, config);
		return;
	}
	config->kind = BALANCE_HASH;
	fields_read(reader, node, hash_fields, config);
}

const struct field_form balance_form = {
	.manual = "`round_robin`, `least_requests`, `random`, or an object with `hash`",
	.schema = "{\"anyOf\": [{\"$ref\": \"#/$defs/interpolated\"}, {\"enum\": [\"round_robin\", "
		  "\"least_requests\", \"random\"]}, $fields]}",
	.read = balance_read,
	.fields = hash_fields,
};

str balance_word(enum balance kind)
{
	return words[kind];
}
