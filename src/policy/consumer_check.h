/* SPDX-License-Identifier: Apache-2.0 */
/*
 * consumer_check: whether there are consumers whom a policy could know.
 */
#pragma once

#include "auth/consumers.h"
#include "policy/policy.h"

void policy_check_consumer(const struct policy_compile *compile, const struct node *name);
/* Warns where nobody is named so. No error: files of consumers change while a configuration is in force. */

void policy_check_credential(const struct policy_compile *compile, enum consumer_credential credential);
/* Warns where nobody has one, and no file of consumers could bring somebody who has. */
