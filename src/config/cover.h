/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cover: lines of a configuration as they may be shown: where a secret is written out, asterisks stand for
 * it. What check prints ends in the logs of machines that build and deploy.
 */
#pragma once

#include "base/str.h"

bool cover_is_secret(str path);
/* Whether a key's value is a secret, by its name: "apis.a.policies[0].oidc.cookie.secret[1]". */

size_t cover_place(char *line, size_t len, uint32_t column, uint32_t width);
/* In place, an asterisk for each character, so that columns stay as they are; the new length. width 0: up to
 * the end of the line. What refers to a secret may be seen, as below. */

size_t cover_secrets(char *line, size_t len, bool is_item);
/* In place, an asterisk for each character; the new length. A line of YAML or JSON, which need not be well
 * formed. is_item: it may be an item of a list that is secret. What refers to a secret (${...}, file:) and a
 * key's hash (sha256:) may be seen. */
