/* SPDX-License-Identifier: Apache-2.0 */
/*
 * consumer_check: whether a policy's option names a consumer.
 */
#pragma once

#include "policy/policy.h"

void policy_check_consumer(const struct policy_compile *compile, const struct node *name);
/* Warns where nobody is named so. No error: files of consumers change while a configuration is in force. */
