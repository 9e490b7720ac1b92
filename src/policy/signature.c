/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signature: lets in whose request is signed (RFC 9421), by a key that the configuration gives to somebody.
 *
 * What must be signed stands in the configuration; a signature may cover more, and never less. When it covers
 * Content-Digest (RFC 9530), the body is held against it while it goes by: a body that is another's never
 * reaches its end. Which algorithm is used says the key, never the request.
 */
#include "policy/signature_private.h"

#include "auth/auth_worker.h"
#include "auth/consumers.h"
#include "auth/key_set.h"
#include "auth/replay_cache.h"
#include "codec/jws.h"
#include "codec/signature_base.h"
#include "policy/consumer_check.h"
#include "policy/identity_fields.h"
#include "policy/principal.h"

enum { KEYS_MAX = 1000, COMPONENTS_MAX = 32, KEY_FILE_MAX = 64 * 1024, TRIES_MAX = 4 };

static const duration skew = 30 * SECOND;

struct signature_key {
	struct entry entry;
	str id;
	int algorithm;
	str key, consumer;
	struct key_set *keys; /* compiled; one key */
};

struct signature {
	struct {
		struct signature_key *at;
		size_t len;
	} keys;
	str_list components;
	duration max_age;
	struct pair_list forward;
};

/* RFC 9421 section 6.2.2, and what JOSE calls the same. */
static const char *const algorithm_words[] = { "ed25519",
					       "ecdsa-p256-sha256",
					       "ecdsa-p384-sha384",
					       "rsa-pss-sha512",
					       "rsa-v1_5-sha256",
					       "hmac-sha256",
					       NULL };
static const enum jose_algorithm algorithms[] = { JOSE_EDDSA, JOSE_ES256, JOSE_ES384,
						  JOSE_PS512, JOSE_RS256, JOSE_HS256 };

static const struct field key_fields[] = {
	FIELD_STR_REQUIRED(struct signature_key, id, "id", "What signatures call the key: their `keyid`."),
	FIELD_ENUM(struct signature_key, algorithm, "algorithm", algorithm_words, NULL,
		   "The one algorithm that it is used with; it must be given."),
	FIELD_STR_REQUIRED(struct signature_key, key, "key",
			   "`file:PATH` with the public key or a certificate, in PEM; for `hmac-sha256` the "
			   "secret, of at least 32 bytes, better from `${file:PATH}`."),
	FIELD_STR(struct signature_key, consumer, "consumer", NULL,
		  "Whose key it is; none: nobody's by name."),
	FIELD_END
};

const struct field policy_signature_fields[] = {
	FIELD_LIST(struct signature, keys, "keys", struct signature_key, key_fields, NULL, 1, KEYS_MAX,
		   "Keys that may sign."),
	FIELD_STRS_DEFAULT(
		struct signature, components, "components", "[@method, @path, @authority]", 1, COMPONENTS_MAX,
		"What a signature must cover, such as `@query` or `content-digest`; with the latter "
		"the body is verified."),
	FIELD_DURATION(struct signature, max_age, "max_age", "60s", SECOND, HOUR,
		       "How old a signature may be, by its `created`, which it must have."),
	FIELD_PAIRS(struct signature, forward, "forward", FORWARD_MAX,
		    "Fields that the upstream gets, each from the key's consumer: `name`, `groups` or "
		    "`label.NAME`, such as `X-Consumer-Name: name`; no client can send them. By a key of "
		    "nobody's there are none."),
	FIELD_END
};

/* ---- compiling ---- */

static result reject(const struct policy_compile *compile, const struct signature_key *key,
		     const char *option, const char *why)
{
	const struct node *node = node_find(key->entry.node, str_of(option));

	diagnostic_error(compile->reader->diagnostics, node ? node : key->entry.node, "%s", why);
	return error_make(ERROR_INVALID, why);
}

/* A secret is never read by the file's name: `key: file:...` would make the name the secret. */
static result compile_secret(struct policy_compile *compile, const struct signature_key *key,
			     struct jwk_set **ret_keys)
{
	if (str_starts(key->key, STR("file:")))
		return reject(compile, key, "key", "want the secret; ${file:PATH} takes it from a file");
	*ret_keys = jwk_set_from_secret(STR(""), key->key);
	if (jwk_set_at(*ret_keys, 0)->fits & JOSE_BIT(JOSE_HS256))
		return OK;
	jwk_set_unref(ret_keys);
	return reject(compile, key, "key", "want at least 32 bytes: a shorter secret can be guessed");
}

/* One public key, of the algorithm's kind. */
static result compile_file(struct policy_compile *compile, const struct signature_key *key,
			   struct jwk_set **ret_keys, str *ret_text)
{
	static const str prefix = STR_INIT("file:");
	const struct node *node = node_find(key->entry.node, STR("key"));
	result_value read;

	if (!str_starts(key->key, prefix))
		return reject(compile, key, "key", "want file:PATH with a public key in PEM");
	if (!reader_read_file(compile->reader, node, str_skip(key->key, prefix.len), KEY_FILE_MAX, ret_text))
		return error_make(ERROR_INVALID, "reported");
	read = jwk_set_from_pem(STR(""), *ret_text, ret_keys);
	if (failed(read))
		return reject(compile, key, "key", read.why);
	if (jwk_set_count(*ret_keys) == 1 &&
	    (jwk_set_at(*ret_keys, 0)->fits & JOSE_BIT(algorithms[key->algorithm])))
		return OK;
	jwk_set_unref(ret_keys);
	return reject(compile, key, "key", "want one key, and one that fits the algorithm");
}

static result compile_key(struct policy_compile *compile, struct signature_key *key)
{
	const struct policy_hooks *hooks = compile->hooks;
	struct jwk_set *keys = NULL;
	str content = key->key;

	if (key->consumer.len)
		policy_check_consumer(compile, node_find(key->entry.node, STR("consumer")), false);
	if (!hooks)
		return error_make(ERROR_INVALID, "no keys can be found here");
	if (!node_find(key->entry.node, STR("algorithm")))
		return reject(compile, key, "algorithm", "want the algorithm that the key is used with");
	if (algorithms[key->algorithm] == JOSE_HS256)
		TRY(compile_secret(compile, key, &keys));
	else
		TRY(compile_file(compile, key, &keys, &content));
	key->keys = hooks->keep_keys(hooks->owner, key->entry.node, keys, content);
	return key->keys ? OK : error_make(ERROR_INVALID, "reported");
}

static bool is_component(str name)
{
	for (size_t i = 0; i < name.len; i++)
		if (name.ptr[i] <= ' ' || name.ptr[i] >= 0x7f || name.ptr[i] != ascii_lower(name.ptr[i]))
			return false;
	return name.len;
}

/* Without the @ it is the field of that name, which there may be. */
static bool is_derived(str name)
{
	static const char *const derived[] = { "method", "target-uri",     "authority",
					       "scheme", "request-target", "path",
					       "query",  "query-param",    NULL };

	for (size_t i = 0; derived[i]; i++)
		if (str_eq(name, str_of(derived[i])))
			return true;
	return false;
}

static result compile_components(struct policy_compile *compile, const struct signature *p)
{
	const struct node *list = node_find(compile->node, STR("components"));

	for (size_t i = 0; i < p->components.len; i++)
		if (!is_component(p->components.at[i]))
			return policy_reject(compile, "components", "want names in small letters");
	for (const struct node *item = list ? list->first : NULL; item; item = item->next)
		if (is_derived(item->text))
			diagnostic_warning(compile->reader->diagnostics, item,
					   "this is a field's name; did you mean \"@%.*s\"?",
					   STR_ARG(item->text));
	return OK;
}

static result signature_compile(struct policy_compile *compile, void *self)
{
	struct signature *p = self;
	result_value compiled = compile_components(compile, p), one;

	TRY(consumer_fields_compile(compile, &p->forward));
	if (!p->keys.len)
		return policy_reject(compile, "keys", "want the keys that may sign");
	for (size_t i = 0; i < p->keys.len; i++) {
		one = compile_key(compile, &p->keys.at[i]);
		for (size_t j = 0; j < i && !failed(one); j++)
			if (str_eq(p->keys.at[j].id, p->keys.at[i].id))
				one = reject(compile, &p->keys.at[i], "id", "another key is called so");
		if (failed(one))
			compiled = one;
	}
	return compiled;
}

/* ---- one signature ---- */

static const struct structured_bare *parameter_of(const struct structured_item *input, const char *name,
						  enum structured_kind kind)
{
	const struct structured_bare *bare = structured_parameter(&input->parameters, str_of(name));

	return bare && bare->kind == kind ? bare : NULL;
}

/* Numbers are of 15 digits at most; no clock says more than some 10^10 seconds. */
static bool is_in_force(const struct signature *p, const struct structured_item *input, wall_time now)
{
	const struct structured_bare *created = parameter_of(input, "created", STRUCTURED_INTEGER);
	const struct structured_bare *expires = structured_parameter(&input->parameters, STR("expires"));
	int64_t at = now / SECOND;

	if (!created || created->number > at + skew / SECOND || created->number < at - p->max_age / SECOND)
		return false;
	return !expires || (expires->kind == STRUCTURED_INTEGER && expires->number > at);
}

/* What the configuration asks for; more is the signer's business. */
static bool covers_all(const struct signature *p, const struct structured_item *input)
{
	for (size_t i = 0; i < p->components.len; i++)
		if (!signature_base_covers(input, p->components.at[i]))
			return false;
	return true;
}

static const struct signature_key *find_key(const struct signature *p, const struct structured_item *input)
{
	const struct structured_bare *id = parameter_of(input, "keyid", STRUCTURED_STRING);

	for (size_t i = 0; id && i < p->keys.len; i++)
		if (str_eq(p->keys.at[i].id, id->text))
			return &p->keys.at[i];
	return NULL;
}

/* What a request says of the algorithm can only agree. */
static bool is_its_algorithm(const struct signature_key *key, const struct structured_item *input)
{
	const struct structured_bare *said = structured_parameter(&input->parameters, STR("alg"));

	return !said || (said->kind == STRUCTURED_STRING &&
			 str_eq(said->text, str_of(algorithm_words[key->algorithm])));
}

/* A base is signed as a token's first two parts are. */
static bool verifies(const struct signature_key *key, str base, str bytes)
{
	struct jws signed_base = { .algorithm = algorithms[key->algorithm],
				   .signed_text = base,
				   .signature = bytes };
	struct jwk_set *keys = key_set_take(key->keys);
	bool is_good = keys && jws_verify(&signed_base, jwk_set_at(keys, 0));

	jwk_set_unref(&keys);
	return is_good;
}

/* What the request says, said again, must be what was signed. */
static enum reason check_signature(const struct signature_key *key, struct view *view,
				   const struct structured_item *input, const struct structured_item *given)
{
	struct signature_message message = {
		.method = view->request->method_text,
		.scheme = view->scheme,
		.authority = view->authority,
		.target = view->request->target,
		.fields = &view->request->fields,
	};
	str base;
	result_value printed = signature_base_print(&message, input, view->arena, &base);

	if (printed.kind == ERROR_MISSING)
		return REASON_SIGNATURE_WRONG;
	if (failed(printed) || !given || given->bare.kind != STRUCTURED_BYTES)
		return REASON_SIGNATURE_MALFORMED;
	if (!is_its_algorithm(key, input) || !verifies(key, base, given->bare.text))
		return REASON_SIGNATURE_WRONG;
	return REASON_NONE;
}

/* What may be looked at before it costs a verification. */
static enum reason check_input(const struct signature *p, const struct view *view,
			       const struct structured_item *input, const struct signature_key **ret_key)
{
	*ret_key = find_key(p, input);
	if (input->bare.kind != STRUCTURED_INNER_LIST ||
	    (structured_parameter(&input->parameters, STR("nonce")) &&
	     !parameter_of(input, "nonce", STRUCTURED_STRING))) /* RFC 9421 section 2.3 */
		return REASON_SIGNATURE_MALFORMED;
	if (!*ret_key)
		return REASON_SIGNATURE_KEY_UNKNOWN;
	if (!covers_all(p, input))
		return REASON_SIGNATURE_UNCOVERED;
	return is_in_force(p, input, view_now(view)) ? REASON_NONE : REASON_SIGNATURE_EXPIRED;
}

/* ---- all that a request bears ---- */

/* Lines of one name are one list (RFC 9110 section 5.3). */
static str joined(const struct view *view, enum http_name id)
{
	const struct http_fields *fields = &view->request->fields;
	struct buf out;
	size_t room = 0;

	for (size_t i = 0; i < fields->count; i++)
		if (!fields->at[i].removed && fields->at[i].id == id)
			room += fields->at[i].value.len + 2;
	if (!room || room > STRUCTURED_MAX)
		return room ? STR(",") : (str) { 0 }; /* a list that is none */
	out = arena_open(view->arena, room);
	for (size_t i = 0; i < fields->count; i++) {
		if (fields->at[i].removed || fields->at[i].id != id)
			continue;
		if (out.len)
			buf_put(&out, STR(", "));
		buf_put(&out, fields->at[i].value);
	}
	return arena_close(view->arena, &out);
}

static bool signature_recognises(const void *self, const struct view *view)
{
	const struct http_fields *fields = &view->request->fields;

	(void)self;
	return http_fields_get(fields, HTTP_SIGNATURE_INPUT) || http_fields_get(fields, HTTP_SIGNATURE);
}

/* The first that is good; of several that are not, the last says why. */
static enum reason find_signature(const struct signature *p, struct view *view,
				  const struct structured_item **ret_input,
				  const struct signature_key **ret_key)
{
	struct structured_dictionary inputs, signatures;
	enum reason reason = REASON_SIGNATURE_MALFORMED;
	unsigned tries = 0;

	if (failed(structured_dictionary_parse(joined(view, HTTP_SIGNATURE_INPUT), view->arena, &inputs)) ||
	    failed(structured_dictionary_parse(joined(view, HTTP_SIGNATURE), view->arena, &signatures)))
		return REASON_SIGNATURE_MALFORMED;
	for (size_t i = 0; i < inputs.count && tries < TRIES_MAX; i++) {
		const struct structured_member *input = &inputs.at[i];

		reason = check_input(p, view, &input->value, ret_key);
		if (reason != REASON_NONE)
			continue;
		tries++;
		reason = check_signature(*ret_key, view, &input->value,
					 structured_find(&signatures, input->key));
		*ret_input = &input->value;
		if (reason == REASON_NONE)
			return REASON_NONE;
	}
	return reason;
}

/* ---- what comes of it ---- */

/* One that says that it is good once (nonce) is. */
static enum reason check_replay(const struct signature *p, struct view *view,
				const struct structured_item *input, const struct signature_key *key)
{
	const struct structured_bare *nonce = parameter_of(input, "nonce", STRUCTURED_STRING);
	const struct structured_bare *created = parameter_of(input, "created", STRUCTURED_INTEGER);
	str parts[] = { STR("signature"), key->id, nonce ? nonce->text : (str) { 0 } };

	if (!nonce || view->is_report)
		return REASON_NONE;
	return replay_cache_add(view->auth->replays, parts, 3, created->number * SECOND + p->max_age + SECOND,
				view_now(view));
}

/* A key of a consumer who is gone is nobody's key. */
static enum reason identify(struct view *view, const struct signature_key *key,
			    const struct consumer **ret_consumer)
{
	struct principal *principal;

	*ret_consumer = consumers_find(view->consumers, key->consumer);
	if (key->consumer.len && !*ret_consumer)
		return REASON_SIGNATURE_KEY_UNKNOWN;
	principal = view_identify(view, STR("signature"));
	if (*ret_consumer)
		view_set_consumer(principal, *ret_consumer);
	return REASON_NONE;
}

static enum verdict signature_request(const void *self, struct view *view)
{
	const struct signature *p = self;
	const struct structured_item *input = NULL;
	const struct signature_key *key = NULL;
	const struct consumer *consumer;
	enum reason reason = signature_recognises(p, view) ? find_signature(p, view, &input, &key)
							   : REASON_SIGNATURE_MISSING;

	if (reason == REASON_NONE)
		reason = check_replay(p, view, input, key);
	if (reason == REASON_NONE && signature_base_covers(input, STR("content-digest")))
		reason = signature_expect_body(view, joined(view, HTTP_CONTENT_DIGEST));
	if (reason == REASON_NONE)
		reason = identify(view, key, &consumer);
	return reason == REASON_NONE ? consumer_fields_set(&p->forward, view, consumer)
				     : view_refuse(view, reason);
}

static const struct authenticator authenticator = { .recognises = signature_recognises };

static const struct policy_risk risks[] = {
	{ "keys", RISK_ANY },
	{ "components", RISK_FEWER },
	{ "max_age", RISK_MORE },
	{ "forward", RISK_FEWER },
	{ 0 },
};

const struct policy policy_signature = {
	.name = "signature",
	.doc = "Lets in whose request is signed, as HTTP message signatures are (RFC 9421).",
	.size = sizeof(struct signature),
	.fields = policy_signature_fields,
	.compile = signature_compile,
	.on_request = signature_request,
	.authenticates = true,
	.authenticator = &authenticator,
	.risks = risks,
	.page = "A request is let in when one of its signatures (`Signature-Input`, `Signature`) is by one "
		"of "
		"`keys`, covers all `components`, was `created` within `max_age`, has not passed its "
		"`expires`, and verifies. A `nonce` is good once. Components are the request's as it came: "
		"`@method`, `@authority`, `@scheme`, `@path`, `@query`, `@target-uri`, `@request-target`, "
		"`@query-param` with its name, and fields by their names alone; one that asks for another "
		"reading "
		"(`sf`, `key`, `bs`, `tr`) is malformed. What is not covered may be anything: cover `@query` "
		"and "
		"`content-digest` where they matter.\n"
		"\n"
		"When the signature covers `content-digest`, the body must come to each `sha-256` and "
		"`sha-512` "
		"of it, and to one at least. It is verified while it goes to the service: of a body that is "
		"another the service never gets the end, and the client gets 401 (`digest_mismatch`).\n"
		"\n"
		"The answer is 401; the log says `signature_missing`, `signature_malformed`, "
		"`signature_key_unknown`, `signature_uncovered`, `signature_expired`, `signature_wrong` or "
		"`token_replayed`.\n",
	.example = "listeners: { public: { address: 127.0.0.1:8080 } }\n"
		   "upstreams: { orders: { endpoints: [127.0.0.1:9000] } }\n"
		   "consumers: { acme: { groups: [partners] } }\n"
		   "apis:\n"
		   "  orders:\n"
		   "    upstream: orders\n"
		   "    policies:\n"
		   "      - signature:\n"
		   "          keys:\n"
		   "            - { id: k1, algorithm: hmac-sha256, consumer: acme, key: "
		   "\"${SIGNATURE_SECRET:-only "
		   "an example: take 32 random bytes}\" }\n"
		   "          components: [\"@method\", \"@path\", \"@authority\", content-digest]\n"
		   "          forward: { X-Consumer-Name: name }\n"
		   "---\n"
		   "cases:\n"
		   "  - name: an order must be signed\n"
		   "    request: { url: \"http://gw.test/\" }\n"
		   "    expect: { status: 401, reason: signature_missing }\n",
};
