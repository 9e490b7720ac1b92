/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client_identity: PEM to objects, and the digest that finds them.
 *
 * The system's authorities are parsed once for all identities that believe them, and again when the files
 * have changed: a folder of 140 certificates takes milliseconds and a megabyte.
 */
#include "tls/client_identity.h"

#include <dirent.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/assert.h"

enum { IDENTITIES_MAX = 65536, DIGEST_LEN = 32 };

/* What tells that the system's authorities are other ones. */
struct system_stamp {
	struct timespec changed[2];
	ino_t inode[2];
};

struct tls_client_identities {
	struct registry by_digest;
	pthread_mutex_t lock;
	/* Under the lock: of the call to get() under way. */
	const struct tls_client_options *options;
	enum tls_client_part wrong;
	/* The same for all who believe the system. */
	X509_STORE *system;
	struct system_stamp system_stamp;
};

/* ---- the system's authorities ---- */

static const char *system_path(const char *variable, const char *standard)
{
	const char *path = secure_getenv(variable);

	return path ? path : standard;
}

static const char *system_file(void)
{
	return system_path(X509_get_default_cert_file_env(), X509_get_default_cert_file());
}

static const char *system_folder(void)
{
	return system_path(X509_get_default_cert_dir_env(), X509_get_default_cert_dir());
}

static struct system_stamp system_stamp(void)
{
	const char *paths[] = { system_file(), system_folder() };
	struct system_stamp stamp;
	struct stat looks;

	memset(&stamp, 0, sizeof stamp); /* it is compared and digested whole */
	for (size_t i = 0; i < 2; i++) {
		if (stat(paths[i], &looks) != 0)
			continue;
		stamp.changed[i] = looks.st_ctim;
		stamp.inode[i] = looks.st_ino;
	}
	return stamp;
}

static bool has_entries(const char *path)
{
	DIR *folder = opendir(path);
	bool has_any = false;

	if (!folder)
		return false;
	for (const struct dirent *entry = readdir(folder); entry && !has_any; entry = readdir(folder))
		has_any = entry->d_name[0] != '.';
	closedir(folder);
	return has_any;
}

bool tls_client_has_system_authorities(void)
{
	struct stat looks;

	return (stat(system_file(), &looks) == 0 && looks.st_size > 0) || has_entries(system_folder());
}

/* A reference, the caller's. */
static X509_STORE *system_authorities(struct tls_client_identities *identities)
{
	struct system_stamp stamp = system_stamp();

	if (identities->system && memcmp(&stamp, &identities->system_stamp, sizeof stamp) != 0) {
		X509_STORE_free(identities->system);
		identities->system = NULL;
	}
	if (!identities->system) {
		identities->system = X509_STORE_new();
		ASSERT(identities->system);
		/* What cannot be read is not believed. */
		X509_STORE_set_default_paths(identities->system);
		identities->system_stamp = stamp;
		ERR_clear_error();
	}
	X509_STORE_up_ref(identities->system);
	return identities->system;
}

/* ---- parsing ---- */

static result wrong(struct tls_client_identities *identities, enum tls_client_part part, const char *why)
{
	identities->wrong = part;
	ERR_clear_error();
	return error_make(ERROR_INVALID, why);
}

static result parse_authorities(struct tls_client_identities *identities, X509_STORE **ret_store)
{
	bool is_damaged;
	STACK_OF(X509) *all = certificates_read(identities->options->ca, NULL, &is_damaged);

	if (!all || !sk_X509_num(all)) {
		sk_X509_free(all);
		return wrong(identities, TLS_CLIENT_CA, "no certificate in this file, or a damaged one");
	}
	*ret_store = X509_STORE_new();
	ASSERT(*ret_store);
	for (int i = 0; i < sk_X509_num(all); i++)
		X509_STORE_add_cert(*ret_store, sk_X509_value(all, i));
	sk_X509_pop_free(all, X509_free);
	return OK;
}

/* OpenSSL's security level refuses what is too weak to be a proof; better here than at each handshake. */
static result check_strength(struct tls_client_identities *identities,
			     const struct tls_client_identity *identity)
{
	const struct certificate *own = &identity->own;
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	bool is_good;

	ASSERT(context);
	ERR_clear_error();
	is_good = SSL_CTX_use_cert_and_key(context, own->leaf, own->key, own->chain, 1) == 1;
	SSL_CTX_free(context);
	return is_good ? OK
		       : wrong(identities, TLS_CLIENT_CERTIFICATE,
			       "the certificate is too weak: OpenSSL refuses to use it");
}

static result parse_own(struct tls_client_identities *identities, struct tls_client_identity *identity)
{
	const struct tls_client_options *options = identities->options;
	result_value parsed = certificate_init(&identity->own, NULL, options->certificate, options->key);

	if (failed(parsed))
		return wrong(identities,
			     identity->own.is_key_to_blame ? TLS_CLIENT_KEY : TLS_CLIENT_CERTIFICATE,
			     parsed.why);
	return check_strength(identities, identity);
}

static result parse(struct tls_client_identities *identities, struct tls_client_identity *identity)
{
	const struct tls_client_options *options = identities->options;

	if (!options->is_verified)
		identity->authorities = NULL;
	else if (options->ca.len)
		TRY(parse_authorities(identities, &identity->authorities));
	else
		identity->authorities = system_authorities(identities);
	return options->certificate.len ? parse_own(identities, identity) : OK;
}

/* ---- identities ---- */

static void identity_free(struct registered *registered)
{
	struct tls_client_identity *identity = (struct tls_client_identity *)registered;

	X509_STORE_free(identity->authorities);
	certificate_fini(&identity->own);
	free(identity);
}

static str put(char **room, str text)
{
	str copy = { *room, text.len };

	if (text.len)
		memcpy(*room, text.ptr, text.len);
	*room += text.len;
	return copy;
}

/* One piece of memory: the texts follow the struct. */
static result identity_make(void *owner, str digest, struct registered **ret_made)
{
	struct tls_client_identities *identities = owner;
	const struct tls_client_options *options = identities->options;
	struct tls_client_identity *identity =
		calloc(1, sizeof *identity + digest.len + options->server_name.len + options->protocols.len);
	char *room = (char *)(identity + 1);
	result_value parsed;

	ASSERT(identity);
	identity->registered.name = put(&room, digest);
	identity->server_name = put(&room, options->server_name);
	identity->protocols = put(&room, options->protocols);
	identity->is_verified = options->is_verified;
	identity->is_partial_chain_enough = options->ca.len > 0;
	parsed = parse(identities, identity);
	if (failed(parsed))
		identity_free(&identity->registered);
	else
		*ret_made = &identity->registered;
	return parsed;
}

/* Each with its length, so that no two sets of options run together to the same bytes. */
static void digest_put(EVP_MD_CTX *digest, str bytes)
{
	uint64_t len = bytes.len;

	EVP_DigestUpdate(digest, &len, sizeof len);
	EVP_DigestUpdate(digest, bytes.ptr, bytes.len);
}

static void digest_options(const struct tls_client_options *options, unsigned char *ret_digest)
{
	const str texts[] = { options->ca, options->certificate, options->key, options->server_name,
			      options->protocols };
	struct system_stamp stamp = system_stamp();
	EVP_MD_CTX *digest = EVP_MD_CTX_new();

	ASSERT(digest && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1);
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		digest_put(digest, texts[i]);
	digest_put(digest, options->is_verified ? STR("verified") : STR("believed"));
	if (options->is_verified && !options->ca.len)
		digest_put(digest, (str) { (const char *)&stamp, sizeof stamp });
	ASSERT(EVP_DigestFinal_ex(digest, ret_digest, NULL) == 1);
	EVP_MD_CTX_free(digest);
}

struct tls_client_identities *tls_client_identities_new(void)
{
	struct tls_client_identities *identities = calloc(1, sizeof *identities);

	ASSERT(identities);
	pthread_mutex_init(&identities->lock, NULL);
	registry_init(&identities->by_digest, IDENTITIES_MAX, identity_make, identity_free, identities);
	return identities;
}

void tls_client_identities_free(struct tls_client_identities **address)
{
	struct tls_client_identities *identities = *address;

	if (!identities)
		return;
	registry_fini(&identities->by_digest);
	pthread_mutex_destroy(&identities->lock);
	X509_STORE_free(identities->system);
	free(identities);
	*address = NULL;
}

result tls_client_identities_get(struct tls_client_identities *identities,
				 const struct tls_client_options *options, enum tls_client_part *ret_wrong,
				 struct tls_client_identity **ret_identity)
{
	unsigned char digest[DIGEST_LEN];
	struct registered *registered;
	result_value got;

	digest_options(options, digest);
	pthread_mutex_lock(&identities->lock);
	identities->options = options;
	got = registry_get(&identities->by_digest, (str) { (const char *)digest, sizeof digest },
			   &registered);
	*ret_wrong = identities->wrong;
	pthread_mutex_unlock(&identities->lock);
	*ret_identity = failed(got) ? NULL : (struct tls_client_identity *)registered;
	return got;
}

size_t tls_client_identities_count(struct tls_client_identities *identities)
{
	return registry_count(&identities->by_digest);
}

struct tls_client_identity *tls_client_identity_ref(struct tls_client_identity *identity)
{
	registered_ref(&identity->registered);
	return identity;
}

void tls_client_identity_unref(struct tls_client_identity **identity)
{
	if (*identity)
		registered_unref(&(*identity)->registered);
	*identity = NULL;
}
