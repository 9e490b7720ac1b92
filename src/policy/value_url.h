/* SPDX-License-Identifier: Apache-2.0 */
/*
 * value_url: texts that become a URL to which somebody is sent.
 *
 * An open redirect is a URL of which a stranger chooses the host. So the text must say where it leads: a path
 * of this host, or a URL whose host is written there, is the request's own, or ends in a domain that is.
 * Values from outside are encoded in it, so that they can neither end the part that they stand in nor begin
 * another.
 */
#pragma once

#include "policy/value.h"

result value_url_check(struct reader *reader, const struct node *node, const struct value *value,
		       str *ret_tail);
/* Of a value compiled from that node for VALUE_URL. *ret_tail: what the host and port of all that comes out
 * end in, which is for value_url_is_safe(). ERROR_INVALID after a report. */

bool value_url_is_safe(str url, str tail);
/* What came out: an absolute path that no browser takes for a host ("//evil.test"), or a URL with a host that
 * ends so. A value can hold a slash where a rule's regular expression took one in. */
