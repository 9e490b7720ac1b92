/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proxy_protocol: the header that a balancer puts before a connection's own bytes (PROXY protocol, versions 1
 * and 2 of HAProxy's specification). Incremental, bounded; wrong bytes are told at the first of them.
 */
#pragma once

#include "codec/ip.h"

enum {
	PROXY_V1_MAX = 107,  /* with CR LF */
	PROXY_V2_MAX = 4096, /* bytes after the fixed 16: addresses and TLVs */
};

enum proxy_family {
	PROXY_NONE, /* LOCAL or UNKNOWN: the socket's own addresses hold */
	PROXY_IP,
	PROXY_UNIX,
};

struct proxy_header {
	enum proxy_family family;
	struct ip source, destination; /* with PROXY_IP */
	uint16_t source_port, destination_port;
	str source_path, destination_path; /* with PROXY_UNIX */
	str tlvs;                          /* version 2: see proxy_tlv_next() */
};

enum proxy_state { PROXY_MORE, PROXY_DONE, PROXY_FAILED };

enum proxy_state proxy_header_parse(str input, struct proxy_header *ret_header, size_t *ret_len);
/* input: everything from the connection's first byte on. On PROXY_DONE ret_len is the header's length, and
 * slices point into input. A datagram protocol and an unknown family count as PROXY_NONE. */

bool proxy_tlv_next(str *tlvs, uint8_t *ret_type, str *ret_value);
/* Takes the next one off. False at the end; proxy_header_parse() has checked that they fit. */
