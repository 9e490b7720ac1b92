/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whom a request is for decides where it goes. So a name is accepted only when every reader takes it for the
 * same host: no escapes, no second '@' or ':', no number that a resolver would take for an address.
 */
#include "codec/host.h"

#include "codec/cidr.h"
#include "codec/scan.h"

/* An empty port is legal and means none (RFC 3986 section 3.2.3). */
static bool parse_port(str text, struct host *host)
{
	uint64_t port;

	if (text.len == 0)
		return true;
	if (text.len > 5 || !str_to_u64(text, UINT16_MAX, &port) || port == 0)
		return false;
	host->has_port = true;
	host->port = (uint16_t)port;
	return true;
}

/* "[v6]" or "[v6]:port". */
static bool parse_literal(str text, struct host *host)
{
	struct ip ip;
	size_t close;
	str inner, rest;

	if (!str_find(text, ']', &close))
		return false;
	inner = str_slice(text, 1, close);
	rest = str_skip(text, close + 1);
	if (memchr(inner.ptr, ':', inner.len) == NULL || !ip_parse(inner, &ip))
		return false;
	host->name = str_slice(text, 0, close + 1);
	return rest.len == 0 || (rest.ptr[0] == ':' && parse_port(str_skip(rest, 1), host));
}

static bool is_number(str label)
{
	return scan_class(label.ptr, label.ptr + label.len, SCAN_DIGIT) == label.ptr + label.len;
}

/* Labels of 1 to 63 bytes. A last label of digits makes an address of the whole, as in RFC 3986
 * section 3.2.2: then it must be one, so that "127.1" and "2130706433" do not pass for names. */
static bool is_name(str name)
{
	const char *label = name.ptr, *end = label + name.len;
	struct ip ip;

	if (name.len == 0 || name.len > HOST_LEN_MAX)
		return false;
	for (const char *at = label; at < end; at++) {
		if (*at != '.')
			continue;
		if (at == label || at - label > HOST_LABEL_MAX)
			return false;
		label = at + 1;
	}
	if (label == end || end - label > HOST_LABEL_MAX)
		return false;
	return !is_number((str) { label, (size_t)(end - label) }) || ip_parse(name, &ip);
}

bool host_parse(str text, struct host *ret_host)
{
	const char *end, *name_end;

	*ret_host = (struct host) { 0 };
	if (text.len == 0)
		return false;
	if (text.ptr[0] == '[')
		return parse_literal(text, ret_host);
	end = text.ptr + text.len;
	name_end = scan_class(text.ptr, end, SCAN_HOST);
	ret_host->name = (str) { text.ptr, (size_t)(name_end - text.ptr) };
	/* The root's dot changes nothing about which host it is. */
	if (str_ends(ret_host->name, STR(".")))
		ret_host->name.len--;
	if (!is_name(ret_host->name))
		return false;
	return name_end == end ||
	       (*name_end == ':' && parse_port(str_skip(text, (size_t)(name_end - text.ptr) + 1), ret_host));
}

static bool is_localhost(str name)
{
	static const str suffix = STR_INIT(".localhost");

	if (str_ends(name, STR(".")))
		name.len--;
	return str_eq_nocase(name, str_skip(suffix, 1)) ||
	       (name.len > suffix.len && str_eq_nocase(str_skip(name, name.len - suffix.len), suffix));
}

bool host_is_loopback(str name)
{
	static const str blocks[] = { STR_INIT("127.0.0.0/8"), STR_INIT("::1") };
	bool is_literal = str_starts(name, STR("[")) && str_ends(name, STR("]"));
	struct cidr cidr;
	struct ip ip;

	if (!ip_parse(is_literal ? str_slice(name, 1, name.len - 1) : name, &ip))
		return is_localhost(name);
	for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
		if (cidr_parse(blocks[i], &cidr) && cidr_has(&cidr, ip))
			return true;
	return false;
}

bool host_is_lower(str name)
{
	for (size_t i = 0; i < name.len; i++)
		if (name.ptr[i] != ascii_lower(name.ptr[i]))
			return false;
	return true;
}

str host_lower(str name, struct buf *room)
{
	size_t start = room->len;

	if (host_is_lower(name))
		return name;
	buf_put(room, name);
	if (room->len - start != name.len)
		return (str) { 0 };
	for (size_t i = 0; i < name.len; i++)
		room->bytes[start + i] = ascii_lower(room->bytes[start + i]);
	return (str) { room->bytes + start, name.len };
}
