/* SPDX-License-Identifier: Apache-2.0 */
/*
 * page: what the manual says of policies beside their options.
 */
#pragma once

#include "policy/policy.h"

void policy_page_print(const struct field *fields, FILE *to);
/* The page and the example of the policy that has these options; nothing for any other table. */

void expression_page_print(FILE *to);
/* What can stand in an expression, with its grammar and the names that there are. */
