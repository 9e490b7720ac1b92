/* SPDX-License-Identifier: Apache-2.0 */
/*
 * interface: the addresses that this machine has itself.
 */
#pragma once

#include "codec/ip.h"

bool interface_has(struct ip ip);
/* At this moment, on any of its interfaces. Addresses that others translate to one of these are not known
 * here. Also false when the system does not tell. */
