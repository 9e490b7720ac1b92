/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_config: the rows, and what cannot be told from one of them alone. TLS is an upstream's, but for what
 * is spoken in it.
 */
#include "proxy/store_config.h"

#include "base/assert.h"
#include "codec/ip.h"
#include "proxy/identities.h"
#include "upstream/upstream_tls.h"

enum { PREFIX_MAX = 64, PASSWORD_MAX = 4096 };

const struct field store_fields[] = {
	FIELD_CUSTOM(
		struct store_config, redis, "redis", str_list, &field_texts_form,
		"Where Redis listens: `host:port`, `[v6]:port` or `unix:/path`, or a list of them. The first "
		"that answers is asked; of a cluster a few nodes are enough."),
	FIELD_ENUM(
		struct store_config, on_failure, "on_failure", limit_failure_words, "local",
		"What holds for limits while Redis does not answer: nobody passes (503), each gateway counts "
		"its share for itself, or everybody passes."),
	FIELD_DURATION(struct store_config, timeout, "timeout", "20ms", MILLISECOND, 10 * SECOND,
		       "How long a request waits for Redis."),
	FIELD_STR(struct store_config, username, "username", NULL,
		  "The user of Redis' ACL; needs `password`."),
	FIELD_STR(struct store_config, password, "password", NULL,
		  "Better `${file:...}` than written out; it is never shown."),
	FIELD_INT(struct store_config, database, "database", "0", 0, 65535,
		  "Which one; a cluster has only 0."),
	FIELD_STR(struct store_config, prefix, "prefix", "gatehouse",
		  "What all keys begin with. Gateways with the same one count together."),
	FIELD_OBJECT(struct store_config, tls, "tls", struct upstream_tls_config, upstream_tls_fields,
		     "Speaks TLS (1.2 or 1.3) to Redis, `{}` with every default; without it nothing is "
		     "encrypted."),
	FIELD_END
};

const char store_page[] =
	"With `store: { redis: [10.0.0.9:6379] }` all gateways that have it count limits together "
	"([`rate_limit`](#policies-rate_limit), [`quota`](#policies-quota)); without it, or with `local`, "
	"each counts for itself. It is "
	"made for "
	"Redis 7.0 and what speaks as it does, alone, behind a name that moves, or as a Redis Cluster; that "
	"it is a "
	"cluster need not be said: where a server sends a key to another one (`MOVED`, `ASK`), the gateway "
	"follows, "
	"and learns who has which slot. A server that is a replica is passed over for the next address.\n"
	"\n"
	"**What it costs**: one round trip for each limit of a request (a script, `EVALSHA`; none with "
	"`sync` while "
	"what was taken ahead lasts). Each worker has one connection to Redis, to each node of a cluster, on "
	"which "
	"requests do not wait for each other. A limit of one client is one key, which goes by itself when "
	"its burst "
	"is back, or a minute after a quota's window has ended.\n"
	"\n"
	"**When it fails**, a request waits for it no longer than `timeout`; when for four times as long "
	"none of five or more had an answer, or the "
	"connection is lost and cannot be made again at once, none does. From then on what `on_failure` says "
	"holds, "
	"until Redis answers in time again, which is tried in the background, every two seconds at least. "
	"Each such "
	"change is one line of the gateway's own messages, whatever the number of workers. Another error "
	"than "
	"a redirection fails its request alone, and is told once a second. Whoever cannot be asked when the "
	"gateway "
	"starts is no error: requests are served as `on_failure` says.\n"
	"\n"
	"**How many gateways there are** they tell each other there: each leaves its mark every two seconds, "
	"under "
	"a number that it draws at its start, and one that has left none for seven seconds is gone. The "
	"number that "
	"was last seen is what `on_failure: local` divides by: `gatehouse_store_gateways`.\n"
	"\n"
	"**What stands there**: `gatehouse:{gateways}`, and for each limit of each client a key such as "
	"`gatehouse:{l7ufYsn-YlPkx_6RrkStsQ}`, the digest of what the limit says, where it stands and whom "
	"it "
	"counts, with the time at which all is paid back, or the end of a quota's window and what was "
	"counted in it. "
	"A quota is as lasting as that server: one that keeps nothing begins it afresh when it is started "
	"again, one that "
	"evicts keys, or is replaced by a replica that has not heard all, forgets some of it. Nothing of a "
	"request stands there as it came; who "
	"can "
	"read the keys and guess an address can find out whether it is among them. Its user needs `+evalsha "
	"+eval "
	"+time +get +set +del +zadd +zremrangebyscore +zcard +pexpire +ping +select +asking +cluster|slots` "
	"on "
	"`~gatehouse:*`.\n"
	"\n"
	"`gatehouse_store_up` tells whether it can be asked, `gatehouse_store_calls_total` what became of "
	"calls.\n";

static void store_read(struct reader *reader, const struct node *node, void *ret_member)
{
	struct store_config *config = ret_member;

	if (node->kind == NODE_SCALAR && str_eq(node->text, STR("local")))
		return;
	if (node->kind != NODE_MAP) {
		str read = diagnostic_read(reader->diagnostics, node);

		diagnostic_error(reader->diagnostics, node,
				 "want local, or a map such as { redis: [HOST:PORT] }, read %.*s",
				 STR_ARG(read));
		return;
	}
	config->node = node;
	fields_read(reader, node, store_fields, config);
}

const struct field_form store_form = {
	.manual = "`local` (each gateway for itself), or an object",
	.schema = "{\"anyOf\": [{\"const\": \"local\"}, $fields]}",
	.read = store_read,
	.fields = store_fields,
};

/* ---- checks ---- */

static bool reject(struct reader *reader, const struct store_config *config, const char *key, const char *why)
{
	const struct node *node = node_find(config->node, str_of(key));

	if (node)
		diagnostic_error(reader->diagnostics, node, "%s", why);
	else
		diagnostic_error_key(reader->diagnostics, config->node, "%s", why);
	return false;
}

static bool check_addresses(struct reader *reader, const struct store_config *config)
{
	const struct node *node = node_find(config->node, STR("redis"));
	const struct node *item = node && node->kind == NODE_LIST ? node->first : node;
	struct address_text text;
	bool is_good = true;

	if (!config->redis.len)
		return reject(reader, config, "redis",
			      "needs \"redis\": where it listens, such as [127.0.0.1:6379]");
	if (config->redis.len > REDIS_ADDRESSES_MAX)
		return reject(reader, config, "redis", "want at most 32 addresses");
	for (size_t i = 0; i < config->redis.len; i++, item = item ? item->next : NULL) {
		result_value parsed = address_text_parse(config->redis.at[i], &text);

		if (!failed(parsed) && (text.is_local || (text.host.len && text.port)))
			continue;
		diagnostic_error(reader->diagnostics, item ? item : node, "want host:port or unix:/path%s%s",
				 failed(parsed) ? ": " : "", failed(parsed) ? parsed.why : "");
		is_good = false;
	}
	return is_good;
}

static bool is_prefix(str text)
{
	static const str others = STR_INIT("_.:-");
	size_t at;

	for (size_t i = 0; i < text.len; i++) {
		char c = ascii_lower(text.ptr[i]);

		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && !str_find(others, c, &at))
			return false;
	}
	return text.len && text.len <= PREFIX_MAX;
}

static bool check_words(struct reader *reader, const struct store_config *config)
{
	if (config->username.len && !config->password.len)
		return reject(reader, config, "username", "needs \"password\" beside it");
	if (config->username.len > PASSWORD_MAX || config->password.len > PASSWORD_MAX)
		return reject(reader, config, "password", "is longer than any should be");
	if (!is_prefix(config->prefix))
		return reject(reader, config, "prefix",
			      "want 1 to 64 letters, digits, '_', '.', ':' and '-'");
	return true;
}

static bool is_near(str address)
{
	struct address_text text;
	struct ip ip;

	if (failed(address_text_parse(address, &text)) || text.is_local ||
	    str_eq_nocase(text.host, STR("localhost")))
		return true;
	return ip_parse(text.host, &ip) &&
	       (str_starts(text.host, STR("127.")) || str_eq(text.host, STR("::1")));
}

static void warn_of_clear(struct reader *reader, const struct store_config *config)
{
	for (size_t i = 0; i < config->redis.len; i++) {
		if (is_near(config->redis.at[i]))
			continue;
		diagnostic_warning(
			reader->diagnostics, node_find(config->node, STR("password")),
			"goes over the network in the clear: without `tls` anybody on the way can read it");
		return;
	}
}

/* ---- compiling ---- */

static bool compile_tls(struct reader *reader, const struct store_config *config,
			struct tls_client_identities *identities, struct store *store)
{
	struct endpoint_config *endpoints =
		ARENA_ARRAY(reader->arena, struct endpoint_config, config->redis.len);
	struct upstream_config as = { .entry.node = config->node,
				      .protocol = UPSTREAM_OTHER,
				      .tls = config->tls };

	for (size_t i = 0; i < config->redis.len; i++)
		endpoints[i].address = config->redis.at[i];
	as.endpoints.at = endpoints;
	as.endpoints.len = config->redis.len;
	return !failed(upstream_tls_compile(reader, identities, &as, &store->tls));
}

void store_compile(struct reader *reader, const struct store_config *config, struct identities *identities,
		   struct store *ret_store)
{
	bool is_good;

	*ret_store = (struct store) { 0 };
	if (!config->node)
		return;
	is_good = check_addresses(reader, config);
	is_good &= check_words(reader, config);
	is_good &= compile_tls(reader, config, identities->tls, ret_store);
	if (!is_good)
		return;
	if (config->password.len && !ret_store->tls)
		warn_of_clear(reader, config);
	ret_store->place = redis_places_get(identities->stores,
					    &(struct redis_options) { .addresses = config->redis.at,
								      .address_count = config->redis.len,
								      .timeout = config->timeout,
								      .username = config->username,
								      .password = config->password,
								      .database = config->database,
								      .prefix = config->prefix,
								      .tls = ret_store->tls });
	redis_place_list(ret_store->place);
}

struct store_choice store_choice(const struct store_config *config)
{
	return (struct store_choice) { config->node != NULL, config->on_failure };
}

void store_release(struct store *store)
{
	if (store->place)
		redis_place_unlist(store->place);
	redis_place_unref(&store->place);
	upstream_tls_release(&store->tls);
}
