/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Consumers are found by their names in all that a side knows, so one that moves from the configuration to a
 * file is the same. A consumer or a group more is somebody more who gets in. Which credentials a consumer of
 * a file has is not told: they are many, and found by their hashes alone.
 */
#include "main/diff_consumers.h"

#include "auth/consumers.h"

static bool stands_in_configuration(const struct snapshot *snapshot, str name)
{
	const struct node *consumers = node_find(snapshot->root, STR("consumers"));

	return consumers && node_find(consumers, name);
}

static bool has_group(const struct consumer *consumer, str group)
{
	for (size_t i = 0; i < consumer->groups.list.count; i++)
		if (str_eq(consumer->groups.list.at[i].text, group))
			return true;
	return false;
}

static void tell_groups(struct diff_lines *lines, const struct consumer *has, const struct consumer *lacks,
			enum risk risk, const char *word)
{
	for (size_t i = 0; i < has->groups.list.count; i++) {
		str group = has->groups.list.at[i].text;

		if (!has_group(lacks, group))
			diff_add(lines, risk, "consumers.%.*s.groups: %s %.*s", STR_ARG(has->name), word,
				 STR_ARG(group));
	}
}

static void compare(struct diff_lines *lines, const struct consumer *before, const struct consumer *after)
{
	tell_groups(lines, after, before, RISK_OPEN, "added");
	tell_groups(lines, before, after, RISK_TIGHT, "removed");
}

void diff_consumers(struct diff_lines *lines, const struct snapshot *before, const struct snapshot *after)
{
	const struct consumer *consumer;
	size_t cursor = 0;

	while ((consumer = consumers_next(after->roll.consumers, &cursor))) {
		const struct consumer *old = consumers_find(before->roll.consumers, consumer->name);

		if (!old)
			diff_add(lines, RISK_OPEN, "consumers.%.*s is new", STR_ARG(consumer->name));
		else if (!stands_in_configuration(before, consumer->name) ||
			 !stands_in_configuration(after, consumer->name))
			compare(lines, old, consumer);
	}
	cursor = 0;
	while ((consumer = consumers_next(before->roll.consumers, &cursor)))
		if (!consumers_find(after->roll.consumers, consumer->name))
			diff_add(lines, RISK_TIGHT, "consumers.%.*s is gone", STR_ARG(consumer->name));
}
