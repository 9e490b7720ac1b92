/* SPDX-License-Identifier: Apache-2.0 */
/*
 * consumers: all that a configuration knows, found by name, by API key or by certificate.
 *
 * Built once and read by all workers; a look-up costs the same with ten of them as with a million.
 * Credentials are here as hashes only.
 */
#pragma once

#include "auth/consumer.h"
#include "base/arena.h"
#include "base/result.h"
#include "codec/sha256.h"
#include "config/field.h"

enum { CONSUMERS_MAX = 10 * 1000 * 1000 };

struct consumer_basic {
	str password;
};

/* One as it stands in the configuration, under `consumers`. */
struct consumer_config {
	struct entry entry;
	str_list groups, api_keys;
	struct consumer_basic basic;
	str_list certificates;
	struct pair_list labels;
};

extern const struct field consumer_fields[];

extern const char consumer_page[];
/* For the manual: what the options alone do not say. */

/* What of a consumer is wrong. */
struct consumer_mistake {
	const char *key; /* of consumer_config's keys; "" for the name */
	size_t index;    /* in its list */
	const char *why;
};

/* ---- one source of them: the configuration, or a file ---- */

struct consumer_table;

struct consumer_table *consumer_table_new(size_t expected);
/* Empty. expected: how many there will be, about. The caller has a reference. */

struct consumer_table *consumer_table_ref(struct consumer_table *table);
void consumer_table_unref(struct consumer_table **table);
/* From any thread. Clears the address, accepts NULL. */

result consumer_table_add(struct consumer_table *table, const struct consumer_config *config,
			  struct consumer_mistake *ret_mistake);
/* While nobody else has it. Everything is copied. ERROR_INVALID: something is wrong, or is another's already;
 * ret_mistake has the first of it, and the table is of no use any more. */

void consumer_table_compile(struct consumer_table *table, struct reader *reader,
			    const struct consumer_config *configs, size_t count);
/* All of a configuration's; what is wrong is reported at its place. */

/* ---- all of them ---- */

struct consumers;

struct consumers *consumers_new(struct consumer_table *const *tables, size_t count);
/* Takes references. The caller has one to what is made. */

/* Somebody who is, or whose credential is, in two tables. */
struct consumer_clash {
	str name;
	size_t one, other; /* tables; one is before the other */
};

bool consumers_clash(const struct consumers *consumers, struct consumer_clash *ret_clash);
/* Whether there is one: the first of them. */

struct consumers *consumers_ref(struct consumers *consumers);
void consumers_unref(struct consumers **consumers);
/* From any thread. Clears the address, accepts NULL. */

size_t consumers_count(const struct consumers *consumers);
size_t consumers_count_of(const struct consumers *consumers, size_t table);
/* All, and those of one table. */

size_t consumers_bytes(const struct consumers *consumers);
/* Memory that they take. */

enum consumer_credential { CONSUMER_KEY, CONSUMER_CERTIFICATE, CONSUMER_PASSWORD };

bool consumers_lack(const struct consumers *consumers, enum consumer_credential credential);
/* Nobody has one of that kind, and no file could bring somebody who has. */

bool consumers_are_written(const struct consumers *consumers);
/* All stand in the configuration: no file could bring somebody. */

const struct consumer *consumers_next(const struct consumers *consumers, size_t *cursor);
/* All of them, in no order, from a cursor of 0 on. NULL at the end. */

const struct consumer *consumers_find(const struct consumers *consumers, str name);
const struct consumer *consumers_find_key(const struct consumers *consumers,
					  const unsigned char digest[SHA256_LEN]);
/* By SHA-256 of its API key. */

const struct consumer *consumers_find_certificate(const struct consumers *consumers, str subject,
						  const str_list *names);
/* By the subject (RFC 4514), else by the first of the names ("dns:...", "uri:...", "email:...") that somebody
 * has. All three: NULL where nobody is found; as long as the consumers. consumers may be NULL, and has nobody
 * then. */
