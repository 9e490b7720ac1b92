/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quota_keeper: writes the counts of quotas to their file, by a thread of its own, every second and at the
 * end.
 *
 * Nobody waits for it but who begins and who ends. What cannot be written is told in a line, once, and tried
 * again every second; counting goes on in memory. A process that is killed loses what the last second has
 * counted.
 */
#pragma once

#include "base/journal.h"
#include "base/result.h"
#include "base/str.h"
#include "store/quota_table.h"

struct quota_keeper;

result quota_keeper_new(struct quota_table *table, struct journal *journal, str path,
			struct quota_keeper **ret_keeper);
/* Waits until the file was read. path: empty: there is none. ERROR_SYSTEM: there is no thread for it; the
 * journal has the words. */

void quota_keeper_use(struct quota_keeper *keeper, str path);
/* From now on this one; does not wait. The same as before changes nothing. */

void quota_keeper_write(struct quota_keeper *keeper);
/* Soon, and not at the end of this second; does not wait. */

void quota_keeper_free(struct quota_keeper **keeper);
/* Waits until all is written that can be. Clears the address, accepts NULL. */
