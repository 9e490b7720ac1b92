/* SPDX-License-Identifier: Apache-2.0 */
/*
 * live_files: looks after files that change while the configuration stays: consumers, and what was revoked.
 *
 * They are written by other programs at any time, so they are looked at all the time, whether or not the rest
 * of the configuration is watched, and only they are read; a file that is wrong changes nothing.
 */
#pragma once

#include "main/gateway.h"

struct live_files;

struct live_files *live_files_open(struct control *control, struct gateway *gateway);
/* Both must outlive it. */

void live_files_close(struct live_files **files);
/* Turns the loop until what is under way has ended. Clears the address, accepts NULL. */
