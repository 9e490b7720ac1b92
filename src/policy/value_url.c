/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/value_url.h"

#include "codec/host.h"
#include "codec/scan.h"
#include "policy/value_private.h"

/* RFC 3986 section 2, and '%' of what is encoded already. */
static bool is_url_byte(char c)
{
	return scan_is(c, SCAN_PATH) || c == '?' || c == '%';
}

/* Of "https://" or "http://"; 0 when it begins with neither. */
static size_t scheme_len(str text)
{
	static const str schemes[] = { STR_INIT("https://"), STR_INIT("http://") };

	for (size_t i = 0; i < 2; i++)
		if (str_starts(text, schemes[i]))
			return schemes[i].len;
	return 0;
}

/* The request's host where the URL has its own: an address of IPv6 has brackets there, and nowhere else. */
static bool is_host(str before, const struct value_segment *segment, str text)
{
	struct host host;

	return segment->what == WHAT_HOST && before.len && scheme_len(before) == before.len &&
	       host_parse(text, &host);
}

/* The query is checked for what can stand in a request's target, which is more than can stand in a URL. */
void value_url_put(struct buf *out, const struct value_segment *segment, str text)
{
	bool is_url = segment->what == WHAT_PATH || segment->what == WHAT_PATH_PARAMETER ||
		      segment->what == WHAT_QUERY;

	if (is_host(buf_str(out), segment, text)) {
		buf_put(out, text);
		return;
	}
	if (!is_url) {
		value_put_encoded(out, text);
		return;
	}
	for (size_t i = 0; i < text.len; i++) {
		if (is_url_byte(text.ptr[i]))
			buf_put_char(out, text.ptr[i]);
		else
			value_put_encoded(out, str_slice(text, i, i + 1));
	}
}

/* What is being checked, and how far: the segments from `at` on, the first one without its first bytes. */
struct url_text {
	struct reader *reader;
	const struct node *node;
	const struct value *value;
	size_t at, skip;
};

static result refuse(const struct url_text *url, const char *why)
{
	diagnostic_error(url->reader->diagnostics, url->node, "%s", why);
	return error_make(ERROR_INVALID, why);
}

/* The literal's rest at this place; empty when there is a value, or nothing. */
static str literal_at(const struct url_text *url)
{
	if (url->at >= url->value->count || url->value->at[url->at].what)
		return (str) { 0 };
	return str_skip(url->value->at[url->at].text, url->skip);
}

static enum what what_at(const struct url_text *url)
{
	return url->at < url->value->count ? (enum what)url->value->at[url->at].what : WHAT_LITERAL;
}

static result check_literals(const struct url_text *url)
{
	for (size_t i = 0; i < url->value->count; i++) {
		str literal = url->value->at[i].text;

		if (url->value->at[i].what)
			continue;
		for (size_t j = 0; j < literal.len; j++)
			if (!is_url_byte(literal.ptr[j]) && !strchr("#[]", literal.ptr[j]))
				return refuse(url,
					      "a character of the URL must be encoded, as a space in %20");
	}
	return OK;
}

/* "https://" or "${request.scheme}://"; false when it begins with neither. */
static bool skip_scheme(struct url_text *url)
{
	if (what_at(url) == WHAT_SCHEME) {
		struct url_text next = { .value = url->value, .at = 1 };

		url->at = 1;
		url->skip = 3;
		return str_starts(literal_at(&next), STR("://"));
	}
	url->skip = scheme_len(literal_at(url));
	return url->skip > 0;
}

/* The length of what stands before the first of "/?#". */
static size_t authority_len(str text)
{
	size_t len = 0;

	while (len < text.len && !strchr("/?#", text.ptr[len]))
		len++;
	return len;
}

/* ".example.com": two labels at least, as anybody can have a name under one. */
static bool is_domain(str tail)
{
	struct host host;
	size_t dot;

	return str_starts(tail, STR(".")) && host_parse(str_skip(tail, 1), &host) &&
	       str_find(host.name, '.', &dot);
}

static bool is_port(str text)
{
	uint64_t port;

	return text.len == 0 ||
	       (str_starts(text, STR(":")) && str_to_u64(str_skip(text, 1), UINT16_MAX, &port));
}

/* What the host ends in decides whose it is. */
struct authority {
	bool has_values;
	bool is_own; /* the last value is the request's host, whole */
	str tail;    /* the literal behind the last value */
};

static void add_value(struct authority *authority, enum what what)
{
	authority->is_own = what == WHAT_HOST && !authority->has_values &&
			    (!authority->tail.len || str_ends(authority->tail, STR(".")));
	authority->has_values = true;
	authority->tail = (str) { 0 };
}

/* A value that follows a literal directly may be a part of the host too, but for the path, which begins with
 * its
 * '/'. */
static struct authority find_authority(struct url_text *url)
{
	struct authority authority = { 0 };

	for (; url->at < url->value->count && what_at(url) != WHAT_PATH; url->at++, url->skip = 0) {
		str literal = literal_at(url);

		if (what_at(url) != WHAT_LITERAL) {
			add_value(&authority, what_at(url));
			continue;
		}
		authority.tail = str_slice(literal, 0, authority_len(literal));
		if (authority.tail.len < literal.len)
			break;
	}
	return authority;
}

static result check_authority(struct url_text *url, str *ret_tail)
{
	struct authority authority = find_authority(url);
	struct host host;

	*ret_tail = authority.tail;
	if (authority.is_own && is_port(authority.tail))
		return OK;
	if (authority.has_values && !is_domain(authority.tail))
		return refuse(url,
			      "anybody could choose the host: want a value before a domain of yours, as in "
			      "https://${path.tenant}.example.com");
	if (!authority.has_values && !host_parse(authority.tail, &host))
		return refuse(url, "want a host, and perhaps a port, behind ://");
	return OK;
}

static bool is_slash(char c)
{
	return c == '/' || c == '\\';
}

/* "/${request.path}" would be "//host/..." for whoever asks for "/host/...". */
static bool is_local_path(const struct url_text *url)
{
	str literal = literal_at(url);

	if (what_at(url) == WHAT_PATH)
		return true;
	if (!str_starts(literal, STR("/")))
		return false;
	if (literal.len > 1)
		return !is_slash(literal.ptr[1]);
	return url->value->count < 2 || url->value->at[1].what != WHAT_PATH;
}

result value_url_check(struct reader *reader, const struct node *node, const struct value *value,
		       str *ret_tail)
{
	struct url_text url = { .reader = reader, .node = node, .value = value };

	*ret_tail = (str) { 0 };
	TRY(check_literals(&url));
	if (skip_scheme(&url))
		return check_authority(&url, ret_tail);
	if (str_starts(literal_at(&url), STR("/")) && !is_local_path(&url))
		return refuse(&url, "a browser takes what follows // for a host");
	if (!is_local_path(&url))
		return refuse(
			&url,
			"want a path that begins with /, or a URL that begins with http:// or https://");
	return OK;
}

bool value_url_is_safe(str url, str tail)
{
	struct host host;
	size_t scheme = scheme_len(url);
	str rest = str_skip(url, scheme), authority = str_slice(rest, 0, authority_len(rest));

	if (str_starts(url, STR("/")))
		return url.len == 1 || !is_slash(url.ptr[1]);
	return scheme && str_ends(authority, tail) && host_parse(authority, &host);
}
