/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gateway_config: the rows. They parse, check, print the manual and make the schema.
 *
 * A key is added by one row here and one member in the header; the compiler refuses a row whose type is not
 * its member's. Policies and timeouts are kept as nodes, because what they mean depends on where they
 * stand: which API they are in, and what they inherit.
 */
#include "proxy/gateway_config.h"

#include "base/journal.h"
#include "policy/chain.h"

/* Some parts are kept as they stand and compiled when everything is known that they may refer to. */
static const struct field_form timeouts_form = {
	.manual = "as the upstream's `timeouts`; a key that is not given is the upstream's",
	.schema = "$fields",
	.read = field_keep_node,
	.fields = upstream_timeouts_fields,
};

static const struct field_form weighted_form = {
	.manual = "a map of upstreams to weights, `{ orders: 95, orders-next: 5 }`",
	.schema = "{\"type\": \"object\", \"minProperties\": 1, \"maxProperties\": 100, "
		  "\"additionalProperties\": {\"anyOf\": [{\"$ref\": \"#/$defs/interpolated\"}, {\"type\": "
		  "\"integer\", \"minimum\": 0, \"maximum\": 1000000}]}}",
	.read = field_keep_node,
};

static void workers_read(struct reader *reader, const struct node *node, void *ret_member)
{
	if (node->kind == NODE_SCALAR && str_eq(node->text, STR("auto")))
		*(int64_t *)ret_member = 0;
	else
		(void)field_read_int(reader, node, 1, 1024, ret_member);
}

static const struct field_form workers_form = {
	.manual = "`auto` (one for each core), or a number from 1 to 1024",
	.schema = "{\"anyOf\": [{\"const\": \"auto\"}, {\"type\": \"integer\", \"minimum\": 1, \"maximum\": "
		  "1024}]}",
	.read = workers_read,
};

static const struct field route_fields[] = {
	FIELD_OBJECT(struct route_config, match, "match", struct match_config, match_fields,
		     "What a request must be like; everything given must hold."),
	FIELD_STR(struct route_config, upstream, "upstream", NULL, "Instead of the API's."),
	FIELD_CUSTOM(struct route_config, weighted, "weighted", const struct node *, &weighted_form,
		     "Instead of the API's."),
	FIELD_CUSTOM(struct route_config, sticky, "sticky", struct sticky_config, &sticky_form,
		     "Instead of the API's."),
	FIELD_CUSTOM(struct route_config, timeouts, "timeouts", const struct node *, &timeouts_form,
		     "Instead of the API's."),
	FIELD_CUSTOM(struct route_config, policies, "policies", const struct node *, &policy_list_form,
		     "Run after the API's."),
	FIELD_STRS(struct route_config, without, "without", 0, 100,
		   "Inherited policies that do not run here, by name or kind."),
	FIELD_END
};

static const char *const encoded_slashes_words[] = { "refuse", "keep", NULL };

static const struct field api_fields[] = {
	FIELD_STRS(struct api_config, hosts, "hosts", 0, 10000,
		   "Host names, or `*.example.com`; none stands for any."),
	FIELD_STR(struct api_config, path, "path", "/", "A path prefix on segment boundaries."),
	FIELD_STRS(struct api_config, methods, "methods", 0, 100,
		   "Methods; another one is 405 with Allow. None stands for any."),
	FIELD_STR(struct api_config, upstream, "upstream", NULL,
		  "Where requests go; not needed where a policy answers every one of them."),
	FIELD_CUSTOM(struct api_config, weighted, "weighted", const struct node *, &weighted_form,
		     "Several upstreams instead, each with its share of the requests; 0 gets none."),
	FIELD_CUSTOM(
		struct api_config, sticky, "sticky", struct sticky_config, &sticky_form,
		"What keeps a client with the same one of the `weighted` upstreams: its address, a cookie, "
		"which the gateway sets where there is none, or which consumer it is; of nobody known it is "
		"at "
		"random."),
	FIELD_ENUM(struct api_config, encoded_slashes, "encoded_slashes", encoded_slashes_words, "refuse",
		   "Whether `%2F` and `%5C` in a path are 400 or stay as they are."),
	FIELD_CUSTOM(struct api_config, timeouts, "timeouts", const struct node *, &timeouts_form,
		     "Instead of the upstream's."),
	FIELD_CUSTOM(struct api_config, policies, "policies", const struct node *, &policy_list_form,
		     "Run in the order written, after those of `defaults`."),
	FIELD_MAP(struct api_config, routes, "routes", struct route_config, route_fields, 100000,
		  "Finer rules; a request that matches none takes the API's own."),
	FIELD_END
};

static const struct field defaults_fields[] = { FIELD_CUSTOM(struct defaults_config, policies, "policies",
							     const struct node *, &policy_list_form,
							     "Run first, on every API."),
						FIELD_END };

static const struct field quotas_fields[] = {
	FIELD_STR(struct quotas_config, file, "file", NULL,
		  "Where the counts of quotas are kept that no Redis has, and the shares of `on_failure: "
		  "local` (SQLite); made where it is not there, in a folder that is. Without it they begin "
		  "afresh with each process."),
	FIELD_END
};

static const char *const level_words[] = { "debug", "info", "warn", "error", NULL };

static const struct field log_fields[] = { FIELD_ENUM(struct log_config, level, "level", level_words, "info",
						      "The gateway's own messages, on standard error."),
					   FIELD_OBJECT(struct log_config, access, "access",
							struct access_log_config, access_log_fields,
							"One line for every request."),
					   FIELD_END };

static const struct field gateway_limits_fields[] = {
	FIELD_SIZE(struct gateway_limits, memory, "memory", "0", 0, INT64_MAX,
		   "Most memory of the process. Near it new requests get 503 and accepts pause, at it "
		   "nothing more "
		   "is taken in; 0 leaves it at what all other bounds come to. `gatehouse check` prints "
		   "that, with the "
		   "largest parts."),
	FIELD_DURATION(
		struct gateway_limits, lag, "lag", "500ms", 0, HOUR,
		"How long requests may wait for their worker, for twice that time, before those that have "
		"waited for half of it get 503; `0s` lets them wait: see [Overload](#overload)."),
	FIELD_END
};

const struct field gateway_fields[] = {
	FIELD_MAP(struct gateway_config, listeners, "listeners", struct listener_config, listener_fields,
		  1000, "Where clients come in."),
	FIELD_MAP(struct gateway_config, upstreams, "upstreams", struct upstream_config, upstream_fields,
		  100000, "The services behind the gateway."),
	FIELD_MAP(struct gateway_config, consumers, "consumers", struct consumer_config, consumer_fields,
		  100000, "Who may knock, each by its name."),
	FIELD_STRS(struct gateway_config, consumers_from, "consumers_from", 0, 99,
		   "Files with more of them, one JSON object a line with the same keys and `name`; read "
		   "again, alone, "
		   "when they change."),
	FIELD_CUSTOM(struct gateway_config, policies, "policies", const struct node *, &policy_named_form,
		     "Policies with a name, to be reused with `use`."),
	FIELD_OBJECT(struct gateway_config, defaults, "defaults", struct defaults_config, defaults_fields,
		     "What holds for every API."),
	FIELD_MAP(struct gateway_config, apis, "apis", struct api_config, api_fields, 100000,
		  "What is served, and how."),
	FIELD_OBJECT(struct gateway_config, limits, "limits", struct gateway_limits, gateway_limits_fields,
		     "What the gateway may take, and when it refuses more."),
	FIELD_OBJECT(struct gateway_config, quotas, "quotas", struct quotas_config, quotas_fields,
		     "What all policies `quota` have in common."),
	FIELD_OBJECT(struct gateway_config, log, "log", struct log_config, log_fields,
		     "What is written down."),
	FIELD_OBJECT(struct gateway_config, metrics, "metrics", struct metrics_config, metrics_fields,
		     "What is counted."),
	FIELD_OBJECT(struct gateway_config, admin, "admin", struct admin_config, admin_fields,
		     "Where the gateway itself is looked after; never a way for clients."),
	FIELD_CUSTOM_DEFAULT(struct gateway_config, store, "store", struct store_config, &store_form, "local",
			     "Where that is counted which several gateways count together."),
	FIELD_CUSTOM(
		struct gateway_config, workers, "workers", int64_t, &workers_form,
		"Threads that serve; a reload does not change their number, a replacement (SIGUSR2) does."),
	FIELD_END
};

static bool is_upstream_configured(const struct gateway_config *config, str name)
{
	for (size_t i = 0; i < config->upstreams.len; i++)
		if (str_eq(config->upstreams.at[i].entry.name, name))
			return true;
	return false;
}

void gateway_report_unknown_upstream(const struct gateway_config *config, struct reader *reader,
				     const struct node *at, str name, bool is_key)
{
	str *known = ARENA_ARRAY(reader->arena, str, config->upstreams.len), suggestion;

	if (is_upstream_configured(config, name))
		return;
	for (size_t i = 0; i < config->upstreams.len; i++)
		known[i] = config->upstreams.at[i].entry.name;
	suggestion = diagnostic_suggest(reader->arena, name, known, config->upstreams.len);
	(is_key ? diagnostic_error_key : diagnostic_error)(reader->diagnostics, at,
							   "no upstream is named \"%.*s\"%.*s", STR_ARG(name),
							   STR_ARG(suggestion));
}
