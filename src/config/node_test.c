/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_testing.h"

static const char text[] = "apis:\n"
			   "  orders:\n"
			   "    policies:\n"
			   "      - jwt: { issuer: x }\n"
			   "      - [a, b]\n"
			   "  \"a.b\": { c: d }\n"
			   "\"top key\": { é: x }\n";

static const struct {
	const char *steps; /* keys and positions, separated by slashes */
	const char *path;
} paths[] = {
	{ "", "" },
	{ "apis", "apis" },
	{ "apis/orders", "apis.orders" },
	{ "apis/orders/policies", "apis.orders.policies" },
	{ "apis/orders/policies/0", "apis.orders.policies[0]" },
	{ "apis/orders/policies/0/jwt", "apis.orders.policies[0].jwt" },
	{ "apis/orders/policies/0/jwt/issuer", "apis.orders.policies[0].jwt.issuer" },
	{ "apis/orders/policies/1/1", "apis.orders.policies[1][1]" },
	{ "apis/a.b", "apis[\"a.b\"]" },
	{ "apis/a.b/c", "apis[\"a.b\"].c" },
	{ "top key", "[\"top key\"]" },
	{ "top key/é", "[\"top key\"].é" },
};

static const struct node *go(const struct node *node, str steps)
{
	str step;

	while (str_next(&steps, '/', &step)) {
		uint64_t position;

		if (node->kind == NODE_MAP) {
			node = node_find(node, step);
			assert_non_null(node);
			continue;
		}
		assert_true(str_to_u64(step, 10, &position));
		for (node = node->first; position; position--)
			node = node->next;
	}
	return node;
}

static void test_paths(void **state)
{
	struct reading reading;

	(void)state;
	reading_open(&reading);
	reading_parse(&reading, text);
	for (size_t i = 0; i < COUNT_OF(paths); i++) {
		const struct node *node = go(document_root(reading.document), str_of(paths[i].steps));

		assert_text(node_path(node, &reading.arena), paths[i].path);
	}
	reading_close(&reading);
}

static void test_finding(void **state)
{
	struct reading reading;
	const struct node *root, *list;

	(void)state;
	reading_open(&reading);
	reading_parse(&reading, text);
	root = document_root(reading.document);
	list = go(root, STR("apis/orders/policies"));
	assert_non_null(node_find(root, STR("apis")));
	assert_null(node_find(root, STR("api")));
	assert_null(node_find(root, STR("")));
	assert_null(node_find(list, STR("jwt")));
	assert_null(node_find(go(root, STR("apis/a.b/c")), STR("d")));
	assert_null(node_find(NULL, STR("apis")));
	reading_close(&reading);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_finding),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
