/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/guard.h"

#include "admin/token.h"
#include "codec/cidr.h"
#include "codec/host.h"

static const str *field_of(const struct http_request *request, enum http_name id)
{
	const struct http_field *field = http_fields_get(&request->fields, id);

	return field ? &field->value : NULL;
}

static bool was_forwarded(const struct http_request *request)
{
	static const enum http_name names[] = { HTTP_VIA, HTTP_FORWARDED, HTTP_X_FORWARDED_FOR,
						HTTP_X_FORWARDED_HOST, HTTP_X_FORWARDED_PROTO };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (field_of(request, names[i]))
			return true;
	return false;
}

/* localhost, 127.0.0.0/8 and ::1: what no other machine's DNS can make mean something else. */
static bool is_this_machine(str authority)
{
	static const str blocks[] = { STR_INIT("127.0.0.0/8"), STR_INIT("::1") };
	struct host host;
	struct cidr cidr;
	struct ip ip;
	str name;

	if (!host_parse(authority, &host))
		return false;
	name = host.name;
	if (str_eq_nocase(name, STR("localhost")))
		return true;
	if (str_starts(name, STR("[")))
		name = str_slice(name, 1, name.len - 1);
	for (size_t i = 0; ip_parse(name, &ip) && i < sizeof blocks / sizeof *blocks; i++)
		if (cidr_parse(blocks[i], &cidr) && cidr_has(&cidr, ip))
			return true;
	return false;
}

/* A browser tells where the page came from that wants this (Fetch, section 3.2; Fetch Metadata). */
static bool is_from_elsewhere(const struct admin_place *place, const struct http_request *request)
{
	const str *site = field_of(request, HTTP_SEC_FETCH_SITE);
	const str *origin = field_of(request, HTTP_ORIGIN);
	const str *host = field_of(request, HTTP_HOST);
	str scheme = place->tls ? STR("https://") : STR("http://");

	if (site && !str_eq(*site, STR("same-origin")) && !str_eq(*site, STR("none")))
		return true;
	return origin &&
	       !(host && str_starts(*origin, scheme) && str_eq_nocase(str_skip(*origin, scheme.len), *host));
}

enum guard_verdict guard_check(const struct admin_place *place, const struct http_request *request)
{
	const str *host = field_of(request, HTTP_HOST);
	/* No browser gets to a Unix socket, and it has no name. */
	bool has_any_name = address_is_local(&place->address) || place->is_public;

	if (was_forwarded(request))
		return GUARD_FORWARDED;
	if (!has_any_name && host && !is_this_machine(*host))
		return GUARD_HOST;
	return is_from_elsewhere(place, request) ? GUARD_ORIGIN : GUARD_OK;
}

enum guard_verdict guard_check_token(const struct admin_place *place, const struct http_request *request)
{
	static const str scheme = STR_INIT("Bearer ");
	const str *given = field_of(request, HTTP_AUTHORIZATION);

	if (!place->has_token)
		return GUARD_OK;
	if (!given || !str_eq_nocase(str_slice(*given, 0, scheme.len), scheme))
		return GUARD_TOKEN;
	if (!token_matches(str_trim(str_skip(*given, scheme.len)), place->token))
		return GUARD_TOKEN;
	return GUARD_OK;
}
