/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api_key: lets in who bears the key of a consumer.
 *
 * Keys are long and random, so that a fast hash is all that it takes to keep them: the configuration has
 * their SHA-256, and a look-up by it tells nothing of a key that is almost right. Never yields.
 */
#include "policy/consumer_check.h"
#include "policy/credential.h"
#include "policy/identity_fields.h"
#include "policy/principal.h"

enum { KEY_MAX = 4096 };

struct api_key {
	struct credential_place from;
	bool strip;
	struct pair_list forward;
};

const struct field policy_api_key_fields[] = {
	FIELD_OBJECT(struct api_key, from, "from", struct credential_place, credential_place_fields,
		     "Where the key is; without it in the field `X-API-Key`."),
	FIELD_BOOL(struct api_key, strip, "strip", "true", "Whether the upstream does not get the key."),
	FIELD_PAIRS(struct api_key, forward, "forward", FORWARD_MAX,
		    "Fields that the upstream gets, each from the consumer: `name`, `groups` or "
		    "`label.NAME`, such "
		    "as `X-Consumer-Name: name`; no client can send them."),
	FIELD_END
};

static result api_key_compile(struct policy_compile *compile, void *self)
{
	struct api_key *p = self;
	result_value place = credential_place_compile(compile, "from", "X-API-Key", &p->from);

	policy_check_credential(compile, CONSUMER_KEY);
	TRY(consumer_fields_compile(compile, &p->forward));
	return place;
}

static bool api_key_recognises(const void *self, const struct view *view)
{
	const struct api_key *p = self;
	str key;

	return credential_find(&p->from, view, &key) != CREDENTIAL_NONE;
}

static str api_key_place(const void *self, struct arena *arena)
{
	const struct api_key *p = self;

	return credential_place_text(&p->from, (str) { 0 }, arena);
}

/* Whose key it is; two of them are nobody's. */
static enum reason find_consumer(const struct api_key *p, const struct view *view,
				 const struct consumer **ret_consumer)
{
	unsigned char digest[SHA256_LEN];
	str key;
	enum credential_found found = credential_find(&p->from, view, &key);

	if (found == CREDENTIAL_NONE)
		return REASON_KEY_MISSING;
	if (found == CREDENTIAL_MANY || key.len > KEY_MAX)
		return REASON_KEY_UNKNOWN;
	sha256_digest(key, digest);
	*ret_consumer = consumers_find_key(view->consumers, digest);
	return *ret_consumer ? REASON_NONE : REASON_KEY_UNKNOWN;
}

static void api_key_strip(const void *self, struct view *view)
{
	const struct api_key *p = self;

	if (p->strip)
		credential_strip(&p->from, view);
}

static enum verdict api_key_request(const void *self, struct view *view)
{
	const struct api_key *p = self;
	const struct consumer *consumer = NULL;
	enum reason reason = find_consumer(p, view, &consumer);

	if (reason != REASON_NONE)
		return view_refuse(view, reason);
	view_set_consumer(view_identify(view, STR("api_key")), consumer);
	api_key_strip(p, view);
	return consumer_fields_set(&p->forward, view, consumer);
}

static const struct authenticator authenticator = { .recognises = api_key_recognises,
						    .place = api_key_place,
						    .strip = api_key_strip };

static const struct policy_risk risks[] = { { "from.header", RISK_ANY_NAME },
					    { "from", RISK_ANY },
					    { "strip", RISK_FEWER },
					    { "forward", RISK_FEWER },
					    { 0 } };

const struct policy policy_api_key = {
	.name = "api_key",
	.doc = "Lets in who bears the API key of a consumer.",
	.size = sizeof(struct api_key),
	.fields = policy_api_key_fields,
	.compile = api_key_compile,
	.on_request = api_key_request,
	.authenticates = true,
	.authenticator = &authenticator,
	.risks = risks,
	.page = "`gatehouse key new` makes a key and prints it once, with the hash that goes into `api_keys` "
		"of a "
		"consumer; `gatehouse key hash` prints the hash of a key that there is already. A request "
		"without "
		"a key (`key_missing`), with two of them, or with one that nobody has (`key_unknown`) gets "
		"401.\n",
	.example = "listeners: { public: { address: 127.0.0.1:8080 } }\n"
		   "upstreams: { orders: { endpoints: [127.0.0.1:9000] } }\n"
		   "consumers:\n"
		   "  acme:\n"
		   "    groups: [partners]\n"
		   "    api_keys: "
		   "[\"sha256:2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683\"]\n"
		   "apis:\n"
		   "  orders:\n"
		   "    upstream: orders\n"
		   "    policies: [api_key: { forward: { X-Consumer-Name: name } }]\n"
		   "---\n"
		   "cases:\n"
		   "  - name: a key names its consumer, and stays here\n"
		   "    request: { url: \"http://gw.test/\", headers: { X-API-Key: key, X-Consumer-Name: "
		   "mallory } }\n"
		   "    expect: { status: 200, forwarded: { headers: { X-Consumer-Name: acme }, absent: "
		   "[X-API-Key] } }\n"
		   "  - name: another key is nobody's\n"
		   "    request: { url: \"http://gw.test/\", headers: { X-API-Key: kez } }\n"
		   "    expect: { status: 401, reason: key_unknown }\n",
};
