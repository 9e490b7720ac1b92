/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch: tells when files of a configuration have changed.
 *
 * Folders are watched rather than files (inotify), because editors, `mv` and Kubernetes replace files and
 * links instead of writing into them; every folder through which a link leads counts. An event says only that
 * it is worth looking: when it has been quiet for a tenth of a second the stamps of all files are compared,
 * and what has changed is told when it has then been the same for 0.6 s, for it may be half written; what
 * goes on changing is told after 10 s. So a log that is written in the same folder, or a file that was put
 * back, means nothing.
 */
#pragma once

#include "config/file_list.h"
#include "loop/loop.h"

struct watch;

typedef void (*watch_fn)(void *owner);

result watch_new(struct loop *loop, watch_fn on_change, void *owner, struct watch **ret_watch);
/* on_change is called from the loop, once for all that changed together. ERROR_SYSTEM. */

result watch_files(struct watch *watch, const struct file_list *files, bool keeps_others);
/* From now on these, with the stamps that they had when they were read: what has changed since is told soon.
 * keeps_others: those from before count as well, as when a configuration was read half-way and refused. The
 * list is copied. ERROR_SYSTEM when a folder cannot be watched; the others are. */

void watch_free(struct watch **watch);
/* Clears the address, accepts NULL. */
