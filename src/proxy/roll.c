/* SPDX-License-Identifier: Apache-2.0 */
/*
 * roll: the consumers of a configuration and of the files that it names, and whether these have changed.
 *
 * Two looks with the same stamps, which differ from those of the last reading, are a change that is
 * complete: a file that is being written looks different each time. What cannot be read changes nothing: the
 * consumers from before stay, and the log says why.
 */
#include "proxy/roll.h"

#include <stdio.h>

#include "base/assert.h"
#include "base/hash.h"
#include "proxy/gateway_config.h"

enum { FILES_MAX = 99, NAME_SHOWN_MAX = 100 };

/* Of all files together: any of them makes another number. */
static uint64_t stamps(const struct roll *roll)
{
	uint64_t all = 0;

	for (size_t i = 0; i < roll->path_count; i++)
		all = hash_mix(all, file_stamp(roll->paths[i]));
	return all;
}

/* ---- reading ---- */

static bool tell(struct roll_reading *reading, const char *path, const struct file_mistake *mistake)
{
	reading->wrong = file_mistake_print(mistake, path, reading->why, sizeof reading->why);
	return false;
}

/* Into the places behind the configuration's own. Those behind one that failed stay NULL. */
static bool read_tables(struct roll_reading *reading, struct consumer_table **tables, size_t *ret_failed)
{
	const struct roll *roll = reading->roll;
	struct file_mistake mistake;

	for (size_t i = 0; i < roll->path_count; i++) {
		*ret_failed = i;
		reading->read = consumer_files_get(roll->files, roll->paths[i], &tables[i + 1], &mistake);
		if (failed(reading->read))
			return tell(reading, roll->paths[i], &mistake);
	}
	return true;
}

/* Nobody may be in two places: which of the groups would hold? The later one is told, and names the other; a
 * file is the later one always. */
static void join(struct roll_reading *reading, struct consumer_table **tables, size_t *ret_failed)
{
	const struct roll *roll = reading->roll;
	struct consumers *joined = consumers_new(tables, roll->path_count + 1);
	struct file_mistake mistake = { 0 };
	struct consumer_clash clash;

	if (!consumers_clash(joined, &clash)) {
		reading->consumers = joined;
		return;
	}
	snprintf(mistake.why, sizeof mistake.why,
		 "consumer \"%.*s\": its name or a credential of it is in %s, too",
		 (int)(clash.name.len < NAME_SHOWN_MAX ? clash.name.len : NAME_SHOWN_MAX), clash.name.ptr,
		 clash.one ? roll->paths[clash.one - 1] : "the configuration");
	*ret_failed = clash.other - 1;
	(void)tell(reading, roll->paths[*ret_failed], &mistake);
	consumers_unref(&joined);
}

/* Tables are released here in any case; what was joined has its own references. */
static void read_all(struct roll_reading *reading, size_t *ret_failed)
{
	const struct roll *roll = reading->roll;
	struct consumer_table *tables[FILES_MAX + 1] = { roll->own };

	*ret_failed = 0;
	if (read_tables(reading, tables, ret_failed))
		join(reading, tables, ret_failed);
	for (size_t i = 1; i <= roll->path_count; i++)
		consumer_table_unref(&tables[i]);
}

void roll_read(struct roll_reading *reading)
{
	size_t which;

	read_all(reading, &which);
}

/* ---- of a configuration ---- */

/* With a NUL behind each, for fopen(). */
static void find_paths(struct roll *roll, struct reader *reader, const struct node *list)
{
	roll->paths = ARENA_ARRAY(reader->arena, const char *, list ? list->count : 0);
	for (const struct node *item = list ? list->first : NULL; item && roll->path_count < FILES_MAX;
	     item = item->next) {
		str full = node_resolve_path(reader->document, item, item->text, reader->arena);

		roll->paths[roll->path_count++] =
			arena_join(reader->arena, (str[]) { full, { "", 1 } }, 2).ptr;
	}
}

/* Where a mistake in a file is reported in the configuration. */
static const struct node *item_at(const struct node *list, size_t index)
{
	const struct node *item = list->first;

	while (item && index--)
		item = item->next;
	return item ? item : list;
}

/* Always leaves consumers: after a mistake those of the configuration alone, so that checking can go on
 * and find the others. */
void roll_compile(struct roll *roll, struct reader *reader, const struct gateway_config *config,
		  const struct node *root, struct consumer_files *files)
{
	const struct node *list = config->consumers_from.len ? node_find(root, STR("consumers_from")) : NULL;
	struct roll_reading reading = { .roll = roll };
	size_t which;

	*roll = (struct roll) { .own = consumer_table_new(config->consumers.len), .files = files };
	consumer_table_compile(roll->own, reader, config->consumers.at, config->consumers.len);
	find_paths(roll, reader, list);
	roll->stamps.seen = roll->stamps.read = stamps(roll);
	read_all(&reading, &which);
	file_list_heed(document_files(reader->document), reading.read);
	if (!reading.consumers)
		diagnostic_error(reader->diagnostics, item_at(list, which), "%.*s", STR_ARG(reading.wrong));
	roll->consumers = reading.consumers ? reading.consumers : consumers_new(&roll->own, 1);
}

void roll_fini(struct roll *roll)
{
	consumers_unref(&roll->consumers);
	consumer_table_unref(&roll->own);
}

/* ---- changes ---- */

bool roll_look(struct roll *roll)
{
	return roll->path_count && file_stamps_look(&roll->stamps, stamps(roll));
}

bool roll_settle(struct roll *roll, result_value read)
{
	return file_stamps_settle(&roll->stamps, read);
}

const char *roll_emptied(const struct roll *roll, const struct consumers *consumers)
{
	for (size_t i = 0; i < roll->path_count; i++)
		if (consumers_count_of(roll->consumers, i + 1) && !consumers_count_of(consumers, i + 1))
			return roll->paths[i];
	return NULL;
}

/* Exchanges that are under way have references to the ones before. */
void roll_replace(struct roll *roll, struct consumers **consumers)
{
	consumers_unref(&roll->consumers);
	roll->consumers = *consumers;
	*consumers = NULL;
}
