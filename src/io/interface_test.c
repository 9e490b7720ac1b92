/* SPDX-License-Identifier: Apache-2.0 */
/* Which addresses are this machine's: the loopback's, and none that documentation has for itself; also where
 * the service manager forbids all sockets but those of IP and Unix. */
#include "io/interface.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "base/testing.h"

static void test_own(void **state)
{
	static const struct {
		const char *ip;
		bool is_own;
	} rows[] = {
		{ "127.0.0.1", true },  { "::ffff:127.0.0.1", true },
		{ "192.0.2.1", false }, { "2001:db8::1", false },
		{ "0.0.0.0", false },   { "255.255.255.255", false },
		{ "127.0.0.2", true },  { "::", false },
		{ "224.0.0.1", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct ip ip;

		assert_true(ip_parse(str_of(rows[i].ip), &ip));
		assert_row(interface_has(ip) == rows[i].is_own, i, rows[i].ip);
	}
}

/* As RestrictAddressFamilies of deploy/systemd/gatehouse.service. */
static void test_without_netlink(void **state)
{
	struct sock_filter rows[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_NETLINK, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAFNOSUPPORT),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { COUNT_OF(rows), rows };

	assert_int_equal(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	assert_int_equal(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
	assert_int_equal(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0), -1);
	test_own(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_own),
					    cmocka_unit_test(test_without_netlink) };

	return cmocka_run_group_tests_name("interface", tests, NULL, NULL);
}
