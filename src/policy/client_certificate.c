/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client_certificate: lets in who came by a connection whose certificate is a consumer's.
 *
 * That the certificate is good, the listener has found out (client_ca); here it is only looked up whose it
 * is: by its subject, as RFC 4514 writes it, or by one of its alternative names. What a proxy in front says
 * of a certificate is not looked at. Never yields.
 */
#include "codec/base64.h"
#include "policy/consumer_check.h"
#include "policy/identity_fields.h"
#include "policy/principal.h"

struct client_certificate {
	bool sends_certificate;
	struct pair_list forward;
};

const struct field policy_client_certificate_fields[] = {
	FIELD_BOOL(struct client_certificate, sends_certificate, "certificate", "false",
		   "Whether the upstream gets the certificate itself, in `Client-Cert` (RFC 9440)."),
	FIELD_PAIRS(struct client_certificate, forward, "forward", FORWARD_MAX,
		    "Fields that the upstream gets, each from the consumer: `name`, `groups` or "
		    "`label.NAME`; no client "
		    "can send them."),
	FIELD_END
};

static result client_certificate_compile(struct policy_compile *compile, void *self)
{
	policy_check_credential(compile, CONSUMER_CERTIFICATE);
	if (compile->hooks && compile->hooks->asks_for_no_certificate)
		diagnostic_warning(
			compile->reader->diagnostics, compile->node,
			"no listener asks for certificates: want client_ca and client_certificate in "
			"the `tls` of one");
	return consumer_fields_compile(compile, &((struct client_certificate *)self)->forward);
}

static bool client_certificate_recognises(const void *self, const struct view *view)
{
	(void)self;
	return view->principal && view->principal->certificate.len;
}

/* A Byte Sequence (RFC 8941 section 3.3.5, RFC 9440 section 2.2). */
static result send_certificate(struct view *view)
{
	str der = view->principal->certificate;
	size_t room = (der.len + 2) / 3 * BASE64_GROUP + 2;
	struct buf out = arena_open(view->arena, room);
	struct base64_encoder encoder = { 0 };

	buf_put_char(&out, ':');
	base64_encode(&encoder, &der, &out);
	base64_encode_end(&encoder, &out);
	buf_put_char(&out, ':');
	return http_fields_add(&view->request->fields, HTTP_CLIENT_CERT, STR("Client-Cert"),
			       arena_close(view->arena, &out));
}

/* As `certificates` of a consumer would name it. */
static void tell_unknown(const struct view *view)
{
	const struct principal *principal = view->principal;
	str subject = principal->certificate_subject, names;

	if (!view->effects->hears_details)
		return;
	names = arena_join_list(view->arena, &principal->certificate_names, STR(", "));
	view_tell(
		view, TELL_DETAIL,
		"client_certificate: no consumer has this certificate: its subject is %.*s, its alternative "
		"names are %.*s",
		STR_ARG(subject.len ? subject : STR("empty")), STR_ARG(names.len ? names : STR("none")));
}

static enum verdict client_certificate_request(const void *self, struct view *view)
{
	const struct client_certificate *p = self;
	const struct consumer *consumer;

	if (!client_certificate_recognises(p, view))
		return view_refuse(view, REASON_CERTIFICATE_MISSING);
	consumer = consumers_find_certificate(view->consumers, view->principal->certificate_subject,
					      &view->principal->certificate_names);
	if (!consumer) {
		tell_unknown(view);
		return view_refuse(view, REASON_CERTIFICATE_UNKNOWN);
	}
	view_set_consumer(view_identify(view, STR("client_certificate")), consumer);
	if (p->sends_certificate && !view->is_report && failed(send_certificate(view)))
		return view_refuse(view, REASON_VALUE_INVALID);
	return consumer_fields_set(&p->forward, view, consumer);
}

static const struct authenticator authenticator = { .recognises = client_certificate_recognises };

static const struct policy_risk risks[] = { { "forward", RISK_FEWER }, { 0 } };

const struct policy policy_client_certificate = {
	.name = "client_certificate",
	.doc = "Lets in who shows the certificate of a consumer.",
	.size = sizeof(struct client_certificate),
	.fields = policy_client_certificate_fields,
	.compile = client_certificate_compile,
	.on_request = client_certificate_request,
	.authenticates = true,
	.authenticator = &authenticator,
	.risks = risks,
	.page = "The listener must ask for certificates: `client_ca` and `client_certificate: optional` or "
		"`required` "
		"in its `tls`. A consumer's `certificates` name a subject, written as RFC 4514 has it (the "
		"most specific part first: `CN=acme,O=Acme`), or an alternative name, to the letter but for "
		"blanks around `,` and `=`; the subject counts first. `openssl x509 -in cert.pem -noout "
		"-subject -nameopt RFC2253,-esc_msb` prints it, behind `subject=`. Without a certificate the "
		"answer is 401 `certificate_missing`, with one of nobody's "
		"`certificate_unknown`.\n",
	.example = "listeners:\n"
		   "  public:\n"
		   "    address: 127.0.0.1:8443\n"
		   "    tls:\n"
		   "      certificates: [{ certificate: gateway.pem, key: gateway.key }]\n"
		   "      client_ca: clients.pem\n"
		   "      client_certificate: optional\n"
		   "upstreams: { orders: { endpoints: [127.0.0.1:9000] } }\n"
		   "consumers: { acme: { certificates: [\"CN=acme,O=Acme\", \"dns:acme.example.com\"] } }\n"
		   "apis:\n"
		   "  orders:\n"
		   "    upstream: orders\n"
		   "    policies: [client_certificate: { forward: { X-Consumer-Name: name } }]\n"
		   "---\n"
		   "cases:\n"
		   "  - name: nobody without a certificate\n"
		   "    request: { url: \"https://gw.test/\" }\n"
		   "    expect: { status: 401, reason: certificate_missing }\n"
		   "  - name: acme by its certificate\n"
		   "    request: { url: \"https://gw.test/\", certificate: acme.pem }\n"
		   "    expect: { status: 200, forwarded: { headers: { X-Consumer-Name: acme } } }\n",
};
