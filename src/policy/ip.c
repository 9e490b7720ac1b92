/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ip: lets clients in, or keeps them out, by their address.
 *
 * The address is the one that everything else goes by: that of the connection, or what a proxy says that the
 * listener trusts. `deny` goes before `allow`. Whoever has no address, as a client on a Unix socket, is in no
 * block: where there is an `allow`, it does not get in. Never yields.
 */
#include "codec/cidr.h"
#include "policy/policy.h"

enum { BLOCKS_MAX = 10000 };

struct blocks {
	const struct cidr *at;
	size_t count;
};

struct ip_policy {
	str_list allow, deny;
	/* Compiled. */
	struct blocks allowed, denied;
};

const struct field policy_ip_fields[] = {
	FIELD_STRS(
		struct ip_policy, allow, "allow", 1, BLOCKS_MAX,
		"Addresses and blocks (`10.0.0.0/8`, `2001:db8::/32`) that get in; everybody else does not."),
	FIELD_STRS(struct ip_policy, deny, "deny", 1, BLOCKS_MAX,
		   "Addresses and blocks that do not get in, whatever `allow` says."),
	FIELD_END
};

static bool compile_blocks(struct policy_compile *compile, const char *key, const str_list *texts,
			   struct blocks *ret_blocks)
{
	const struct node *list = node_find(compile->node, str_of(key)), *item = list ? list->first : NULL;
	struct cidr *at = ARENA_ARRAY(compile->reader->arena, struct cidr, texts->len);
	bool is_good = true;

	for (size_t i = 0; i < texts->len; i++, item = item ? item->next : NULL) {
		str read;

		if (cidr_parse(texts->at[i], &at[i]))
			continue;
		read = diagnostic_read(compile->reader->diagnostics, item ? item : list);
		diagnostic_error(compile->reader->diagnostics, item ? item : list,
				 "want an address or a block such as 10.0.0.0/8, read %.*s", STR_ARG(read));
		is_good = false;
	}
	*ret_blocks = (struct blocks) { at, texts->len };
	return is_good;
}

static result ip_compile(struct policy_compile *compile, void *self)
{
	struct ip_policy *p = self;
	bool is_good = compile_blocks(compile, "allow", &p->allow, &p->allowed);

	is_good &= compile_blocks(compile, "deny", &p->deny, &p->denied);
	if (!p->allow.len && !p->deny.len && !node_find(compile->node, STR("allow")) &&
	    !node_find(compile->node, STR("deny"))) {
		diagnostic_error(compile->reader->diagnostics, compile->node, "want `allow`, `deny` or both");
		is_good = false;
	}
	return is_good ? OK : error_make(ERROR_INVALID, "the blocks are wrong");
}

static bool has(const struct blocks *blocks, struct ip ip)
{
	return cidr_any_has(blocks->at, blocks->count, ip);
}

static enum verdict ip_request(const void *self, struct view *view)
{
	const struct ip_policy *p = self;
	struct ip client;
	bool has_address = ip_parse(view->client_ip, &client);
	bool is_denied = has_address && has(&p->denied, client);
	bool is_allowed = !p->allowed.count || (has_address && has(&p->allowed, client));

	return is_denied || !is_allowed ? view_refuse(view, REASON_IP_DENIED) : POLICY_CONTINUE;
}

static const struct policy_risk risks[] = { { "allow", RISK_MORE_OR_NONE }, { "deny", RISK_FEWER }, { 0 } };

const struct policy policy_ip = {
	.name = "ip",
	.doc = "Lets clients in, or keeps them out, by their address.",
	.size = sizeof(struct ip_policy),
	.fields = policy_ip_fields,
	.compile = ip_compile,
	.on_request = ip_request,
	.risks = risks,
	.page = "The address is that of the connection, or the one that `Forwarded` or `X-Forwarded-For` "
		"tells when it came from one of the listener's `trusted_proxies`. `deny` goes before "
		"`allow`. An IPv4 address that came in IPv6's clothes (`::ffff:192.0.2.1`) is the IPv4 "
		"address. A client without an address, as one on a Unix socket, is in no block.\n"
		"\n"
		"Who is kept out gets 403; the log says `ip_denied`.\n",
	.example = "listeners: { public: { address: 127.0.0.1:8080 } }\n"
		   "upstreams: { orders: { endpoints: [127.0.0.1:9000] } }\n"
		   "apis:\n"
		   "  orders:\n"
		   "    path: /orders\n"
		   "    upstream: orders\n"
		   "    policies:\n"
		   "      - ip: { allow: [10.0.0.0/8, 2001:db8::/32], deny: [10.9.0.0/16] }\n"
		   "---\n"
		   "cases:\n"
		   "  - name: the office gets in\n"
		   "    request: { url: \"http://gw.test/orders\", client_ip: 10.1.2.3 }\n"
		   "    expect: { status: 200, upstream: orders }\n"
		   "  - name: but not its guests\n"
		   "    request: { url: \"http://gw.test/orders\", client_ip: 10.9.2.3 }\n"
		   "    expect: { status: 403, reason: ip_denied }\n"
		   "  - name: nor anybody else\n"
		   "    request: { url: \"http://gw.test/orders\", client_ip: 203.0.113.9 }\n"
		   "    expect: { status: 403, reason: ip_denied }\n",
};
