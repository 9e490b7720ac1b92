/* SPDX-License-Identifier: Apache-2.0 */
/*
 * roll: the consumers of a configuration: those that stand in it, and those of the files that it names, which
 * may change while it is in force.
 */
#pragma once

#include "auth/consumer_file.h"
#include "config/field.h"
#include "config/file_list.h"

struct gateway_config;

struct roll {
	struct consumer_table *own; /* what stands in the configuration itself */
	const char **paths;
	size_t path_count;
	struct consumer_files *files; /* the process's */
	struct consumers *consumers;  /* now; replaced on the control thread alone */
	struct file_stamps stamps;    /* of all files together */
};

void roll_compile(struct roll *roll, struct reader *reader, const struct gateway_config *config,
		  const struct node *root, struct consumer_files *files);
/* Reads everything; what is wrong is reported. roll_fini() in any case. */

void roll_fini(struct roll *roll);

bool roll_look(struct roll *roll);
/* Whether files have changed and were left alone since the last look. */

bool roll_settle(struct roll *roll, result_value read);
/* After each look that was true: see file_stamps_settle(). */

struct roll_reading {
	const struct roll *roll;
	struct consumers *consumers; /* out; NULL: something is wrong */
	result_value read;           /* out: of the file that could not be read, or is wrong by itself */
	str wrong;                   /* out, in why: "FILE:LINE: WORDS" */
	char why[512];
};

void roll_read(struct roll_reading *reading);
/* Reads what has changed: takes seconds, so not on a thread that has other things to do. */

const char *roll_emptied(const struct roll *roll, const struct consumers *consumers);
/* The first file that had some, and has none among those that were read. NULL: there is no such file. */

void roll_replace(struct roll *roll, struct consumers **consumers);
/* Takes the reference. */
