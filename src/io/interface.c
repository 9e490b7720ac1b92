/* SPDX-License-Identifier: Apache-2.0 */
#include "io/interface.h"

#include <ifaddrs.h>
#include <netinet/in.h>

static bool is_at(const struct sockaddr *address, struct ip ip)
{
	if (!address)
		return false;
	if (address->sa_family == AF_INET)
		return ip_eq(ip, ip_of_v4((const void *)&((const struct sockaddr_in *)address)->sin_addr));
	return address->sa_family == AF_INET6 &&
	       ip_eq(ip, ip_of_v6(((const struct sockaddr_in6 *)address)->sin6_addr.s6_addr));
}

bool interface_has(struct ip ip)
{
	struct ifaddrs *all = NULL;
	bool is_ours = false;

	if (getifaddrs(&all) != 0)
		return false;
	for (const struct ifaddrs *one = all; one && !is_ours; one = one->ifa_next)
		is_ours = is_at(one->ifa_addr, ip);
	freeifaddrs(all);
	return is_ours;
}
