/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/upgrade.h"

#include "codec/websocket.h"

static bool says(const struct http_fields *fields, enum http_name id, str token)
{
	for (size_t i = 0; i < fields->count; i++)
		if (fields->at[i].id == id && !fields->at[i].removed &&
		    http_list_has(fields->at[i].value, token))
			return true;
	return false;
}

static bool says_websocket(const struct http_fields *fields)
{
	return says(fields, HTTP_CONNECTION, STR("upgrade")) && says(fields, HTTP_UPGRADE, STR("websocket"));
}

static bool is_once(const struct http_fields *fields, enum http_name id)
{
	return http_fields_count(fields, id) == 1;
}

static bool is_version_spoken(const struct http_fields *fields)
{
	uint64_t version;

	return is_once(fields, HTTP_SEC_WEBSOCKET_VERSION) &&
	       str_to_u64(http_fields_value(fields, HTTP_SEC_WEBSOCKET_VERSION), 255, &version) &&
	       version == WEBSOCKET_VERSION;
}

/* A WebSocket begins with a GET without a body. Where two servers do not agree whether it has begun, they do
 * not agree where the request ends either. */
static enum reason check_upgrade(struct exchange *x)
{
	const struct http_request *head = &x->request.head;

	if (!says_websocket(&head->fields))
		return REASON_NONE;
	if (head->method != HTTP_GET || head->framing != HTTP_NO_BODY)
		return REASON_FRAMING_AMBIGUOUS;
	if (!is_version_spoken(&head->fields))
		return REASON_WEBSOCKET_VERSION_UNSUPPORTED;
	if (!is_once(&head->fields, HTTP_SEC_WEBSOCKET_KEY) ||
	    !websocket_is_key(http_fields_value(&head->fields, HTTP_SEC_WEBSOCKET_KEY)))
		return REASON_WEBSOCKET_MALFORMED;
	x->is_websocket = true;
	return REASON_NONE;
}

/* HTTP/2 has no use for a key, so the one that the upstream wants is the gateway's own. */
static result set_key(struct exchange *x)
{
	const struct effects *effects = &x->worker->effects;
	uint64_t words[2] = { effects->random(effects->self), effects->random(effects->self) };
	char *key = arena_bytes(&x->arena, WEBSOCKET_KEY_LEN);

	websocket_key_print((const unsigned char *)words, key);
	return http_fields_set(&x->request.head.fields, HTTP_SEC_WEBSOCKET_KEY,
			       http_name_text(HTTP_SEC_WEBSOCKET_KEY), (str) { key, WEBSOCKET_KEY_LEN });
}

static bool nothing_is_ready(const struct body_source *source)
{
	(void)source;
	return true;
}

static result nothing_peek(struct body_source *source, deadline until, struct piece *ret_piece)
{
	(void)source;
	(void)until;
	*ret_piece = (struct piece) { .is_last = true };
	return OK;
}

static void nothing_consume(struct body_source *source, size_t n)
{
	(void)source;
	(void)n;
}

static const struct body_source_ops nothing = { nothing_is_ready, nothing_peek, nothing_consume };

/* What is on its way is for the WebSocket, and nobody may take it before that is open. */
static void hold_back_content(struct exchange *x)
{
	struct body_source *body = ARENA_NEW(&x->arena, struct body_source);

	*body = (struct body_source) { .ops = &nothing, .max = x->server->body->max };
	x->server->body = body;
}

/* RFC 8441: what asks for a WebSocket is a CONNECT, and stands for the GET of HTTP/1, as which it is routed,
 * counted and forwarded. What the client sends behind it is no body. */
static enum reason check_connect(struct exchange *x)
{
	struct http_request *head = &x->request.head;

	if (!str_eq_nocase(head->protocol, STR("websocket")))
		return REASON_METHOD_UNSUPPORTED;
	if (head->framing == HTTP_LENGTH)
		return REASON_FRAMING_AMBIGUOUS;
	if (!is_version_spoken(&head->fields))
		return REASON_WEBSOCKET_VERSION_UNSUPPORTED;
	head->method = HTTP_GET;
	head->method_text = http_method_text(HTTP_GET);
	head->framing = HTTP_NO_BODY;
	x->is_websocket = true;
	hold_back_content(x);
	return failed(set_key(x)) ? REASON_HEADER_TOO_LARGE : REASON_NONE;
}

enum reason upgrade_check(struct exchange *x)
{
	const struct http_request *head = &x->request.head;

	if (head->protocol.len)
		return check_connect(x);
	return head->version == HTTP_1_1 ? check_upgrade(x) : REASON_NONE;
}

void upgrade_put(const struct exchange *x, struct buf *out)
{
	if (x->is_websocket)
		buf_put(out, STR("Connection: Upgrade\r\nUpgrade: websocket\r\n"));
}

bool upgrade_is_agreed(const struct exchange *x, const struct http_response *response)
{
	const struct http_fields *fields = &response->fields;
	char accept[WEBSOCKET_ACCEPT_LEN];

	websocket_accept(http_fields_value(&x->request.head.fields, HTTP_SEC_WEBSOCKET_KEY), accept);
	return x->is_websocket && response->version == HTTP_1_1 && says_websocket(fields) &&
	       is_once(fields, HTTP_SEC_WEBSOCKET_ACCEPT) &&
	       str_eq(http_fields_value(fields, HTTP_SEC_WEBSOCKET_ACCEPT), (str) { accept, sizeof accept });
}
