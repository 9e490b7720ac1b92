/* SPDX-License-Identifier: Apache-2.0 */
#include "store/redis_slots.h"

static const uint16_t polynomial = 0x1021; /* CRC-16/XMODEM, as the specification of Redis Cluster wants it */

static uint16_t crc16(str bytes)
{
	uint16_t sum = 0;

	for (size_t i = 0; i < bytes.len; i++) {
		sum ^= (uint16_t)((unsigned char)bytes.ptr[i] << 8);
		for (int bit = 0; bit < 8; bit++)
			sum = (uint16_t)(sum & 0x8000 ? sum << 1 ^ polynomial : sum << 1);
	}
	return sum;
}

unsigned redis_slot(str key)
{
	str before, behind, tag, rest;

	if (str_cut(key, '{', &before, &behind) && str_cut(behind, '}', &tag, &rest) && tag.len)
		key = tag;
	return crc16(key) % REDIS_SLOTS;
}

/* "host:port" with whatever colons an address of IPv6 has. */
static bool parse_spot(str text, struct redis_spot *ret_spot)
{
	size_t colon = text.len;
	uint64_t port;

	while (colon && text.ptr[colon - 1] != ':')
		colon--;
	if (!colon || !str_to_u64(str_skip(text, colon), UINT16_MAX, &port) || !port)
		return false;
	*ret_spot = (struct redis_spot) { str_slice(text, 0, colon - 1), (uint16_t)port };
	return ret_spot->host.len <= REDIS_HOST_MAX;
}

enum redis_redirect redis_redirect_parse(str error, unsigned *ret_slot, struct redis_spot *ret_spot)
{
	str kind, rest, number, spot;
	uint64_t slot;

	if (!str_cut(error, ' ', &kind, &rest) || !str_cut(rest, ' ', &number, &spot) ||
	    !str_to_u64(number, REDIS_SLOTS - 1, &slot) || !parse_spot(spot, ret_spot))
		return REDIS_STAYS;
	*ret_slot = (unsigned)slot;
	if (str_eq(kind, STR("MOVED")))
		return REDIS_MOVED;
	return str_eq(kind, STR("ASK")) ? REDIS_ASK : REDIS_STAYS;
}

/* ---- CLUSTER SLOTS ---- */

/* [ip, port, id, ...]; the host may be null, "" or "?", for one that is not known. */
static bool read_node(const struct resp_value *node, struct redis_spot *ret_spot)
{
	const struct resp_value *host = node + 1, *port = node + 2;

	if (node->kind != RESP_ARRAY || node->count < 2 || host->size != 1 || port->kind != RESP_INTEGER ||
	    port->integer < 1 || port->integer > UINT16_MAX || host->text.len > REDIS_HOST_MAX)
		return false;
	*ret_spot = (struct redis_spot) { host->text, (uint16_t)port->integer };
	if (str_eq(host->text, STR("?")))
		ret_spot->host = (str) { 0 };
	return true;
}

/* [first, last, primary, replica, ...] */
static bool read_range(const struct resp_value *range, redis_range_fn on_range, void *self)
{
	const struct resp_value *first = range + 1, *last = range + 2;
	struct redis_spot spot;

	if (range->kind != RESP_ARRAY || range->count < 3 || first->kind != RESP_INTEGER ||
	    last->kind != RESP_INTEGER || first->integer < 0 || last->integer < first->integer ||
	    last->integer >= REDIS_SLOTS || !read_node(range + 3, &spot))
		return false;
	return on_range(self, (unsigned)first->integer, (unsigned)last->integer, &spot);
}

bool redis_slots_read(const struct resp_value *reply, redis_range_fn on_range, void *self)
{
	if (reply->kind != RESP_ARRAY)
		return false;
	for (size_t at = 1; at < reply->size; at += reply[at].size)
		if (!read_range(&reply[at], on_range, self))
			return false;
	return true;
}
