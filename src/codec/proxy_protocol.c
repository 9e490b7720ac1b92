/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both versions are read strictly: the header says who the client is, and comes from whoever can connect. It
 * is parsed again from its start when more of it arrives, for it is short and comes once a connection.
 */
#include "codec/proxy_protocol.h"

#include "codec/scan.h"

enum {
	/* Bytes: of the fixed part, of the addresses of each family, of a TLV's type and length. */
	V2_FIXED = 16,
	V2_IP4 = 12,
	V2_IP6 = 36,
	V2_PATH = 108,
	TLV_HEAD = 3,
	/* Values of the fixed part. */
	FAMILY_IP4 = 1,
	FAMILY_IP6 = 2,
	FAMILY_UNIX = 3,
	TRANSPORT_STREAM = 1,
	COMMAND_LOCAL = 0,
	COMMAND_PROXY = 1,
};

static const str v1_start = STR_INIT("PROXY ");
static const str v2_start = STR_INIT("\r\n\r\n\0\r\nQUIT\n");

/* As many of its bytes as are there agree. */
static bool may_start(str input, str start)
{
	size_t len = input.len < start.len ? input.len : start.len;

	return str_eq(str_slice(input, 0, len), str_slice(start, 0, len));
}

/* Ports may be 0 here: the specification allows it, and nobody connects to them. */
static bool parse_port(str text, uint16_t *ret_port)
{
	uint64_t port;

	if (text.len > 1 && text.ptr[0] == '0')
		return false;
	if (!str_to_u64(text, UINT16_MAX, &port))
		return false;
	*ret_port = (uint16_t)port;
	return true;
}

/* "TCP4 source destination port port", one space between; the addresses must be of that family. */
static bool parse_v1_line(str line, struct proxy_header *header)
{
	str parts[5];
	bool is_v4;

	for (int i = 0; i < 4; i++)
		if (!str_cut(line, ' ', &parts[i], &line))
			return false;
	parts[4] = line;
	is_v4 = str_eq(parts[0], STR("TCP4"));
	if (!is_v4 && !str_eq(parts[0], STR("TCP6")))
		return false;
	if (str_contains(parts[1], STR(":")) == is_v4 || str_contains(parts[2], STR(":")) == is_v4)
		return false;
	header->family = PROXY_IP;
	return ip_parse(parts[1], &header->source) && ip_parse(parts[2], &header->destination) &&
	       parse_port(parts[3], &header->source_port) && parse_port(parts[4], &header->destination_port);
}

/* What follows UNKNOWN up to the line's end is to be ignored. */
static bool is_unknown(str line)
{
	return str_eq(line, STR("UNKNOWN")) || str_starts(line, STR("UNKNOWN "));
}

static enum proxy_state parse_v1(str input, struct proxy_header *header, size_t *ret_len)
{
	str seen = str_slice(input, 0, PROXY_V1_MAX), line;
	const char *text = seen.ptr + v1_start.len, *end = seen.ptr + seen.len, *at;

	for (at = text; at < end && scan_is(*at, SCAN_VALUE) && *at != '\t'; at++)
		;
	if (at == end)
		return seen.len < PROXY_V1_MAX ? PROXY_MORE : PROXY_FAILED;
	if (*at != '\r')
		return PROXY_FAILED;
	if (at + 1 == end)
		return seen.len < PROXY_V1_MAX ? PROXY_MORE : PROXY_FAILED;
	line = (str) { text, (size_t)(at - text) };
	if (at[1] != '\n' || (!is_unknown(line) && !parse_v1_line(line, header)))
		return PROXY_FAILED;
	*ret_len = (size_t)(at + 2 - input.ptr);
	return PROXY_DONE;
}

static unsigned big_endian(const char *at)
{
	return (unsigned)(uint8_t)at[0] << 8 | (uint8_t)at[1];
}

bool proxy_tlv_next(str *tlvs, uint8_t *ret_type, str *ret_value)
{
	size_t len;

	if (tlvs->len < TLV_HEAD)
		return false;
	len = big_endian(tlvs->ptr + 1);
	if (len > tlvs->len - TLV_HEAD)
		return false;
	*ret_type = (uint8_t)tlvs->ptr[0];
	*ret_value = str_slice(*tlvs, TLV_HEAD, TLV_HEAD + len);
	*tlvs = str_skip(*tlvs, TLV_HEAD + len);
	return true;
}

/* Checked once, so that whoever walks through them later cannot meet half of one. */
static bool tlvs_fit(str tlvs)
{
	uint8_t type;
	str value;

	while (proxy_tlv_next(&tlvs, &type, &value))
		;
	return tlvs.len == 0;
}

/* Padded with NULs to its whole field, and without one when it fills it. */
static str path_of(const char *at)
{
	return (str) { at, strnlen(at, V2_PATH) };
}

static void read_ip4(str body, struct proxy_header *header)
{
	uint8_t bytes[8];

	memcpy(bytes, body.ptr, sizeof bytes);
	header->source = ip_of_v4(bytes);
	header->destination = ip_of_v4(bytes + 4);
	header->source_port = (uint16_t)big_endian(body.ptr + 8);
	header->destination_port = (uint16_t)big_endian(body.ptr + 10);
}

static void read_ip6(str body, struct proxy_header *header)
{
	memcpy(header->source.bytes, body.ptr, 16);
	memcpy(header->destination.bytes, body.ptr + 16, 16);
	header->source_port = (uint16_t)big_endian(body.ptr + 32);
	header->destination_port = (uint16_t)big_endian(body.ptr + 34);
}

static void read_unix(str body, struct proxy_header *header)
{
	header->source_path = path_of(body.ptr);
	header->destination_path = path_of(body.ptr + V2_PATH);
}

/* What the high half of the byte after the command means. */
struct family_row {
	size_t size; /* of the addresses */
	enum proxy_family family;
	void (*read)(str body, struct proxy_header *header);
};

static const struct family_row families[] = {
	[FAMILY_IP4] = { V2_IP4, PROXY_IP, read_ip4 },
	[FAMILY_IP6] = { V2_IP6, PROXY_IP, read_ip6 },
	[FAMILY_UNIX] = { 2 * (size_t)V2_PATH, PROXY_UNIX, read_unix },
};

/* What follows the fixed part of a PROXY command. */
static bool read_v2_body(unsigned kind, str body, struct proxy_header *header)
{
	unsigned family = kind >> 4;

	if ((kind & 15) != TRANSPORT_STREAM || family == 0 || family >= sizeof families / sizeof *families)
		return true;
	if (body.len < families[family].size)
		return false;
	header->family = families[family].family;
	families[family].read(body, header);
	header->tlvs = str_skip(body, families[family].size);
	return tlvs_fit(header->tlvs);
}

/* The command is looked at before the length is there: a wrong version is told at its byte. */
static enum proxy_state parse_v2(str input, struct proxy_header *header, size_t *ret_len)
{
	size_t at = v2_start.len, body;
	unsigned command;

	if (input.len <= at)
		return PROXY_MORE;
	command = (uint8_t)input.ptr[at] & 15;
	if ((uint8_t)input.ptr[at] >> 4 != 2 || command > COMMAND_PROXY)
		return PROXY_FAILED;
	if (input.len < V2_FIXED)
		return PROXY_MORE;
	body = big_endian(input.ptr + at + 2);
	if (body > PROXY_V2_MAX)
		return PROXY_FAILED;
	if (input.len < V2_FIXED + body)
		return PROXY_MORE;
	*ret_len = V2_FIXED + body;
	if (command == COMMAND_LOCAL)
		return PROXY_DONE;
	return read_v2_body((uint8_t)input.ptr[at + 1], str_slice(input, V2_FIXED, *ret_len), header)
		       ? PROXY_DONE
		       : PROXY_FAILED;
}

enum proxy_state proxy_header_parse(str input, struct proxy_header *ret_header, size_t *ret_len)
{
	*ret_header = (struct proxy_header) { 0 };
	if (may_start(input, v1_start))
		return input.len < v1_start.len ? PROXY_MORE : parse_v1(input, ret_header, ret_len);
	if (may_start(input, v2_start))
		return parse_v2(input, ret_header, ret_len);
	return PROXY_FAILED;
}
