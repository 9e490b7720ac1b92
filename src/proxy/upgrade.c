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
enum reason upgrade_check(struct exchange *x)
{
	const struct http_request *head = &x->request.head;

	if (head->version != HTTP_1_1 || !says_websocket(&head->fields))
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
