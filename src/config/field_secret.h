/* SPDX-License-Identifier: Apache-2.0 */
/*
 * field_secret: which rows hold secrets, and what does not look as a row says: so that a secret that stands
 * in the wrong place, as in `basic: hunter2`, is known to be one.
 */
#pragma once

#include "config/field.h"

bool field_is_secret(const struct field *field);
/* Whether what it holds is a text that nobody should see. */

bool fields_have_secret(const struct field *fields);
/* Whether a row of the table is secret. */

bool field_may_hold_secret(const struct field *field);
/* Whether it, or a row of the tables beneath it, is secret. */

bool field_fits(const struct node *node, const struct field *field);
bool field_fits_struct(const struct node *node, const struct field *field);
/* Whether a value is of the kind that the row wants; the latter one struct of those that it holds. */
