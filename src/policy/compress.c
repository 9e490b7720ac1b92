/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compress: answers in a content coding that the client accepts (RFC 9110 section 12.5.3).
 *
 * First it is asked whether this answer would be compressed for some client: then Vary says so to caches,
 * also when this client gets it as it is. An answer that is encoded already, is a part of something, or must
 * not be transformed is never touched.
 *
 * Compression tells by its length whether what an attacker has put into a page equals a secret in it
 * (BREACH). That takes a browser that can be made to ask with its user's credentials from another site. So an
 * answer to such a request is left alone, unless the browser says that its own site asked: what an API's
 * client sends by its own hand, such as a bearer token, no other site can have sent for it.
 */
#include "codec/accept.h"
#include "http/body.h"
#include "policy/policy.h"
#include "policy/principal.h"

enum { TYPES_MAX = 100 };

struct compress {
	str_list algorithms;
	uint64_t minimum;
	str_list types;
	bool with_credentials;
	/* Compiled. */
	enum coding codings[CODINGS]; /* in the order of preference */
	size_t coding_count;
};

static const char standard_types[] = "[text/*, application/json, application/*+json, application/xml, "
				     "application/*+xml, application/javascript, application/x-ndjson, "
				     "application/graphql, application/wasm, image/svg+xml]";

const struct field policy_compress_fields[] = {
	FIELD_STRS_DEFAULT(
		struct compress, algorithms, "algorithms", "[zstd, br, gzip]", 1, CODINGS,
		"`zstd`, `br` and `gzip`; the first of those that the client likes best is taken."),
	FIELD_SIZE(struct compress, minimum, "minimum", "1KiB", 0, (uint64_t)1 << 30,
		   "Smaller answers are sent as they are."),
	FIELD_STRS_DEFAULT(struct compress, types, "types", standard_types, 1, TYPES_MAX,
			   "Media types; one `*` in each stands for anything, and `*/*` for all."),
	FIELD_BOOL(struct compress, with_credentials, "with_credentials", "false",
		   "Whether answers are compressed that could show a user's secrets to another site by their "
		   "length."),
	FIELD_END
};

static const str every_type = STR_INIT("*/*");

static bool coding_find(str name, enum coding *ret_coding)
{
	for (enum coding coding = 0; coding < CODINGS; coding++) {
		if (!str_eq(name, coding_name(coding)))
			continue;
		*ret_coding = coding;
		return true;
	}
	return false;
}

static bool has_coding(const struct compress *p, enum coding coding)
{
	for (size_t i = 0; i < p->coding_count; i++)
		if (p->codings[i] == coding)
			return true;
	return false;
}

static const char *algorithm_wrong(struct compress *p, str name)
{
	enum coding coding;

	if (!coding_find(name, &coding))
		return "want zstd, br or gzip";
	if (has_coding(p, coding))
		return "this one stands in the list already";
	p->codings[p->coding_count++] = coding;
	return NULL;
}

static const char *type_wrong(struct compress *p, str type)
{
	str left, right;

	(void)p;
	if (str_eq(type, every_type))
		return NULL;
	if (!str_cut(type, '/', &left, &right) || str_contains(right, STR("/")) ||
	    str_contains(type, STR(" ")) || str_contains(type, STR(";")) || !left.len || !right.len)
		return "want a media type such as text/html, text/* or application/*+json";
	str_cut(type, '*', &left, &right);
	if (str_contains(type, STR("*")) && str_contains(right, STR("*")))
		return "one * is enough: text/*";
	return NULL;
}

/* Each item of a list that was given; defaults are right. */
static bool check_list(struct policy_compile *compile, struct compress *p, const char *key,
		       const char *(*wrong)(struct compress *p, str item))
{
	const struct node *list = node_find(compile->node, str_of(key));
	bool is_good = true;

	for (const struct node *item = list ? list->first : NULL; item; item = item->next) {
		const char *words = wrong(p, item->text);

		if (words)
			diagnostic_error(compile->reader->diagnostics, item, "%s, read \"%.*s\"", words,
					 STR_ARG(item->text));
		is_good &= !words;
	}
	return is_good;
}

static result compress_compile(struct policy_compile *compile, void *self)
{
	struct compress *p = self;
	bool is_good = check_list(compile, p, "types", type_wrong);

	if (node_find(compile->node, STR("algorithms")))
		is_good &= check_list(compile, p, "algorithms", algorithm_wrong);
	else
		for (size_t i = 0; i < p->algorithms.len; i++)
			is_good &= !algorithm_wrong(p, p->algorithms.at[i]);
	return is_good ? OK : error_make(ERROR_INVALID, "no compression that way");
}

/* ---- what would be compressed for some client ---- */

static bool is_of_type(str pattern, str type)
{
	str before, after;

	if (str_eq(pattern, every_type))
		return true;
	if (!str_cut(pattern, '*', &before, &after))
		return str_eq_nocase(pattern, type);
	return type.len >= before.len + after.len && str_eq_nocase(str_slice(type, 0, before.len), before) &&
	       str_eq_nocase(str_slice(type, type.len - after.len, type.len), after);
}

static bool is_type_listed(const struct compress *p, const struct http_response *response)
{
	str type = http_fields_value(&response->fields, HTTP_CONTENT_TYPE), rest;

	str_cut(type, ';', &type, &rest);
	type = str_trim(type);
	for (size_t i = 0; type.len && i < p->types.len; i++)
		if (is_of_type(p->types.at[i], type))
			return true;
	return false;
}

static bool says_no_transform(const struct http_field *field)
{
	return field->id == HTTP_CACHE_CONTROL && http_list_has(field->value, STR("no-transform"));
}

static bool must_not_transform(const struct http_fields *fields)
{
	for (size_t i = 0; i < fields->count; i++)
		if (!fields->at[i].removed && says_no_transform(&fields->at[i]))
			return true;
	return false;
}

/* A length that was told; or a body that is here to its end already, if that can be seen without a wait. */
static bool is_small(const struct compress *p, const struct view *view)
{
	const struct http_response *response = view->response;
	struct piece piece;

	if (response->framing == HTTP_LENGTH || http_fields_get(&response->fields, HTTP_CONTENT_LENGTH))
		return response->length < p->minimum;
	if (response->framing == HTTP_NO_BODY || !body_is_ready(view->response_body) ||
	    failed(body_peek(view->response_body, 0, &piece)))
		return false;
	return piece.is_last && piece.bytes.len < p->minimum;
}

/* Several fields of one name are one list. */
static bool is_encoded(const struct http_fields *fields)
{
	for (size_t i = 0; i < fields->count; i++) {
		const struct http_field *field = &fields->at[i];

		if (!field->removed && field->id == HTTP_CONTENT_ENCODING && field->value.len &&
		    !str_eq_nocase(field->value, STR("identity")))
			return true;
	}
	return false;
}

static bool is_untouchable(const struct http_response *response)
{
	return is_encoded(&response->fields) || must_not_transform(&response->fields);
}

static bool is_candidate(const struct compress *p, const struct view *view)
{
	const struct http_response *response = view->response;

	if (response->status == 206 || http_status_has_no_body(response->status) ||
	    http_fields_get(&response->fields, HTTP_CONTENT_RANGE))
		return false;
	return !is_untouchable(response) && is_type_listed(p, response) && !is_small(p, view);
}

/* A 304 seldom says of which type or size it is that has not changed: it could be of any. */
static bool confirms_candidate(const struct compress *p, const struct view *view)
{
	const struct http_response *response = view->response;
	bool has_type = http_fields_get(&response->fields, HTTP_CONTENT_TYPE);

	return !is_untouchable(response) && (!has_type || is_type_listed(p, response));
}

/* ---- whether it is for this one ---- */

/* Those that a browser sends by itself. */
static bool has_ambient_credentials(const struct view *view)
{
	static const str schemes[] = { STR_INIT("Basic"), STR_INIT("Digest"), STR_INIT("Negotiate"),
				       STR_INIT("NTLM") };
	str authorization = view_sent_value(view, HTTP_AUTHORIZATION), scheme = authorization, rest;

	str_cut(authorization, ' ', &scheme, &rest);
	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
		if (str_eq_nocase(scheme, schemes[i]))
			return true;
	return view_sent(view, HTTP_COOKIE) || (view->principal && view->principal->certificate.len);
}

/* Fetch Metadata: no page can write this field. */
static bool asked_by_itself(const struct view *view)
{
	str site = view_sent_value(view, HTTP_SEC_FETCH_SITE);

	return str_eq(site, STR("same-origin")) || str_eq(site, STR("none"));
}

static bool could_show_secrets(const struct view *view)
{
	if (asked_by_itself(view))
		return false;
	return has_ambient_credentials(view) || http_fields_get(&view->response->fields, HTTP_SET_COOKIE);
}

/* Several fields of one name are one list (RFC 9110 section 5.3). "x-gzip" is an old name of gzip. */
static int weight_of(const struct view *view, str name)
{
	int best = ACCEPT_MISSING;

	for (size_t i = 0; i < view->sent; i++) {
		const struct http_field *field = &view->request->fields.at[i];
		int weight;

		if (field->id != HTTP_ACCEPT_ENCODING)
			continue;
		weight = accept_weight(field->value, name);
		if (weight == ACCEPT_MISSING && str_eq(name, STR("gzip")))
			weight = accept_weight(field->value, STR("x-gzip"));
		best = weight > best ? weight : best;
	}
	return best;
}

static bool client_wants_no_transform(const struct view *view)
{
	for (size_t i = 0; i < view->sent; i++)
		if (says_no_transform(&view->request->fields.at[i]))
			return true;
	return false;
}

/* What the client likes best; of equals, what stands first. As it is, where it likes that better. */
static bool choose(const struct compress *p, const struct view *view, enum coding *ret_coding)
{
	int best = weight_of(view, STR("identity"));
	bool is_chosen = false;

	best = best > 0 ? best - 1 : 0; /* an equal goes before identity, and a refusal never does */
	for (size_t i = 0; i < p->coding_count; i++) {
		int weight = weight_of(view, coding_name(p->codings[i]));

		if (weight <= best)
			continue;
		best = weight;
		*ret_coding = p->codings[i];
		is_chosen = true;
	}
	return is_chosen;
}

/* ---- the fields ---- */

/* What does not fit is left out: an answer is not given up for a field. */
static void add(struct http_fields *fields, enum http_name id, str value)
{
	result_value added = http_fields_add(fields, id, http_name_text(id), value);

	(void)added;
}

static void vary(struct http_fields *fields)
{
	for (size_t i = 0; i < fields->count; i++) {
		const struct http_field *field = &fields->at[i];

		if (!field->removed && field->id == HTTP_VARY &&
		    (http_list_has(field->value, STR("*")) ||
		     http_list_has(field->value, STR("Accept-Encoding"))))
			return;
	}
	add(fields, HTTP_VARY, STR("Accept-Encoding"));
}

/* Empty: there is none that is strong. */
static str weak_etag(const struct view *view)
{
	str etag = http_fields_value(&view->response->fields, HTTP_ETAG), parts[] = { STR("W/"), etag };

	if (!etag.len || str_starts(etag, STR("W/")))
		return (str) { 0 };
	return arena_join(view->arena, parts, 2);
}

/* The bytes are others, the meaning is the same (RFC 9110 section 8.8.3.3). */
static void weaken_etag(struct view *view)
{
	struct http_fields *fields = &view->response->fields;
	str weak = weak_etag(view);

	if (!weak.len)
		return;
	http_fields_remove(fields, HTTP_ETAG);
	add(fields, HTTP_ETAG, weak);
}

/* What was said of the bytes as they came does not hold any more. */
static void tell(struct view *view, enum coding coding)
{
	struct http_fields *fields = &view->response->fields;

	weaken_etag(view);
	http_fields_remove(fields, HTTP_CONTENT_LENGTH);
	http_fields_remove(fields, HTTP_CONTENT_ENCODING);
	http_fields_remove(fields, HTTP_ACCEPT_RANGES);
	http_fields_remove(fields, HTTP_CONTENT_DIGEST);
	http_fields_remove(fields, HTTP_REPR_DIGEST);
	http_fields_remove_named(fields, STR("Content-MD5"));
	http_fields_remove_named(fields, STR("Digest"));
	add(fields, HTTP_CONTENT_ENCODING, coding_name(coding));
}

/* A quotation mark ends a tag and stands in none. */
static bool client_names(const struct view *view, str etag)
{
	for (size_t i = 0; i < view->sent; i++) {
		const struct http_field *field = &view->request->fields.at[i];

		if (field->id == HTTP_IF_NONE_MATCH && str_contains(field->value, etag))
			return true;
	}
	return false;
}

/* A 304 varies as the answer that it stands for (RFC 9110 section 15.4.5). A client that has this in a coding
 * has it with a weak tag; a strong one would not be taken for the same (RFC 9111 section 4.3.4). Who has it
 * as it is names it by the strong one. */
static void confirm(const struct compress *p, struct view *view)
{
	str weak = weak_etag(view);
	enum coding coding;

	vary(&view->response->fields);
	if (weak.len && client_names(view, weak) && choose(p, view, &coding))
		weaken_etag(view);
}

static void compress_response(const void *self, struct view *view)
{
	const struct compress *p = self;
	struct http_response *response = view->response;
	enum coding coding;

	if (view->is_report || !view->response_body)
		return;
	if (response->status == 304) {
		if (confirms_candidate(p, view))
			confirm(p, view);
		return;
	}
	if (!is_candidate(p, view))
		return;
	vary(&response->fields);
	if (!p->with_credentials && could_show_secrets(view))
		return;
	if (client_wants_no_transform(view) || !choose(p, view, &coding))
		return;
	/* An answer to HEAD says what GET would get. */
	if (response->framing == HTTP_NO_BODY || view_encode_body(view, coding))
		tell(view, coding);
}

static const struct policy_risk risks[] = { { "with_credentials", RISK_MORE }, { 0 } };

const struct policy policy_compress = {
	.name = "compress",
	.doc = "Sends answers in a content coding that the client accepts.",
	.size = sizeof(struct compress),
	.fields = policy_compress_fields,
	.compile = compress_compile,
	.on_response = compress_response,
	.risks = risks,
	.is_its_options = true,
	.page = "What the client likes best (`Accept-Encoding` with its weights) is taken; of equals the "
		"one that stands first in `algorithms`. Pieces are passed on as they come: an event "
		"stream is never held back to be compressed better. `Vary` and a weak `ETag` tell caches "
		"what happened; a 304 has the same `Vary`, and the weak tag where the client has named "
		"that.\n"
		"\n"
		"Never compressed are answers that are encoded already, parts of something (206), marked "
		"`no-transform`, of another type, below `minimum`, or the gateway's own. Each worker "
		"compresses 128 answers at a time; more are sent as they are.\n"
		"\n"
		"An answer's length can show a secret in it to somebody who can put text of their own "
		"beside the secret and watch the traffic (BREACH). For that a browser must be made to "
		"ask with its user's credentials. So an answer is sent as it is when the request bears a "
		"`Cookie` or a `Basic`, `Digest`, `Negotiate` or `NTLM` authorization, also one that the "
		"service does not get, or the client has shown a certificate, or the answer sets a "
		"cookie; unless the browser says by `Sec-Fetch-Site` that its own site asked. "
		"Bearer tokens and API keys do not count: no other site can send them. "
		"`with_credentials: true` compresses all the same: for services that mask their secrets, "
		"or show none.\n",
	.example =
		"listeners: { public: { address: 127.0.0.1:8080 } }\n"
		"upstreams: { catalog: { endpoints: [127.0.0.1:9000] } }\n"
		"apis:\n"
		"  catalog:\n"
		"    upstream: catalog\n"
		"    policies:\n"
		"      - compress: { algorithms: [br, gzip], minimum: 16 }\n"
		"---\n"
		"upstreams: { catalog: { headers: { Content-Type: application/json }, body: "
		"\"[1111111111111111111111111111]\" } }\n"
		"cases:\n"
		"  - name: a client that takes brotli gets it\n"
		"    request: { url: \"http://gw.test/\", headers: { Accept-Encoding: \"gzip, br\" } }\n"
		"    expect: { status: 200, headers: { Content-Encoding: br, Vary: Accept-Encoding } }\n"
		"  - name: a client that takes nothing gets it as it is\n"
		"    request: { url: \"http://gw.test/\" }\n"
		"    expect: { status: 200, headers: { Vary: Accept-Encoding }, absent: [Content-Encoding] "
		"}\n",
};
