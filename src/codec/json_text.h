/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_text: strings of JSON, for the log and for problem documents.
 */
#pragma once

#include "base/buf.h"

void json_put_string(struct buf *out, str text);
/* With its quotes. Control characters are escaped, invalid UTF-8 becomes U+FFFD, so that no input can forge a
 * line or break a reader. Six bytes for each of text's, and two, are always enough. */
