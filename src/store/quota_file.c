/* SPDX-License-Identifier: Apache-2.0 */
#include "store/quota_file.h"

#include <sqlite3.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/hash.h"

enum { BUSY_MILLISECONDS = 1000, DAY_SECONDS = 86400 };

struct quota_file {
	sqlite3 *database;
	sqlite3_stmt *add;
	uint64_t seed;
	bool is_new;
};

/* The bound on pages, of 4 KiB each, is some 20,000,000 counts. */
static const char setup[] =
	"PRAGMA journal_mode = WAL;"
	"PRAGMA synchronous = NORMAL;"
	"PRAGMA max_page_count = 262144;"
	"CREATE TABLE IF NOT EXISTS place (id INTEGER PRIMARY KEY, seed INTEGER NOT NULL,"
	" hash INTEGER NOT NULL);"
	"CREATE TABLE IF NOT EXISTS counts (key INTEGER, window INTEGER, count INTEGER NOT "
	"NULL, PRIMARY KEY (key, window)) WITHOUT ROWID;";

/* Texts of sqlite3_errstr() live for ever. */
static result trouble_of(int code)
{
	bool is_content = (code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB;

	return error_make(is_content ? ERROR_MALFORMED : ERROR_SYSTEM, sqlite3_errstr(code));
}

static result run(struct quota_file *file, const char *text)
{
	int code = sqlite3_exec(file->database, text, NULL, NULL, NULL);

	return code == SQLITE_OK ? OK : trouble_of(code);
}

static result prepare(struct quota_file *file, const char *text, sqlite3_stmt **ret_statement)
{
	int code = sqlite3_prepare_v2(file->database, text, -1, ret_statement, NULL);

	return code == SQLITE_OK ? OK : trouble_of(code);
}

/* What a seed makes of one text: the same as long as keys are hashed the same way. */
static uint64_t sample_of(uint64_t seed)
{
	return hash_mix(hash_bytes(STR("gatehouse quota"), seed), 1);
}

static result insert_place(struct quota_file *file, uint64_t seed)
{
	sqlite3_stmt *insert;
	int code;

	TRY(prepare(file, "INSERT OR IGNORE INTO place VALUES (1, ?, ?)", &insert));
	sqlite3_bind_int64(insert, 1, (sqlite3_int64)seed);
	sqlite3_bind_int64(insert, 2, (sqlite3_int64)sample_of(seed));
	code = sqlite3_step(insert);
	sqlite3_finalize(insert);
	file->is_new = code == SQLITE_DONE && sqlite3_changes(file->database) > 0;
	return code == SQLITE_DONE ? OK : trouble_of(code);
}

static result read_place(struct quota_file *file)
{
	sqlite3_stmt *query;
	uint64_t sample = 0;
	int code;

	TRY(prepare(file, "SELECT seed, hash FROM place WHERE id = 1", &query));
	code = sqlite3_step(query);
	if (code == SQLITE_ROW) {
		file->seed = (uint64_t)sqlite3_column_int64(query, 0);
		sample = (uint64_t)sqlite3_column_int64(query, 1);
	}
	sqlite3_finalize(query);
	if (code != SQLITE_ROW)
		return trouble_of(code);
	if (sample != sample_of(file->seed))
		return error_make(ERROR_MALFORMED, "it was written by another version");
	return OK;
}

static result open_all(struct quota_file *file, const char *path, uint64_t seed)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
	int code = sqlite3_open_v2(path, &file->database, flags, NULL);

	if (code != SQLITE_OK)
		return trouble_of(code);
	sqlite3_busy_timeout(file->database, BUSY_MILLISECONDS);
	TRY(run(file, setup));
	TRY(insert_place(file, seed));
	TRY(read_place(file));
	return prepare(file,
		       "INSERT INTO counts VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET count = count + "
		       "excluded.count RETURNING count",
		       &file->add);
}

result quota_file_open(const char *path, uint64_t seed, struct quota_file **ret_file)
{
	struct quota_file *file = calloc(1, sizeof *file);
	result_value opened;

	ASSERT(file);
	opened = open_all(file, path, seed);
	if (failed(opened))
		quota_file_close(&file);
	*ret_file = file;
	return opened;
}

void quota_file_close(struct quota_file **address)
{
	struct quota_file *file = *address;

	*address = NULL;
	if (!file)
		return;
	sqlite3_finalize(file->add);
	sqlite3_close(file->database);
	free(file);
}

uint64_t quota_file_seed(const struct quota_file *file)
{
	return file->seed;
}

bool quota_file_is_new(const struct quota_file *file)
{
	return file->is_new;
}

bool quota_file_is_in_place(struct quota_file *file)
{
	int has_moved = 0;

	return sqlite3_file_control(file->database, "main", SQLITE_FCNTL_HAS_MOVED, &has_moved) !=
		       SQLITE_OK ||
	       !has_moved;
}

result quota_file_read(struct quota_file *file, int64_t now, quota_row_fn row, void *self)
{
	sqlite3_stmt *query;
	int code;

	TRY(prepare(file, "SELECT key, window, count FROM counts WHERE window > ?", &query));
	sqlite3_bind_int64(query, 1, now);
	while ((code = sqlite3_step(query)) == SQLITE_ROW)
		row(self, (uint64_t)sqlite3_column_int64(query, 0), sqlite3_column_int64(query, 1),
		    sqlite3_column_int64(query, 2));
	sqlite3_finalize(query);
	return code == SQLITE_DONE ? OK : trouble_of(code);
}

static result add_one(struct quota_file *file, const struct quota_change *change, int64_t *ret_total)
{
	sqlite3_stmt *add = file->add;
	int code;

	sqlite3_bind_int64(add, 1, (sqlite3_int64)change->key);
	sqlite3_bind_int64(add, 2, change->window);
	sqlite3_bind_int64(add, 3, change->delta);
	code = sqlite3_step(add);
	if (code == SQLITE_ROW) {
		*ret_total = sqlite3_column_int64(add, 0);
		code = sqlite3_step(add);
	}
	sqlite3_reset(add);
	return code == SQLITE_DONE ? OK : trouble_of(code);
}

static result add_all(struct quota_file *file, const struct quota_change *changes, size_t count,
		      int64_t *ret_totals)
{
	for (size_t i = 0; i < count; i++)
		TRY(add_one(file, &changes[i], &ret_totals[i]));
	return run(file, "COMMIT");
}

result quota_file_add(struct quota_file *file, const struct quota_change *changes, size_t count,
		      int64_t *ret_totals)
{
	result_value added;

	TRY(run(file, "BEGIN IMMEDIATE"));
	added = add_all(file, changes, count, ret_totals);
	if (failed(added)) {
		result_value undone = run(file, "ROLLBACK");

		(void)undone; /* done already, after some failures */
	}
	return added;
}

result quota_file_prune(struct quota_file *file, int64_t now)
{
	sqlite3_stmt *prune;
	int code;

	TRY(prepare(file, "DELETE FROM counts WHERE window <= ?", &prune));
	sqlite3_bind_int64(prune, 1, now - DAY_SECONDS);
	code = sqlite3_step(prune);
	sqlite3_finalize(prune);
	return code == SQLITE_DONE ? OK : trouble_of(code);
}
