/* SPDX-License-Identifier: Apache-2.0 */
/*
 * interface: a datagram socket can be bound to an address that the machine has, and be connected from there
 * to itself, which sends nothing. The list of all addresses would need netlink, which a service may be
 * denied; and an address that is routed here as a part of a net, as all of 127.0.0.0/8, does not stand in it.
 *
 * One of the two alone is not enough: the system may let anybody bind what it does not have
 * (ip_nonlocal_bind), and who is not bound may be given another of its own addresses.
 */
#include "io/interface.h"

#include <unistd.h>

#include "io/address.h"

/* Any: nothing is sent there. */
enum { PORT = 9 };

/* Which anybody may bind, too. */
static bool is_group(const struct address *at)
{
	return at->any.sa_family == AF_INET ? IN_MULTICAST(ntohl(at->v4.sin_addr.s_addr))
					    : IN6_IS_ADDR_MULTICAST(&at->v6.sin6_addr);
}

static bool is_same_ip(const struct address *a, const struct address *b)
{
	return a->any.sa_family == AF_INET
		       ? a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr
		       : memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof a->v6.sin6_addr) == 0;
}

bool interface_has(struct ip ip)
{
	char text[IP_TEXT_MAX];
	struct buf out = buf_over(text, sizeof text);
	struct address from, to, bound;
	bool is_ours;
	int fd;

	ip_print(ip, &out);
	if (!address_of_ip(buf_str(&out), 0, &from) || !address_of_ip(buf_str(&out), PORT, &to) ||
	    is_group(&from))
		return false;
	fd = socket(from.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	is_ours = bind(fd, &from.any, from.len) == 0 && connect(fd, &to.any, to.len) == 0 &&
		  address_of_socket(fd, &bound) && is_same_ip(&from, &bound);
	close(fd);
	return is_ours;
}
