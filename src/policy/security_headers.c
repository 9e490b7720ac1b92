/* SPDX-License-Identifier: Apache-2.0 */
/*
 * security_headers: the fields of an answer by which a browser is told to be careful.
 *
 * What this policy says takes the place of what the service said; what is `off` is left to the service. HSTS
 * is told on answers over TLS only, and nothing of the kind may stand in any other (RFC 6797 section 7.2):
 * there a service's own goes too. Also on answers that the gateway makes. Never answers, never yields.
 */
#include "policy/policy.h"

struct security_headers {
	duration hsts; /* below 0: off */
	int frame;
	bool nosniff;
	int referrer;
	str hsts_text; /* compiled */
};

enum { FRAME_DENY, FRAME_SAMEORIGIN, FRAME_OFF };

static const char *const frame_words[] = { "deny", "sameorigin", "off", NULL };

/* The last one is `off`. */
static const char *const referrer_words[] = { "no-referrer",
					      "no-referrer-when-downgrade",
					      "origin",
					      "origin-when-cross-origin",
					      "same-origin",
					      "strict-origin",
					      "strict-origin-when-cross-origin",
					      "unsafe-url",
					      "off",
					      NULL };

enum { REFERRER_OFF = sizeof referrer_words / sizeof *referrer_words - 2 };

static void read_hsts(struct reader *reader, const struct node *node, void *ret_member)
{
	duration *hsts = ret_member;

	if (node->kind == NODE_SCALAR && str_eq(node->text, STR("off")))
		*hsts = -1;
	else
		(void)field_read_duration(reader, node, 0, 3650 * DAY, hsts);
}

static const struct field_form hsts_form = {
	.manual = "a duration, or `off`",
	.schema = "{\"anyOf\": [{\"const\": \"off\"}, {\"$ref\": \"#/$defs/duration\"}]}",
	.read = read_hsts,
};

const struct field policy_security_headers_fields[] = {
	FIELD_CUSTOM_DEFAULT(struct security_headers, hsts, "hsts", duration, &hsts_form, "365d",
			     "How long a browser keeps to TLS for this host; on answers over TLS only."),
	FIELD_ENUM(struct security_headers, frame, "frame", frame_words, "deny",
		   "Who may show an answer in a frame (`X-Frame-Options`)."),
	FIELD_BOOL(struct security_headers, nosniff, "nosniff", "true",
		   "Whether a browser must believe Content-Type (`X-Content-Type-Options`)."),
	FIELD_ENUM(struct security_headers, referrer, "referrer", referrer_words, "no-referrer",
		   "What a browser tells other sites of where it came from (`Referrer-Policy`)."),
	FIELD_END
};

static result security_headers_compile(struct policy_compile *compile, void *self)
{
	struct security_headers *p = self;

	p->hsts_text = arena_printf(compile->reader->arena, "max-age=%lld", (long long)(p->hsts / SECOND));
	return OK;
}

/* With more fields than fit, the answer goes without. */
static void set(struct view *view, enum http_name id, str value)
{
	result_value added = http_fields_set(&view->response->fields, id, http_name_text(id), value);

	(void)added;
}

static void set_hsts(const struct security_headers *p, struct view *view)
{
	if (p->hsts < 0)
		return;
	if (str_eq(view->scheme, STR("https")))
		set(view, HTTP_STRICT_TRANSPORT_SECURITY, p->hsts_text);
	else
		http_fields_remove(&view->response->fields, HTTP_STRICT_TRANSPORT_SECURITY);
}

static void security_headers_response(const void *self, struct view *view)
{
	const struct security_headers *p = self;

	if (view->is_report)
		return;
	set_hsts(p, view);
	if (p->frame != FRAME_OFF)
		set(view, HTTP_X_FRAME_OPTIONS, p->frame == FRAME_DENY ? STR("DENY") : STR("SAMEORIGIN"));
	if (p->nosniff)
		set(view, HTTP_X_CONTENT_TYPE_OPTIONS, STR("nosniff"));
	if (p->referrer != REFERRER_OFF)
		set(view, HTTP_REFERRER_POLICY, str_of(referrer_words[p->referrer]));
}

static const struct policy_risk risks[] = { { "hsts", RISK_ANY },
					    { "frame", RISK_MORE },
					    { "nosniff", RISK_FEWER },
					    { "referrer", RISK_MORE },
					    { 0 } };

const struct policy policy_security_headers = {
	.name = "security_headers",
	.doc = "Tells browsers to be careful.",
	.size = sizeof(struct security_headers),
	.fields = policy_security_headers_fields,
	.compile = security_headers_compile,
	.on_response = security_headers_response,
	.risks = risks,
	.page = "What it says takes the place of what the service said; what is `off` (or `nosniff: "
		"false`) is left to the service. The fields are on every answer, also on those that the "
		"gateway makes.\n"
		"\n"
		"`Strict-Transport-Security` is told only to clients that came by TLS, to this gateway "
		"or to a trusted proxy before it; from other answers it is removed (RFC 6797). `hsts: "
		"0s` makes browsers forget it.\n",
	.example = "listeners: { public: { address: 127.0.0.1:8080 } }\n"
		   "upstreams: { app: { endpoints: [127.0.0.1:9000] } }\n"
		   "apis:\n"
		   "  app:\n"
		   "    upstream: app\n"
		   "    policies:\n"
		   "      - security_headers: { frame: sameorigin, referrer: off }\n"
		   "---\n"
		   "cases:\n"
		   "  - name: browsers are told\n"
		   "    request: { url: \"http://gw.test/\" }\n"
		   "    expect:\n"
		   "      status: 200\n"
		   "      headers: { X-Frame-Options: SAMEORIGIN, X-Content-Type-Options: nosniff }\n"
		   "      absent: [Referrer-Policy, Strict-Transport-Security]\n",
};
