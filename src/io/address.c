/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text is taken apart strictly: what the resolver, the kernel and a reader of the configuration might
 * understand in different ways (octal and short forms of IPv4, IPv6 without brackets, zone names) is refused
 * with the reason, not interpreted.
 */
#include "io/address.h"

#include <arpa/inet.h>

enum {
	PORT_MAX = 65535,
	NAME_MAX_LEN = 253, /* RFC 1035 section 2.3.4, without the root's dot */
	LABEL_MAX_LEN = 63,
};

/* inet_pton wants a terminator; no literal is longer. */
static bool ip_parse(int family, str ip, void *ret_bytes)
{
	char text[INET6_ADDRSTRLEN];

	if (ip.len == 0 || ip.len >= sizeof text || memchr(ip.ptr, 0, ip.len))
		return false;
	memcpy(text, ip.ptr, ip.len);
	text[ip.len] = 0;
	return inet_pton(family, text, ret_bytes) == 1;
}

static bool is_name_char(char c)
{
	return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || c == '-' ||
	       c == '_' || c == '.';
}

/* A host name as people use them: underscores are met in practice, a dot at the end says it is complete. */
static bool is_name(str name)
{
	size_t label = 0;

	if (name.len > NAME_MAX_LEN + 1)
		return false;
	for (size_t i = 0; i < name.len; i++) {
		if (!is_name_char(name.ptr[i]))
			return false;
		if (name.ptr[i] != '.')
			label++;
		else if (label == 0)
			return false;
		else
			label = 0;
		if (label > LABEL_MAX_LEN)
			return false;
	}
	return name.len > 0;
}

/* Port 0 is left to whoever uses it: a listener takes any, nobody can be reached there. */
static result port_parse(str text, uint16_t *ret_port)
{
	uint64_t port;

	if (!str_to_u64(text, PORT_MAX, &port))
		return error_make(ERROR_MALFORMED, "the port must be a number from 0 to 65535");
	*ret_port = (uint16_t)port;
	return OK;
}

/* Relative paths would depend on where the gateway was started. */
static result local_parse(str path, struct address_text *ret_text)
{
	if (str_is_empty(path) || path.ptr[0] != '/')
		return error_make(ERROR_MALFORMED, "want an absolute path after unix:");
	if (memchr(path.ptr, 0, path.len))
		return error_make(ERROR_MALFORMED, "the path contains a zero byte");
	if (path.len >= sizeof((struct sockaddr_un *)0)->sun_path)
		return error_make(ERROR_MALFORMED, "the path of a Unix socket has at most 107 bytes");
	*ret_text = (struct address_text) { .host = path, .is_local = true };
	return OK;
}

/* "[address]:port": the brackets are not optional, RFC 3986 section 3.2.2. */
static result bracket_parse(str text, struct address_text *ret_text)
{
	struct in6_addr ignored;
	size_t end;
	str host;

	if (!str_find(text, ']', &end))
		return error_make(ERROR_MALFORMED, "no ] after the IPv6 address");
	host = str_slice(text, 1, end);
	if (!ip_parse(AF_INET6, host, &ignored))
		return error_make(ERROR_MALFORMED, "not an IPv6 address between [ and ]");
	if (end + 1 == text.len || text.ptr[end + 1] != ':')
		return error_make(ERROR_MALFORMED, "want [address]:port");
	*ret_text = (struct address_text) { .host = host };
	return port_parse(str_skip(text, end + 2), &ret_text->port);
}

result address_text_parse(str text, struct address_text *ret_text)
{
	struct in6_addr ignored;
	str host, port;

	if (str_starts(text, STR("unix:")))
		return local_parse(str_skip(text, 5), ret_text);
	if (!str_is_empty(text) && text.ptr[0] == '[')
		return bracket_parse(text, ret_text);
	if (ip_parse(AF_INET6, text, &ignored))
		return error_make(ERROR_MALFORMED, "an IPv6 address stands in brackets: [address]:port");
	if (!str_cut(text, ':', &host, &port))
		return error_make(ERROR_MALFORMED, "want host:port, [address]:port or unix:/path");
	if (!str_is_empty(host) && !is_name(host))
		return error_make(ERROR_MALFORMED, "not a host name or an IP address");
	*ret_text = (struct address_text) { .host = host };
	return port_parse(port, &ret_text->port);
}

bool address_of_ip(str ip, uint16_t port, struct address *ret_address)
{
	struct address address = { .len = 0 };

	if (ip_parse(AF_INET, ip, &address.v4.sin_addr)) {
		address.v4.sin_family = AF_INET;
		address.v4.sin_port = htons(port);
		address.len = sizeof address.v4;
	} else if (ip_parse(AF_INET6, ip, &address.v6.sin6_addr)) {
		address.v6.sin6_family = AF_INET6;
		address.v6.sin6_port = htons(port);
		address.len = sizeof address.v6;
	} else {
		return false;
	}
	*ret_address = address;
	return true;
}

bool address_of_text(const struct address_text *text, struct address *ret_address)
{
	struct address address = { .local.sun_family = AF_UNIX };

	/* No host means every address of the machine; :: takes IPv4 as well. */
	if (!text->is_local)
		return address_of_ip(str_is_empty(text->host) ? STR("::") : text->host, text->port,
				     ret_address);
	if (text->host.len >= sizeof address.local.sun_path)
		return false;
	memcpy(address.local.sun_path, text->host.ptr, text->host.len);
	address.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + text->host.len + 1);
	*ret_address = address;
	return true;
}

static void print_v4(const struct in_addr *ip, struct buf *out)
{
	char text[INET_ADDRSTRLEN];

	buf_put(out, str_of(inet_ntop(AF_INET, ip, text, sizeof text)));
}

static void print_v6(const struct in6_addr *ip, struct buf *out)
{
	char text[INET6_ADDRSTRLEN];

	buf_put(out, str_of(inet_ntop(AF_INET6, ip, text, sizeof text)));
}

bool address_of_socket(int fd, struct address *ret_address)
{
	*ret_address = (struct address) { .len = offsetof(struct address, len) };
	return getsockname(fd, &ret_address->any, &ret_address->len) == 0;
}

void address_print(const struct address *address, struct buf *out)
{
	switch (address->any.sa_family) {
	case AF_INET:
		print_v4(&address->v4.sin_addr, out);
		break;
	case AF_INET6:
		buf_put_char(out, '[');
		print_v6(&address->v6.sin6_addr, out);
		buf_put_char(out, ']');
		break;
	default:
		buf_put(out, STR("unix:"));
		if (address->len > offsetof(struct sockaddr_un, sun_path))
			buf_put(out, str_of(address->local.sun_path));
		return;
	}
	buf_put_char(out, ':');
	buf_put_u64(out, address_port(address));
}

void address_print_ip(const struct address *address, struct buf *out)
{
	const struct in6_addr *v6 = &address->v6.sin6_addr;
	struct in_addr v4;

	if (address->any.sa_family == AF_INET) {
		print_v4(&address->v4.sin_addr, out);
	} else if (address->any.sa_family != AF_INET6) {
		buf_put(out, STR("unix:"));
	} else if (IN6_IS_ADDR_V4MAPPED(v6)) {
		memcpy(&v4, &v6->s6_addr[12], sizeof v4);
		print_v4(&v4, out);
	} else {
		print_v6(v6, out);
	}
}

bool address_is_local(const struct address *address)
{
	return address->any.sa_family == AF_UNIX;
}

uint16_t address_port(const struct address *address)
{
	switch (address->any.sa_family) {
	case AF_INET:
		return ntohs(address->v4.sin_port);
	case AF_INET6:
		return ntohs(address->v6.sin6_port);
	default:
		return 0;
	}
}

/* The length counts: a path is not terminated in every address that the kernel returns. */
static bool local_eq(const struct address *a, const struct address *b)
{
	return a->len == b->len && memcmp(&a->local, &b->local, a->len) == 0;
}

bool address_eq(const struct address *a, const struct address *b)
{
	if (a->any.sa_family != b->any.sa_family)
		return false;
	switch (a->any.sa_family) {
	case AF_INET:
		return a->v4.sin_port == b->v4.sin_port && a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
	case AF_INET6:
		return a->v6.sin6_port == b->v6.sin6_port && a->v6.sin6_scope_id == b->v6.sin6_scope_id &&
		       IN6_ARE_ADDR_EQUAL(&a->v6.sin6_addr, &b->v6.sin6_addr);
	default:
		return local_eq(a, b);
	}
}

bool address_is_same_place(const struct address *a, const struct address *b)
{
	return address_eq(a, b) && (address_is_local(a) || address_port(a) != 0);
}

bool address_has_port_of(const struct address *a, const struct address *b)
{
	return address_port(a) != 0 && address_port(a) == address_port(b);
}
