/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/url.h"

#include "codec/uri.h"

static const str plain = STR_INIT("http://"), secure = STR_INIT("https://");

static bool is_visible(str text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] <= ' ' || text.ptr[i] > '~' || text.ptr[i] == '#')
			return false;
	return true;
}

const char *url_parse(str text, struct url *ret_url)
{
	struct url *url = ret_url;
	struct uri uri;
	size_t origin;

	*url = (struct url) { .is_secure = str_starts(text, secure) };
	if ((!url->is_secure && !str_starts(text, plain)) || text.len > URL_MAX || !is_visible(text) ||
	    !uri_split(text, HTTP_GET, &uri))
		return "want a URL such as http://127.0.0.1:9000/check";
	if (!host_parse(uri.authority, &url->host) || !url->host.name.len ||
	    str_ends(uri.authority, STR(":")))
		return "want a host and a port behind ://, and nobody's name or password";
	url->port = url->host.has_port ? url->host.port : url->is_secure ? 443 : 80;
	url->authority = uri.authority;
	origin = (size_t)(uri.authority.ptr + uri.authority.len - text.ptr);
	url->origin = str_slice(text, 0, origin);
	url->target = str_skip(text, origin);
	return NULL;
}

str url_without_query(str text)
{
	str shown = text, query;

	(void)str_cut(text, '?', &shown, &query);
	return shown;
}

bool url_is_open(const struct url *url)
{
	return !url->is_secure && !host_is_loopback(url->host.name);
}
