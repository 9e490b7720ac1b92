/* SPDX-License-Identifier: Apache-2.0 */
/*
 * consumer_check: whether there are consumers whom a policy could know.
 */
#pragma once

#include "auth/consumers.h"
#include "policy/policy.h"

void policy_check_consumer(const struct policy_compile *compile, const struct node *name, bool may_be_told);
/* An error where nobody is named so, and nobody can come to be; a warning where files of consumers, which
 * change while a configuration is in force, may have him, or (may_be_told) a service names whom it likes
 * (forward_auth). Where there are no consumers at all, whoever may be told is not looked at. */

void policy_check_credential(const struct policy_compile *compile, enum consumer_credential credential);
/* Warns where nobody has one, and no file of consumers could bring somebody who has. */
