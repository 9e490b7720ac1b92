/* SPDX-License-Identifier: Apache-2.0 */
/*
 * consumers: tables of the configuration and of files, asked one after the other.
 *
 * Each file has a table of its own, so that one that has changed is read again alone, and the others stay as
 * they are, in use by several generations at once. A consumer and all that is known of it live in its
 * table's arena; nothing is ever taken out of a table, which goes as a whole.
 *
 * Maps keep keys by their hash with a random seed, so that names which somebody chose with care do not fall
 * into one place.
 */
#include "auth/consumers.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "auth/password.h"
#include "auth/subject.h"
#include "base/assert.h"
#include "base/map.h"
#include "codec/http_field.h"

enum { GROUPS_MAX = 1000, KEYS_MAX = 100, CERTIFICATES_MAX = 100, LABELS_MAX = 100 };

static const struct field basic_fields[] = {
	FIELD_STR_REQUIRED(
		struct consumer_basic, password, "password",
		"The hash of its password, `$argon2id$...`, as `gatehouse password hash` prints it; its name "
		"is the consumer's. Others are taken up to `m=262144` (KiB), `p=4`, and 1048576 for `m` "
		"times `t`; by parameters that are not the usual `m=65536,t=3,p=1` the name can be told from "
		"those that nobody has."),
	FIELD_END
};

const struct field consumer_fields[] = {
	FIELD_STRS(struct consumer_config, groups, "groups", 0, GROUPS_MAX,
		   "The groups that it belongs to, for `authorize`."),
	FIELD_STRS(struct consumer_config, api_keys, "api_keys", 0, KEYS_MAX,
		   "Hashes of its API keys, `sha256:` and 64 hexadecimal digits, as `gatehouse key new` and "
		   "`gatehouse key hash` print them; never a key itself."),
	FIELD_OBJECT(struct consumer_config, basic, "basic", struct consumer_basic, basic_fields,
		     "How it is known by name and password."),
	FIELD_STRS(struct consumer_config, certificates, "certificates", 0, CERTIFICATES_MAX,
		   "The certificates that it may show: a subject, such as `CN=acme,O=Acme`, as `openssl x509 "
		   "-in cert.pem -noout -subject -nameopt RFC2253,-esc_msb` prints it, or one of its names, "
		   "`dns:NAME`, `uri:URI` or `email:ADDRESS`."),
	FIELD_PAIRS(struct consumer_config, labels, "labels", LABELS_MAX,
		    "What else is to be known of it, such as `plan: gold`."),
	FIELD_END
};

const char consumer_page[] =
	"\nA line of a file that `consumers_from` names is a JSON object with the same keys, and `name`:\n\n"
	"```json\n"
	"{\"name\": \"acme\", \"groups\": [\"partners\"], \"api_keys\": "
	"[\"sha256:2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683\"], \"labels\": "
	"{\"plan\": "
	"\"gold\"}}\n"
	"```\n\n"
	"To replace such a file, write another one beside it and rename that (`mv new.jsonl "
	"consumers.jsonl`), so "
	"that no half of it is ever read. While a file is wrong, or is not there, the consumers from before "
	"stay, "
	"and the log says why.\n";

/* What names and credentials lead to. */
enum { BY_NAME, BY_KEY, BY_CERTIFICATE, MAPS };

/* Written by one thread, before it is given to others; only the count of references changes later. */
struct consumer_table {
	struct arena arena;
	struct map maps[MAPS]; /* to struct consumer */
	size_t passwords;      /* how many have one */
	_Atomic uint32_t references;
};

struct consumers {
	_Atomic uint32_t references;
	size_t count;
	struct consumer_table *tables[];
};

/* Room is made ahead: a map that grows by doubling would, for a million of lines, copy another million. */
struct consumer_table *consumer_table_new(size_t expected)
{
	struct consumer_table *table = calloc(1, sizeof *table);

	ASSERT(table);
	arena_init(&table->arena, NULL, SIZE_MAX / 2);
	for (size_t i = 0; i < MAPS; i++)
		map_init(&table->maps[i], &table->arena, CONSUMERS_MAX);
	map_reserve(&table->maps[BY_NAME], expected);
	map_reserve(&table->maps[BY_KEY], expected);
	atomic_init(&table->references, 1);
	return table;
}

struct consumer_table *consumer_table_ref(struct consumer_table *table)
{
	atomic_fetch_add_explicit(&table->references, 1, memory_order_relaxed);
	return table;
}

void consumer_table_unref(struct consumer_table **address)
{
	struct consumer_table *table = *address;

	*address = NULL;
	if (!table || atomic_fetch_sub_explicit(&table->references, 1, memory_order_acq_rel) != 1)
		return;
	arena_fini(&table->arena);
	free(table);
}

/* ---- one consumer ---- */

static struct operand text_of(struct arena *arena, str text)
{
	return (struct operand) { .kind = OPERAND_STRING, .text = arena_str(arena, text) };
}

/* As the values of conditions are: `authorize` and `${consumer.groups}` look at them where they lie. */
static struct operand copy_groups(struct arena *arena, const str_list *groups)
{
	struct operand *at = ARENA_ARRAY(arena, struct operand, groups->len);

	for (size_t i = 0; i < groups->len; i++)
		at[i] = text_of(arena, groups->at[i]);
	return (struct operand) { .kind = OPERAND_LIST, .list = { at, groups->len } };
}

struct labels {
	size_t count;
	struct {
		str name;
		struct operand value;
	} at[];
};

/* One by one: there are a hundred at most, and few as a rule. */
static bool find_label(const void *self, str name, struct operand *ret_value)
{
	const struct labels *labels = self;

	for (size_t i = 0; i < labels->count; i++)
		if (str_eq(labels->at[i].name, name)) {
			*ret_value = labels->at[i].value;
			return true;
		}
	return false;
}

static struct operand copy_labels(struct arena *arena, const struct pair_list *pairs)
{
	struct labels *labels = arena_alloc(arena, sizeof *labels + pairs->len * sizeof *labels->at);

	for (size_t i = 0; i < pairs->len; i++) {
		labels->at[i].name = arena_str(arena, pairs->at[i].name);
		labels->at[i].value = text_of(arena, pairs->at[i].value);
	}
	labels->count = pairs->len;
	return (struct operand) { .kind = OPERAND_MAP, .map = { find_label, labels } };
}

static result mistake(struct consumer_mistake *ret_mistake, const char *key, size_t index, const char *why)
{
	*ret_mistake = (struct consumer_mistake) { key, index, why };
	return error_make(ERROR_INVALID, why);
}

/* Groups are forwarded as a list with commas. */
static result check_groups(const str_list *groups, struct consumer_mistake *ret_mistake)
{
	size_t at;

	for (size_t i = 0; i < groups->len; i++) {
		if (!http_is_field_value(groups->at[i]))
			return mistake(ret_mistake, "groups", i, "want no control characters");
		if (str_find(groups->at[i], ',', &at))
			return mistake(ret_mistake, "groups", i,
				       "want no comma, which is between groups where they are forwarded");
	}
	return OK;
}

/* What is forwarded in a field must be able to stand there: the right key would be answered with 400. */
static result check_texts(const struct consumer_config *config, struct consumer_mistake *ret_mistake)
{
	const struct pair_list *labels = &config->labels;

	if (!http_is_field_value(config->entry.name))
		return mistake(ret_mistake, "", 0, "want a name without control characters");
	for (size_t i = 0; i < labels->len; i++)
		if (!http_is_field_value(labels->at[i].name) || !http_is_field_value(labels->at[i].value))
			return mistake(ret_mistake, "labels", i, "want no control characters");
	return check_groups(&config->groups, ret_mistake);
}

/* ---- credentials ---- */

/* By the digest's bytes, not its text: so the same key is the same however it was written. A consumer who
 * is added with a key that is somebody else's would be taken for him, so that is a mistake. */
static result add_keys(struct consumer_table *table, struct consumer *consumer, const str_list *keys,
		       struct consumer_mistake *ret_mistake)
{
	for (size_t i = 0; i < keys->len; i++) {
		unsigned char digest[SHA256_LEN];
		str key = { (const char *)digest, sizeof digest };

		if (!sha256_parse(keys->at[i], digest))
			return mistake(
				ret_mistake, "api_keys", i,
				"want sha256: and 64 hexadecimal digits, the hash of a key: see `gatehouse "
				"key hash`");
		if (map_get(&table->maps[BY_KEY], key) == consumer)
			return mistake(ret_mistake, "api_keys", i, "this key stands twice");
		if (!map_add(&table->maps[BY_KEY], arena_str(&table->arena, key), consumer))
			return mistake(ret_mistake, "api_keys", i, "this key is somebody's already");
	}
	return OK;
}

/* Names with a kind in front are those that a certificate may bear (RFC 5280 section 4.2.1.6). */
static bool has_kind(str text)
{
	return str_starts(text, STR("dns:")) || str_starts(text, STR("uri:")) ||
	       str_starts(text, STR("email:"));
}

/* All without a kind must look like a subject of RFC 4514. One with slashes, as OpenSSL prints it for old
 * times' sake, would match nobody. */
static const char *certificate_wrong(str text)
{
	char between = has_kind(text) ? ':' : '=';
	str kind, value;

	if (str_starts(text, STR("/")))
		return "want the subject as RFC 4514 has it, the last part first, such as "
		       "CN=acme,O=Acme,C=DE: "
		       "`openssl x509 -in cert.pem -noout -subject -nameopt RFC2253,-esc_msb` prints it";
	if (str_starts(text, STR("subject=")))
		return "leave `subject=` out: openssl prints it before the subject";
	if (!str_cut(text, between, &kind, &value) || !kind.len || !value.len)
		return "want a subject such as CN=acme,O=Acme, or dns:NAME, uri:URI or email:ADDRESS";
	return NULL;
}

static result add_certificates(struct consumer_table *table, struct consumer *consumer, const str_list *names,
			       struct consumer_mistake *ret_mistake)
{
	for (size_t i = 0; i < names->len; i++) {
		str name = has_kind(names->at[i]) ? arena_str(&table->arena, names->at[i])
						  : subject_normalise(&table->arena, names->at[i]);
		const char *wrong = certificate_wrong(name);

		if (!wrong && map_get(&table->maps[BY_CERTIFICATE], name) == consumer)
			wrong = "this certificate stands twice";
		if (!wrong && !map_add(&table->maps[BY_CERTIFICATE], name, consumer))
			wrong = "this certificate is somebody's already";
		if (wrong)
			return mistake(ret_mistake, "certificates", i, wrong);
	}
	return OK;
}

static const char *password_wrong(str hash)
{
	if (password_hash_is_good(hash))
		return NULL;
	if (str_starts(hash, STR("$")) && !str_starts(hash, STR("$argon2id$")))
		return "only Argon2id is taken, $argon2id$..., no other kind of hash: `gatehouse password "
		       "hash` "
		       "makes one of the password";
	if (str_starts(hash, STR("$argon2id$")))
		return "want $argon2id$v=19$m=M,t=T,p=P$SALT$HASH with P at most 4, M at least 8 "
		       "times P and at most 262144, and M times T at most 1048576: `gatehouse password hash` "
		       "makes one";
	return "want the hash of a password, $argon2id$...: see `gatehouse password hash`";
}

static result add_password(struct consumer_table *table, struct consumer *consumer, str password,
			   struct consumer_mistake *ret_mistake)
{
	const char *wrong = password.len ? password_wrong(password) : NULL;
	size_t colon;

	if (wrong)
		return mistake(ret_mistake, "basic", 0, wrong);
	if (password.len && str_find(consumer->name, ':', &colon))
		return mistake(ret_mistake, "", 0,
			       "want a name without a colon, at which the name ends where it is sent with a "
			       "password (RFC 7617)");
	consumer->password = arena_str(&table->arena, password);
	table->passwords += password.len > 0;
	return OK;
}

/* Whoever has one mistake never puts the table into force. */
result consumer_table_add(struct consumer_table *table, const struct consumer_config *config,
			  struct consumer_mistake *ret_mistake)
{
	struct arena *arena = &table->arena;
	struct consumer *consumer = ARENA_NEW(arena, struct consumer);

	TRY(check_texts(config, ret_mistake));
	*consumer = (struct consumer) { .name = arena_str(arena, config->entry.name),
					.groups = copy_groups(arena, &config->groups),
					.labels = copy_labels(arena, &config->labels) };
	if (!map_add(&table->maps[BY_NAME], consumer->name, consumer))
		return mistake(ret_mistake, "", 0, "another consumer has this name");
	TRY(add_password(table, consumer, config->basic.password, ret_mistake));
	TRY(add_keys(table, consumer, &config->api_keys, ret_mistake));
	return add_certificates(table, consumer, &config->certificates, ret_mistake);
}

/* ---- of a configuration ---- */

/* At the very item of the list, so that the line in the message is that of the mistake. */
static void report(struct reader *reader, const struct consumer_config *config,
		   const struct consumer_mistake *mistake)
{
	const struct node *node = node_find(config->entry.node, str_of(mistake->key));
	const struct node *item = node ? node->first : NULL;

	for (size_t i = 0; item && i < mistake->index; i++)
		item = item->next;
	diagnostic_error(reader->diagnostics,
			 item   ? item
			 : node ? node
				: config->entry.node,
			 "%s", mistake->why);
}

/* Whoever tries a name and waits would learn that it is somebody's. */
static void warn_of_password(struct reader *reader, const struct consumer_config *config)
{
	const struct node *basic = node_find(config->entry.node, STR("basic"));

	if (config->basic.password.len && !password_hash_is_usual(config->basic.password))
		diagnostic_warning(
			reader->diagnostics, node_find(basic, STR("password")),
			"whoever waits for the answer can tell this name from those that nobody has, "
			"which take as long as m=65536,t=3,p=1: see `gatehouse password hash`");
}

/* As `openssl x509 -subject` prints it unless it is told otherwise: it would match nobody. */
static void warn_of_certificates(struct reader *reader, const struct consumer_config *config)
{
	const struct node *list = node_find(config->entry.node, STR("certificates"));

	for (const struct node *item = list ? list->first : NULL; item; item = item->next) {
		str subject = subject_normalise(reader->arena, item->text), turned;

		if (has_kind(item->text) || str_starts(subject, STR("CN=")))
			continue;
		turned = subject_turn(reader->arena, subject);
		if (str_starts(turned, STR("CN=")))
			diagnostic_warning(reader->diagnostics, item,
					   "RFC 4514 writes the most specific part first: %.*s",
					   STR_ARG(turned));
	}
}

void consumer_table_compile(struct consumer_table *table, struct reader *reader,
			    const struct consumer_config *configs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct consumer_mistake mistake;

		if (failed(consumer_table_add(table, &configs[i], &mistake))) {
			report(reader, &configs[i], &mistake);
		} else {
			warn_of_password(reader, &configs[i]);
			warn_of_certificates(reader, &configs[i]);
		}
	}
}

/* ---- all of them ---- */

struct consumers *consumers_new(struct consumer_table *const *tables, size_t count)
{
	struct consumers *consumers = calloc(1, sizeof *consumers + count * sizeof *consumers->tables);

	ASSERT(consumers);
	atomic_init(&consumers->references, 1);
	consumers->count = count;
	for (size_t i = 0; i < count; i++)
		consumers->tables[i] = consumer_table_ref(tables[i]);
	return consumers;
}

/* Whatever the one leads to, the other must not. The smaller is gone through. */
static const struct consumer *find_clash(const struct map *a, const struct map *b)
{
	const struct map *small = a->count < b->count ? a : b, *large = small == a ? b : a;

	for (size_t i = 0; small->count && i <= small->mask; i++)
		if (small->slots[i].value && map_get(large, small->slots[i].key))
			return small->slots[i].value;
	return NULL;
}

bool consumers_clash(const struct consumers *consumers, struct consumer_clash *ret_clash)
{
	for (size_t i = 0; i < consumers->count; i++)
		for (size_t j = 0; j < i; j++)
			for (size_t by = 0; by < MAPS; by++) {
				const struct consumer *both = find_clash(&consumers->tables[i]->maps[by],
									 &consumers->tables[j]->maps[by]);

				*ret_clash = (struct consumer_clash) { both ? both->name : STR(""), j, i };
				if (both)
					return true;
			}
	return false;
}

struct consumers *consumers_ref(struct consumers *consumers)
{
	atomic_fetch_add_explicit(&consumers->references, 1, memory_order_relaxed);
	return consumers;
}

/* The tables may live on in another generation, or in what is remembered of files. */
void consumers_unref(struct consumers **address)
{
	struct consumers *consumers = *address;

	*address = NULL;
	if (!consumers || atomic_fetch_sub_explicit(&consumers->references, 1, memory_order_acq_rel) != 1)
		return;
	for (size_t i = 0; i < consumers->count; i++)
		consumer_table_unref(&consumers->tables[i]);
	free(consumers);
}

/* ---- finding ---- */

size_t consumers_bytes(const struct consumers *consumers)
{
	size_t bytes = 0;

	for (size_t i = 0; i < consumers->count; i++)
		bytes += consumers->tables[i]->arena.used;
	return bytes;
}

size_t consumers_count(const struct consumers *consumers)
{
	size_t count = 0;

	for (size_t i = 0; i < consumers->count; i++)
		count += consumers->tables[i]->maps[BY_NAME].count;
	return count;
}

bool consumers_are_written(const struct consumers *consumers)
{
	return consumers->count == 1;
}

/* Of the tables the first is the configuration's. */
bool consumers_lack(const struct consumers *consumers, enum consumer_credential credential)
{
	const struct consumer_table *own = consumers->tables[0];
	const size_t counts[] = { [CONSUMER_KEY] = own->maps[BY_KEY].count,
				  [CONSUMER_CERTIFICATE] = own->maps[BY_CERTIFICATE].count,
				  [CONSUMER_PASSWORD] = own->passwords };

	return consumers_are_written(consumers) && !counts[credential];
}

size_t consumers_count_of(const struct consumers *consumers, size_t table)
{
	return consumers->tables[table]->maps[BY_NAME].count;
}

/* The cursor counts the slots of all tables, one after the other. */
const struct consumer *consumers_next(const struct consumers *consumers, size_t *cursor)
{
	size_t first = 0;

	for (size_t i = 0; i < consumers->count; i++) {
		const struct map *map = &consumers->tables[i]->maps[BY_NAME];
		size_t slots = map->slots ? map->mask + 1 : 0;

		while (*cursor - first < slots) {
			const struct consumer *consumer = map->slots[(*cursor)++ - first].value;

			if (consumer)
				return consumer;
		}
		first += slots;
	}
	return NULL;
}

/* The first table that knows it: consumers_clash() has seen to it that there is only one. */
static const struct consumer *find(const struct consumers *consumers, size_t by, str key)
{
	const struct consumer *found = NULL;

	for (size_t i = 0; consumers && i < consumers->count && !found; i++)
		found = map_get(&consumers->tables[i]->maps[by], key);
	return found;
}

const struct consumer *consumers_find(const struct consumers *consumers, str name)
{
	return find(consumers, BY_NAME, name);
}

const struct consumer *consumers_find_key(const struct consumers *consumers,
					  const unsigned char digest[SHA256_LEN])
{
	return find(consumers, BY_KEY, (str) { (const char *)digest, SHA256_LEN });
}

const struct consumer *consumers_find_certificate(const struct consumers *consumers, str subject,
						  const str_list *names)
{
	const struct consumer *found = subject.len ? find(consumers, BY_CERTIFICATE, subject) : NULL;

	for (size_t i = 0; i < names->len && !found; i++)
		found = find(consumers, BY_CERTIFICATE, names->at[i]);
	return found;
}
