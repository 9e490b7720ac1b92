/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/cors_origin.h"

#include "codec/host.h"
#include "codec/scan.h"

/* What is wrong with a text; NULL when nothing is. */
typedef const char *wrong;

static wrong take_scheme(str text, uint16_t *ret_port, str *ret_rest)
{
	static const struct {
		str scheme;
		uint16_t port;
	} schemes[] = { { STR_INIT("https://"), 443 }, { STR_INIT("http://"), 80 } };

	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
		if (!str_starts(text, schemes[i].scheme))
			continue;
		*ret_port = schemes[i].port;
		*ret_rest = str_skip(text, schemes[i].scheme.len);
		return NULL;
	}
	if (str_eq(text, STR("null")))
		return "any page can have the origin null; write \"*\" if all may ask";
	return "want an origin such as https://app.example.com, or \"*\"";
}

/* Without a last dot, an empty port or leading zeros. */
static bool is_as_browsers_write_it(str text, const struct host *host)
{
	str port = str_skip(text, host->name.len);

	return host->has_port ? str_starts(port, STR(":")) && !str_starts(port, STR(":0")) : port.len == 0;
}

static wrong check_host(str rest, uint16_t standard_port)
{
	struct host host;
	size_t at;

	if (str_find(rest, '/', &at))
		return "an origin ends with its host or port, without a / behind it";
	if (str_find(rest, '*', &at))
		return "a * can stand for the first labels of a host only, as in https://*.example.com";
	if (!host_parse(rest, &host) || !is_as_browsers_write_it(rest, &host))
		return "want a host, and perhaps a port, behind ://";
	if (host.has_port && host.port == standard_port)
		return "a browser leaves out the port that is the scheme's own";
	return NULL;
}

static wrong parse(str text, struct cors_origin *origin)
{
	uint16_t port;
	str rest;
	wrong why = take_scheme(text, &port, &rest);

	if (why)
		return why;
	origin->is_wildcard = str_starts(rest, STR("*."));
	if (origin->is_wildcard)
		rest = str_skip(rest, 2);
	origin->head = str_slice(text, 0, text.len - rest.len - (origin->is_wildcard ? 2 : 0));
	origin->tail = origin->is_wildcard ? str_skip(text, origin->head.len + 1) : rest;
	for (size_t i = 0; i < text.len; i++)
		if (ascii_lower(text.ptr[i]) != text.ptr[i])
			return "a browser writes origins in lower case";
	return check_host(rest, port);
}

/* Every host under a name of one label. */
static bool is_anybodys(const struct cors_origin *origin)
{
	size_t dot;

	return origin->is_wildcard && !str_find(str_skip(origin->tail, 1), '.', &dot);
}

static void read_one(struct reader *reader, const struct node *node, str text, struct cors_origins *origins,
		     struct cors_origin *at)
{
	wrong why;

	if (str_eq(text, STR("*"))) {
		origins->is_any = true;
		return;
	}
	why = parse(text, &at[origins->count]);
	if (why)
		diagnostic_error(reader->diagnostics, node, "%s", why);
	else if (is_anybodys(&at[origins->count]))
		diagnostic_warning(reader->diagnostics, node, "anybody may have a name under this one");
	origins->count++;
}

static void origins_read(struct reader *reader, const struct node *node, void *ret_member)
{
	const struct node *item = node->kind == NODE_LIST ? node->first : node;
	struct cors_origins *origins = ret_member;
	struct cors_origin *at;
	str only = { 0 };
	str_list texts = { .at = &only, .len = 1 };
	bool is_read = node->kind == NODE_LIST ? field_read_strs(reader, node, 1, CORS_ORIGINS_MAX, &texts)
					       : field_read_str(reader, node, &only);

	if (!is_read)
		return;
	at = ARENA_ARRAY(reader->arena, struct cors_origin, texts.len);
	*origins = (struct cors_origins) { .at = at };
	for (size_t i = 0; i < texts.len; i++, item = item->next)
		read_one(reader, item, texts.at[i], origins, at);
	if (origins->is_any && origins->count)
		diagnostic_error(reader->diagnostics, node, "\"*\" is everybody: leave the others out");
}

const struct field_form cors_origins_form = {
	.manual = "`\"*\"`, or a list of origins",
	.schema = "{\"anyOf\": [{\"type\": \"string\"}, {\"type\": \"array\", \"minItems\": 1, \"maxItems\": "
		  "1000,"
		  " \"items\": {\"type\": \"string\"}}]}",
	.read = origins_read,
};

/* One label or more, each of something. */
static bool are_labels(str text)
{
	for (size_t i = 0; i < text.len; i++) {
		bool is_dot = text.ptr[i] == '.';

		if (!scan_is(text.ptr[i], SCAN_HOST) ||
		    (is_dot && (i == 0 || i + 1 == text.len || text.ptr[i - 1] == '.')))
			return false;
	}
	return text.len > 0;
}

static bool origin_has(const struct cors_origin *pattern, str origin)
{
	str rest = str_skip(origin, pattern->head.len);

	if (!str_starts(origin, pattern->head))
		return false;
	if (!pattern->is_wildcard)
		return str_eq(rest, pattern->tail);
	return str_ends(rest, pattern->tail) && are_labels(str_slice(rest, 0, rest.len - pattern->tail.len));
}

bool cors_origins_have(const struct cors_origins *origins, str origin)
{
	for (size_t i = 0; i < origins->count && !origins->is_any; i++)
		if (origin_has(&origins->at[i], origin))
			return true;
	return origins->is_any;
}
