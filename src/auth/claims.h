/* SPDX-License-Identifier: Apache-2.0 */
/*
 * claims: what a token says, and whether it holds: here, now and for us (RFC 7519 section 4.1).
 *
 * A claim of the wrong type is as bad as a wrong one: what cannot be understood never lets through.
 */
#pragma once

#include "base/time.h"
#include "codec/json.h"
#include "observe/reason.h"

bool claims_read_date(const struct operand *value, wall_time *ret_time);
/* A NumericDate, which may have a fraction (RFC 7519 section 2). False: it is none. */

enum reason claims_check_time(const struct operand *claims, wall_time now, duration skew, bool needs_expiry);
/* exp, nbf and iat, each with the clocks skew apart. needs_expiry: without exp it is expired. REASON_NONE,
 * REASON_TOKEN_EXPIRED, REASON_TOKEN_NOT_YET_VALID or, of another type, REASON_TOKEN_CLAIMS. */

bool claims_is_for(const struct operand *claims, const str_list *audiences);
/* aud is one of them, or has one of them. */

bool claims_hold(const struct operand *claims, str path, const str_list *values);
/* The claim at "a.b" is one of the texts, or a list that has one. Numbers and truth values are compared as
 * they are written in JSON. */

bool claims_are_bound(const struct operand *claims);
/* The token is good only in the hands of who has a key: of a certificate (RFC 8705 section 3.1), of DPoP
 * proofs (RFC 9449 section 6.1), or whatever else it confirms by (RFC 7800). */

bool claims_has_scope(const struct operand *claims, str scope);
/* In `scope`, separated by spaces (RFC 8693 section 4.2), or in `scp`, which some issuers send instead, as
 * text or list. */

str claims_print(const struct operand *value, struct arena *arena);
/* For a field: a text as it is, numbers and truth values as in JSON, a list of such joined by ",", of
 * which 64 at most, and texts with a comma in them are left out. Empty for anything else, and where it is
 * missing. */

str claims_text(const struct operand *claims, str path, struct arena *arena);
/* The claim at "a.b", printed so. */
