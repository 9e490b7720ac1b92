/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries become offers (certificates read), offers that share a name become a choice, and each choice is an
 * SSL_CTX. Names point to choices.
 */
#include "tls/server_context.h"

#include <openssl/err.h>
#include <stdlib.h>

#include "base/assert.h"
#include "codec/host.h"
#include "tls/peer.h"
#include "tls/server_private.h"

enum {
	ARENA_MAX = 256 * 1024 * 1024,
	NAMES_MAX = 1024 * 1024,
	DEPTH = 4,
	TICKETS = 1,    /* after a full handshake of TLS 1.3: each costs a tenth of it, and it is renewed when
			   used */
	OFFERS_MAX = 4, /* of one name: RSA, RSA-PSS, ECDSA, Ed25519 */
};

/* RFC 9325 sections 4.1 and 4.2: forward secrecy and AEAD only. AES with 128 bits first, as it costs least;
 * who prefers ChaCha20 has no AES in hardware and gets it. */
static const char ciphers_12[] = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
				 "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
				 "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
static const char ciphers_13[] = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
static const char groups[] = "X25519:P-256:P-384";
static const char signatures[] =
	"ECDSA+SHA256:ed25519:RSA-PSS+SHA256:ECDSA+SHA384:RSA-PSS+SHA384:ECDSA+SHA512:"
	"RSA-PSS+SHA512:RSA+SHA256:RSA+SHA384:RSA+SHA512";

static bool digest(const struct tls_server_context *context, const str *parts, size_t count,
		   unsigned char out[TLS_BINDING])
{
	EVP_MD_CTX *state = EVP_MD_CTX_new();
	bool is_done = state && EVP_DigestInit_ex2(state, context->digest, NULL);

	for (size_t i = 0; i < count && is_done; i++) {
		uint64_t len = parts[i].len; /* so that no two lists of parts are the same bytes */

		is_done = EVP_DigestUpdate(state, &len, sizeof len) &&
			  EVP_DigestUpdate(state, parts[i].ptr, parts[i].len);
	}
	is_done = is_done && EVP_DigestFinal_ex(state, out, NULL);
	EVP_MD_CTX_free(state);
	return is_done;
}

/* ---- policies ---- */

static result trust_add_authority(struct tls_trust *trust, X509 *authority)
{
	X509_NAME *name = X509_NAME_dup(X509_get_subject_name(authority));

	if (name && X509_STORE_add_cert(trust->store, authority) &&
	    sk_X509_NAME_push(trust->authorities, name))
		return OK;
	X509_NAME_free(name);
	return error_make(ERROR_SYSTEM, "no memory for the certificates in client_ca");
}

static result trust_read(struct tls_trust *trust, OSSL_LIB_CTX *library, str authorities)
{
	bool is_damaged;
	STACK_OF(X509) *all = certificates_read(authorities, library, &is_damaged);
	result_value added = OK;

	if (!all)
		return is_damaged ? error_make(ERROR_MALFORMED, "a certificate in client_ca is damaged")
				  : error_make(ERROR_SYSTEM, "no memory for the certificates in client_ca");
	if (!sk_X509_num(all))
		added = error_make(ERROR_MALFORMED, "no certificate in client_ca");
	for (int i = 0; i < sk_X509_num(all) && !failed(added); i++)
		added = trust_add_authority(trust, sk_X509_value(all, i));
	sk_X509_pop_free(all, X509_free);
	return added;
}

static result trust_open(struct tls_trust *trust, OSSL_LIB_CTX *library, str authorities)
{
	if (trust->demand == TLS_DEMAND_NONE)
		return OK;
	if (!authorities.len)
		return error_make(ERROR_INVALID, "client certificates are asked for without client_ca");
	trust->store = X509_STORE_new();
	trust->authorities = sk_X509_NAME_new_null();
	ASSERT(trust->store && trust->authorities);
	return trust_read(trust, library, authorities);
}

static result trust_find(struct tls_server_context *context, const struct tls_entry *entry, str listener,
			 struct tls_trust **ret_trust)
{
	struct tls_trust *trust = ARENA_NEW(&context->arena, struct tls_trust);
	bool is_asked = entry->client_certificate != TLS_DEMAND_NONE;
	unsigned char hash[TLS_BINDING];

	trust->demand = entry->client_certificate;
	trust->minimum = entry->minimum;
	trust->depth = entry->depth && is_asked ? entry->depth : DEPTH;
	if (!digest(context,
		    (str[]) { { (char *)&trust->demand, sizeof trust->demand },
			      { (char *)&trust->minimum, sizeof trust->minimum },
			      { (char *)&trust->depth, sizeof trust->depth },
			      is_asked ? entry->client_ca : (str) { 0 } },
		    4, hash) ||
	    !digest(context, (str[]) { listener, { (char *)hash, sizeof hash } }, 2, trust->binding))
		return error_make(ERROR_SYSTEM, "OpenSSL cannot hash");
	memcpy(&trust->policy, hash, sizeof trust->policy);
	for (struct tls_trust *known = context->trusts; known; known = known->next)
		if (memcmp(known->binding, trust->binding, TLS_BINDING) == 0) {
			*ret_trust = known;
			return OK;
		}
	trust->next = context->trusts;
	context->trusts = *ret_trust = trust;
	return trust_open(trust, context->library, entry->client_ca);
}

/* ---- choices ---- */

static bool use_offer(SSL_CTX *ssl, const struct tls_offer *offer)
{
	const struct certificate *certificate = &offer->certificate;

	return SSL_CTX_use_cert_and_key(ssl, certificate->leaf, certificate->key, certificate->chain, 1);
}

static result choice_certificates(struct tls_choice *choice)
{
	ERR_clear_error();
	for (size_t i = 0; i < choice->count; i++) {
		int reason;

		if (use_offer(choice->ssl, choice->offers[i]))
			continue;
		reason = ERR_GET_REASON(ERR_peek_error());
		ERR_clear_error();
		if (reason == SSL_R_EE_KEY_TOO_SMALL)
			return error_make(ERROR_INVALID,
					  "the key of the certificate is too small to be safe");
		if (reason == SSL_R_CA_MD_TOO_WEAK || reason == SSL_R_CA_KEY_TOO_SMALL)
			return error_make(ERROR_INVALID,
					  "the chain of the certificate is too weak to be safe");
		return error_make(ERROR_INVALID, "the certificate cannot be used for TLS");
	}
	return OK;
}

static bool choice_settings(const struct tls_choice *choice)
{
	SSL_CTX *ssl = choice->ssl;
	bool has_tickets = choice->context->has_tickets;

	SSL_CTX_set_options(ssl, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
					 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
					 (has_tickets ? 0 : SSL_OP_NO_TICKET));
	/* The chain is sent as it stands in the file, and not sought anew in each handshake. */
	SSL_CTX_set_mode(ssl, SSL_MODE_NO_AUTO_CHAIN);
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_timeout(ssl, TICKET_LIFETIME);
	return SSL_CTX_set_min_proto_version(ssl, choice->trust->minimum) &&
	       SSL_CTX_set_max_proto_version(ssl, TLS1_3_VERSION) &&
	       SSL_CTX_set_cipher_list(ssl, ciphers_12) && SSL_CTX_set_ciphersuites(ssl, ciphers_13) &&
	       SSL_CTX_set1_groups_list(ssl, groups) && SSL_CTX_set1_sigalgs_list(ssl, signatures) &&
	       SSL_CTX_set_num_tickets(ssl, has_tickets ? TICKETS : 0) &&
	       SSL_CTX_set_session_id_context(ssl, choice->trust->binding, TLS_BINDING);
}

static bool choice_authorities(const struct tls_choice *choice)
{
	STACK_OF(X509_NAME) * names;

	if (!choice->trust->store)
		return true;
	names = SSL_dup_CA_list(choice->trust->authorities);
	SSL_CTX_set1_cert_store(choice->ssl, choice->trust->store);
	SSL_CTX_set_client_CA_list(choice->ssl, names);
	return names != NULL;
}

static result choice_new(struct tls_server_context *context, struct tls_offer *const *offers, size_t count,
			 struct tls_choice **ret_choice)
{
	struct tls_choice *choice = ARENA_NEW(&context->arena, struct tls_choice);

	*choice = (struct tls_choice) { .next = context->choices,
					.context = context,
					.trust = offers[0]->trust,
					.offers = offers,
					.count = count };
	context->choices = *ret_choice = choice;
	choice->ssl = SSL_CTX_new_ex(context->library, NULL, TLS_server_method());
	if (!choice->ssl || !choice_settings(choice) || !choice_authorities(choice)) {
		ERR_clear_error();
		return error_make(ERROR_SYSTEM, "OpenSSL does not take the settings of TLS");
	}
	tls_server_hello_install(choice);
	return choice_certificates(choice);
}

/* ---- names ---- */

/* The offers of one name, in the entries' order. */
struct holders {
	str name;
	struct holders *next;
	struct tls_offer *at[OFFERS_MAX];
	size_t count;
};

static bool has_type(const struct holders *holders, const struct tls_offer *offer)
{
	for (size_t i = 0; i < holders->count; i++)
		if (EVP_PKEY_get_base_id(holders->at[i]->certificate.key) ==
		    EVP_PKEY_get_base_id(offer->certificate.key))
			return true;
	return false;
}

/* Of two with the same type of key the first one counts. */
static result holders_add(struct holders *holders, struct tls_offer *offer)
{
	if (holders->count && holders->at[0]->trust != offer->trust)
		return error_make(ERROR_INVALID, "a name of this certificate has another TLS policy already");
	if (holders->count < OFFERS_MAX && !has_type(holders, offer))
		holders->at[holders->count++] = offer;
	return OK;
}

static result collect(struct tls_server_context *context, struct map *by_name, struct holders ***last,
		      struct tls_offer *offer)
{
	for (size_t i = 0; i < offer->names.len; i++) {
		struct holders *holders = map_get(by_name, offer->names.at[i]);

		if (!holders) {
			holders = ARENA_NEW(&context->arena, struct holders);
			holders->name = offer->names.at[i];
			if (!map_add(by_name, holders->name, holders))
				return error_make(ERROR_LIMIT, "too many names in certificates");
			**last = holders;
			*last = &holders->next;
		}
		TRY(holders_add(holders, offer));
	}
	return OK;
}

static result choice_find(struct tls_server_context *context, struct map *by_offers,
			  struct tls_offer *const *offers, size_t count, struct tls_choice **ret_choice)
{
	str key = { (const char *)offers, count * sizeof *offers };

	*ret_choice = map_get(by_offers, key);
	if (*ret_choice)
		return OK;
	TRY(choice_new(context, offers, count, ret_choice));
	ASSERT(map_add(by_offers, key, *ret_choice));
	return OK;
}

static result index_names(struct tls_server_context *context, const struct holders *first,
			  struct map *by_offers, size_t *ret_entry)
{
	struct tls_offer **alone = ARENA_NEW(&context->arena, struct tls_offer *);
	struct tls_choice *choice;

	map_init(&context->names, &context->arena, NAMES_MAX);
	for (const struct holders *holders = first; holders; holders = holders->next) {
		*ret_entry = (size_t)(holders->at[0] - context->offers);
		TRY(choice_find(context, by_offers, holders->at, holders->count, &choice));
		if (holders == first && holders->at[0] == &context->offers[0])
			context->fallback = choice;
		ASSERT(map_add(&context->names, holders->name, choice));
	}
	*ret_entry = 0;
	if (context->fallback)
		return OK;
	*alone = &context->offers[0]; /* it has no name at all */
	return choice_find(context, by_offers, alone, 1, &context->fallback);
}

static const char *last_label(const char *at, const char *end)
{
	const char *dot = memchr(at, '.', (size_t)(end - at));

	return dot ? dot + 1 : end;
}

struct tls_choice *tls_server_context_find(const struct tls_server_context *context, str host,
					   bool *ret_is_known)
{
	char text[2 + HOST_LEN_MAX];
	char *name = text + 2, *end = name + host.len;
	struct tls_choice *found = NULL;

	*ret_is_known = false;
	if (!host.len || host.len > HOST_LEN_MAX)
		return context->fallback;
	for (size_t i = 0; i < host.len; i++)
		name[i] = ascii_lower(host.ptr[i]);
	if (end[-1] == '.')
		end--;
	found = map_get(&context->names, (str) { name, (size_t)(end - name) });
	/* "*." is written over what is in front of each further label. */
	for (const char *at = name; !found && (at = last_label(at, end)) < end;) {
		size_t from = (size_t)(at - text) - 2;

		text[from] = '*';
		found = map_get(&context->names, (str) { text + from, (size_t)(end - text) - from });
	}
	*ret_is_known = found != NULL;
	return found ? found : context->fallback;
}

/* ---- the whole ---- */

static result offer_read(struct tls_server_context *context, const struct tls_server_options *options,
			 size_t i)
{
	struct tls_offer *offer = &context->offers[i];
	const struct tls_entry *entry = &options->entries[i];

	offer->entry = entry;
	TRY(certificate_init(&offer->certificate, context->library, entry->certificate, entry->key));
	context->count = i + 1; /* to be finished */
	offer->staple = arena_str(&context->arena, entry->staple);
	TRY(trust_find(context, entry, options->listener, &offer->trust));
	if (!entry->names.len) {
		offer->names = certificate_names(&offer->certificate, &context->arena);
	} else {
		str *names = ARENA_ARRAY(&context->arena, str, entry->names.len);

		for (size_t n = 0; n < entry->names.len; n++)
			names[n] = arena_str(&context->arena, entry->names.at[n]);
		offer->names = (str_list) { names, entry->names.len };
	}
	if (!offer->names.len && i)
		return error_make(ERROR_INVALID, "the certificate has no name that a client could ask for");
	return OK;
}

static str protocols_text(struct arena *arena, str_list protocols)
{
	struct buf text = arena_open(arena, protocols.len * 256);

	for (size_t i = 0; i < protocols.len; i++) {
		ASSERT(protocols.at[i].len && protocols.at[i].len < 256);
		buf_put_char(&text, (char)protocols.at[i].len);
		buf_put(&text, protocols.at[i]);
	}
	return arena_close(arena, &text);
}

static result build(struct tls_server_context *context, const struct tls_server_options *options,
		    size_t *ret_entry)
{
	struct map by_name, by_offers;
	struct holders *first = NULL, **last = &first;

	map_init(&by_name, &context->arena, NAMES_MAX);
	map_init(&by_offers, &context->arena, NAMES_MAX);
	context->offers = ARENA_ARRAY(&context->arena, struct tls_offer, options->count);
	for (size_t i = 0; i < options->count; i++) {
		*ret_entry = i;
		TRY(offer_read(context, options, i));
		TRY(collect(context, &by_name, &last, &context->offers[i]));
	}
	return index_names(context, first, &by_offers, ret_entry);
}

static void context_unref(struct tls_server_context *context)
{
	if (--context->references)
		return;
	for (struct tls_choice *choice = context->choices; choice; choice = choice->next)
		SSL_CTX_free(choice->ssl);
	for (size_t i = 0; i < context->count; i++)
		certificate_fini(&context->offers[i].certificate);
	for (struct tls_trust *trust = context->trusts; trust; trust = trust->next) {
		X509_STORE_free(trust->store);
		sk_X509_NAME_pop_free(trust->authorities, X509_NAME_free);
	}
	ticket_reader_fini(&context->tickets);
	EVP_MD_free(context->digest);
	EVP_CIPHER_free(context->cipher);
	arena_fini(&context->arena);
	free(context);
}

static struct tls_server_context *context_alloc(const struct tls_server_options *options)
{
	struct tls_server_context *context = calloc(1, sizeof *context);

	ASSERT(context);
	context->references = 1;
	arena_init(&context->arena, NULL, ARENA_MAX);
	context->library = options->library;
	context->digest = EVP_MD_fetch(options->library, "SHA256", NULL);
	context->cipher = EVP_CIPHER_fetch(options->library, "AES-256-CBC", NULL);
	context->protocols = protocols_text(&context->arena, options->protocols);
	context->has_tickets = options->tickets != NULL;
	if (context->has_tickets)
		ticket_reader_init(&context->tickets, options->tickets);
	return context;
}

result tls_server_context_new(const struct tls_server_options *options,
			      struct tls_server_context **ret_context, size_t *ret_entry)
{
	struct tls_server_context *context = context_alloc(options);
	result_value built = error_make(ERROR_SYSTEM, "OpenSSL lacks SHA-256 or AES");

	ASSERT(options->count);
	*ret_entry = 0;
	if (context->digest && context->cipher)
		built = build(context, options, ret_entry);
	if (failed(built))
		context_unref(context);
	else
		*ret_context = context;
	return built;
}

void tls_server_context_free(struct tls_server_context **context)
{
	if (*context)
		context_unref(*context);
	*context = NULL;
}

tls_policy tls_server_context_policy(const struct tls_server_context *context, str host)
{
	bool is_known;

	return tls_server_context_find(context, host, &is_known)->trust->policy;
}

/* With a chain that leads to an authority of today, and all of it in force. */
static bool is_vouched_for(const struct tls_server_context *context, const struct tls_trust *trust, SSL *ssl)
{
	X509_STORE_CTX *check = X509_STORE_CTX_new_ex(context->library, NULL);
	bool is_good = check && X509_STORE_CTX_init(check, trust->store, SSL_get0_peer_certificate(ssl),
						    SSL_get_peer_cert_chain(ssl));

	if (is_good) {
		X509_STORE_CTX_set_default(check, "ssl_client");
		X509_STORE_CTX_set_depth(check, trust->depth);
		is_good = X509_verify_cert(check) > 0;
	}
	X509_STORE_CTX_free(check);
	ERR_clear_error();
	return is_good;
}

bool tls_server_context_believes(const struct tls_server_context *context, const struct tls_stream *tls)
{
	bool is_known;
	const struct tls_trust *trust =
		tls_server_context_find(context, tls_stream_server_name(tls), &is_known)->trust;

	if (!tls_peer_certificate(tls))
		return trust->demand != TLS_DEMAND_REQUIRED;
	return trust->demand != TLS_DEMAND_NONE && is_vouched_for(context, trust, tls->ssl);
}

result tls_server_context_accept(struct tls_server_context *context, struct tls_stream *tls,
				 struct stream *below, struct tls_scratch *scratch)
{
	return tls_stream_init(tls, below, scratch, context->fallback->ssl, TLS_SERVER);
}

result tls_server_context_handshake(struct tls_server_context *context, struct tls_stream *tls,
				    deadline until, tls_policy *ret_policy)
{
	result_value done;
	const struct tls_choice *choice;

	context->references++;
	done = tls_stream_handshake(tls, until);
	if (!failed(done)) {
		choice = SSL_CTX_get_app_data(SSL_get_SSL_CTX(tls->ssl));
		*ret_policy = choice->trust->policy;
		SSL_set_tlsext_status_ocsp_resp(tls->ssl, NULL, 0);
	}
	context_unref(context);
	return done;
}
