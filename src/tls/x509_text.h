/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x509_text: what stands in a certificate, as text.
 */
#pragma once

#include <openssl/x509v3.h>

#include "base/arena.h"
#include "base/time.h"

str x509_name_text(const X509_NAME *name, struct arena *arena);
/* RFC 4514, in UTF-8. In the arena. */

str_list x509_alternative_names(const X509 *certificate, struct arena *arena, size_t max, bool is_dns_only);
/* subjectAltName: "dns:", "uri:" and "email:" in front, or only DNS names and then without it. At most 64.
 * Those with a NUL inside are left out. In the arena. */

wall_time x509_time(const ASN1_TIME *at);
/* Clamped to what wall_time can say. */
