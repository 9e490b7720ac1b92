/* SPDX-License-Identifier: Apache-2.0 */
/*
 * address: where a socket is bound or connected: IPv4, IPv6 or a Unix path.
 */
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/buf.h"
#include "base/result.h"

struct address {
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
		struct sockaddr_un local;
	};
	socklen_t len;
};

enum { ADDRESS_TEXT_MAX = 128 };

/* "host:port", "[v6]:port", ":port" or "unix:/path", taken apart but not resolved. */
struct address_text {
	str host; /* without brackets; the path of unix: */
	uint16_t port;
	bool is_local; /* a Unix socket */
};

result address_text_parse(str text, struct address_text *ret_text);
/* ERROR_MALFORMED with what is wrong. Slices of text. */

bool address_of_ip(str ip, uint16_t port, struct address *ret_address);
/* ip must be a literal, IPv4 in its strict four-part form. */

bool address_of_text(const struct address_text *text, struct address *ret_address);
/* False when the host is a name, which is for DNS, or a path too long. */

bool address_of_socket(int fd, struct address *ret_address);
/* Where it is bound. False: it is no socket. */

void address_print(const struct address *address, struct buf *out);
/* As it would be written in the configuration. */

void address_print_ip(const struct address *address, struct buf *out);
/* Without brackets or port; IPv4-mapped IPv6 as IPv4; "unix:" for a Unix socket. */

bool address_is_local(const struct address *address);
/* A Unix socket. */

uint16_t address_port(const struct address *address);
/* 0 for a Unix socket. */

bool address_eq(const struct address *a, const struct address *b);

bool address_is_same_place(const struct address *a, const struct address *b);
/* Equal, and not by port 0: two ports that the system chooses differ. */

bool address_has_port_of(const struct address *a, const struct address *b);
/* Both have a port, and it is the same, at whichever address of the host. */
