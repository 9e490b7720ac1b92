/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rate_key: every part is hashed with its kind and its length, the hash of one part being the seed of the
 * next, so that no two lists of values run together, whatever clients put into them.
 *
 * An address of IPv6 counts by its /64: who has one has all of them. One of IPv4 is the same in both of its
 * spellings, and clients without an address, on a Unix socket, are one.
 */
#include "policy/rate_key.h"

#include "auth/claims.h"
#include "base/hash.h"
#include "codec/forwarded.h"
#include "codec/ip.h"
#include "codec/sha256.h"
#include "policy/principal.h"

enum { PARTS_MAX = 8, LINES_MAX = 64, NETWORK_BYTES = 8 };

enum part_kind { BY_CLIENT_IP, BY_CONSUMER, BY_ROUTE, BY_API, BY_HEADER, BY_CLAIM, PART_KINDS };

/* Those that end with a colon are followed by a name. */
static const str words[PART_KINDS] = {
	[BY_CLIENT_IP] = STR_INIT("client_ip"), [BY_CONSUMER] = STR_INIT("consumer"),
	[BY_ROUTE] = STR_INIT("route"),         [BY_API] = STR_INIT("api"),
	[BY_HEADER] = STR_INIT("header:"),      [BY_CLAIM] = STR_INIT("claim:"),
};

struct rate_part {
	enum part_kind kind;
	str name; /* of the header or the claim */
};

/* ---- compiling ---- */

static bool part_read(str text, struct rate_part *ret_part)
{
	for (int kind = 0; kind < PART_KINDS; kind++) {
		str word = words[kind], name = str_skip(text, word.len);
		bool has_name = kind == BY_HEADER || kind == BY_CLAIM;

		if (!str_starts(text, word) || !name.len == has_name ||
		    (kind == BY_HEADER && !http_is_token(name)))
			continue;
		*ret_part = (struct rate_part) { (enum part_kind)kind, name };
		return true;
	}
	return false;
}

static void report_part(const struct policy_compile *compile, const struct node *node)
{
	struct diagnostics *diagnostics = compile->reader->diagnostics;
	str read = diagnostic_read(diagnostics, node), hint = { 0 };

	if (node->kind == NODE_SCALAR && !node->is_expanded)
		hint = diagnostic_suggest(compile->reader->arena, node->text, words, PART_KINDS);
	if (str_starts(hint, STR("; allowed")))
		hint = (str) { 0 };
	diagnostic_error(diagnostics, node,
			 "want client_ip, consumer, header:NAME, claim:PATH, route or api, read %.*s%.*s",
			 STR_ARG(read), STR_ARG(hint));
}

/* What proxies tell of the client is read as `trusted_proxies` says, and taken away from everybody. */
static void warn_of_address(const struct policy_compile *compile, const struct node *node,
			    const struct rate_part *part)
{
	if (part->kind == BY_HEADER && forwarded_names_client(part->name))
		diagnostic_warning(compile->reader->diagnostics, node,
				   "all clients are one: %.*s " FORWARDED_NEVER_KEPT, STR_ARG(part->name));
}

result rate_key_compile(const struct policy_compile *compile, const char *option, const str_list *by,
			struct rate_key *ret_key)
{
	const struct node *node = node_find(compile->node, str_of(option));
	const struct node *item = node && node->kind == NODE_LIST ? node->first : node;
	struct rate_part *at = ARENA_ARRAY(compile->reader->arena, struct rate_part, PARTS_MAX);
	bool is_good = true;

	if (by->len > PARTS_MAX)
		return policy_reject(compile, option, "want at most 8 things that are one key");
	for (size_t i = 0; i < by->len; i++, item = item ? item->next : NULL) {
		if (!part_read(by->at[i], &at[i])) {
			report_part(compile, item ? item : compile->node);
			is_good = false;
			continue;
		}
		warn_of_address(compile, item ? item : compile->node, &at[i]);
	}
	*ret_key = (struct rate_key) { at, by->len };
	return is_good ? OK : error_make(ERROR_INVALID, "nobody can be told apart by that");
}

bool rate_key_needs_principal(const struct rate_key *key)
{
	for (size_t i = 0; i < key->count; i++)
		if (key->at[i].kind == BY_CONSUMER || key->at[i].kind == BY_CLAIM)
			return true;
	return false;
}

bool rate_key_is_of_clients(const struct rate_key *key)
{
	for (size_t i = 0; i < key->count; i++)
		if (key->at[i].kind != BY_ROUTE && key->at[i].kind != BY_API)
			return true;
	return false;
}

/* ---- hashing ---- */

/* What the parts come to, one after the other: in this process a keyed hash, which is quick; where others
 * must come to the same, a digest. */
struct sum {
	uint64_t hash;
	unsigned char *digest; /* SHA256_LEN; NULL: it is the hash */
};

/* What the parts before came to, what this one is, and what its value comes to: of one length always, so that
 * nothing runs together. */
static void add_to_digest(unsigned char digest[SHA256_LEN], uint64_t what, str value)
{
	unsigned char parts[2 * SHA256_LEN + sizeof what];

	memcpy(parts, digest, SHA256_LEN);
	for (size_t i = 0; i < sizeof what; i++)
		parts[SHA256_LEN + i] = (unsigned char)(what >> 8 * i);
	sha256_digest(value, parts + SHA256_LEN + sizeof what);
	sha256_digest((str) { (const char *)parts, sizeof parts }, digest);
}

/* variant: what tells values of one kind apart beside their bytes. */
static void add(struct sum *sum, enum part_kind kind, unsigned variant, str value)
{
	uint64_t what = (uint64_t)variant << 8 | (uint64_t)kind;

	if (sum->digest)
		add_to_digest(sum->digest, what, value);
	else
		sum->hash = hash_bytes(value, hash_mix(sum->hash, what));
}

static void add_address(struct sum *sum, const struct view *view)
{
	struct ip ip;

	if (!ip_parse(view->client_ip, &ip))
		add(sum, BY_CLIENT_IP, 0, (str) { 0 });
	else
		add(sum, BY_CLIENT_IP, 1,
		    (str) { (const char *)ip.bytes, ip_is_v4(ip) ? sizeof ip.bytes : NETWORK_BYTES });
}

/* Where nobody is known, the address says more than nothing. */
static void add_consumer(struct sum *sum, const struct view *view)
{
	if (!view->principal || !view->principal->consumer.len)
		add_address(sum, view);
	else
		add(sum, BY_CONSUMER, 0, view->principal->consumer);
}

/* All lines of the name, as they mean together (RFC 9110 section 5.3). The number of a very long list counts,
 * and no more of it. */
static void add_header(struct sum *sum, const struct view *view, str name)
{
	const struct http_fields *fields = &view->request->fields;
	str parts[2 * LINES_MAX], value = { 0 };
	unsigned lines = 0;

	for (size_t i = 0; i < fields->count; i++) {
		if (fields->at[i].removed || !str_eq_nocase(fields->at[i].name, name))
			continue;
		if (lines < LINES_MAX) {
			parts[2 * lines] = STR(", ");
			parts[2 * lines + 1] = fields->at[i].value;
		}
		lines++;
	}
	if (lines == 1)
		value = parts[1];
	else if (lines)
		value = arena_join(view->arena, parts + 1, 2 * (lines < LINES_MAX ? lines : LINES_MAX) - 1);
	add(sum, BY_HEADER, lines > LINES_MAX ? lines : lines > 0, value);
}

static void add_claim(struct sum *sum, const struct view *view, str path)
{
	struct operand value = { 0 };

	if (view->principal)
		value = json_find_path(&view->principal->claims, path);
	add(sum, BY_CLAIM, value.kind, claims_print(&value, view->arena));
}

static void add_part(struct sum *sum, const struct rate_part *part, const struct view *view)
{
	static const struct route_names nowhere;
	const struct route_names *names = view->names ? view->names : &nowhere;

	switch (part->kind) {
	case BY_CONSUMER:
		add_consumer(sum, view);
		break;
	case BY_HEADER:
		add_header(sum, view, part->name);
		break;
	case BY_CLAIM:
		add_claim(sum, view, part->name);
		break;
	case BY_API:
		add(sum, BY_API, 0, names->api);
		break;
	case BY_ROUTE:
		add(sum, BY_API, 0, names->api);
		add(sum, BY_ROUTE, 0, names->route);
		break;
	case BY_CLIENT_IP:
	default:
		add_address(sum, view);
		break;
	}
}

static void add_parts(struct sum *sum, const struct rate_key *key, const struct view *view)
{
	for (size_t i = 0; i < key->count; i++)
		add_part(sum, &key->at[i], view);
}

uint64_t rate_key_hash(const struct rate_key *key, const struct view *view, uint64_t seed)
{
	struct sum sum = { .hash = seed };

	add_parts(&sum, key, view);
	return sum.hash;
}

void rate_key_share(const struct rate_key *key, const struct view *view,
		    const unsigned char limit[SHA256_LEN], unsigned char ret_key[SHARED_KEY_LEN])
{
	unsigned char digest[SHA256_LEN];
	struct sum sum = { .digest = digest };

	memcpy(digest, limit, sizeof digest);
	digest[0] ^= (unsigned char)view->is_report;
	add_parts(&sum, key, view);
	memcpy(ret_key, digest, SHARED_KEY_LEN);
}
