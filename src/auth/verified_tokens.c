/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/verified_tokens.h"

#include <openssl/crypto.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/random.h"
#include "codec/json.h"

enum {
	WAYS = 8, /* with 4, of a thousand tokens in 4,096 places 17 would drive each other out for ever */
	ARENA_MAX = 1024 * 1024,
	FIRST_ROOM = 1024, /* beside what the texts take */
};

struct place {
	uint64_t hash;
	struct verified_token *token; /* NULL: free */
};

struct verified_tokens {
	uint64_t seed, questions;
	struct allowance *allowance;
	size_t mask; /* of the sets */
	struct place places[];
};

struct verified_tokens *verified_tokens_new(size_t max, struct allowance *allowance)
{
	size_t sets = 1;
	struct verified_tokens *tokens;

	while (sets * WAYS < max)
		sets *= 2;
	tokens = calloc(1, sizeof *tokens + sets * WAYS * sizeof *tokens->places);
	ASSERT(tokens);
	tokens->mask = sets - 1;
	tokens->seed = random_u64();
	tokens->allowance = allowance;
	return tokens;
}

/* A token opens doors: what is dropped is wiped. */
void verified_token_release(void *self)
{
	struct verified_token *token = self;

	if (--token->references)
		return;
	OPENSSL_cleanse((void *)(uintptr_t)token->token.ptr, token->token.len);
	arena_fini(&token->arena);
	free(token);
}

static size_t size_of(const struct verified_token *token)
{
	return sizeof *token + token->arena.used;
}

static void clear(struct verified_tokens *tokens, struct place *place)
{
	if (place->token) {
		allowance_give(tokens->allowance, size_of(place->token));
		verified_token_release(place->token);
	}
	place->token = NULL;
}

void verified_tokens_free(struct verified_tokens **address)
{
	struct verified_tokens *tokens = *address;

	for (size_t i = 0; tokens && i < (tokens->mask + 1) * WAYS; i++)
		clear(tokens, &tokens->places[i]);
	free(tokens);
	*address = NULL;
}

/* NULL: it is not known. */
static struct place *find(struct verified_tokens *tokens, str token, uint64_t hash)
{
	struct place *at = &tokens->places[(hash & tokens->mask) * WAYS];

	for (size_t i = 0; i < WAYS; i++)
		if (at[i].hash == hash && at[i].token && str_eq(at[i].token->token, token))
			return &at[i];
	return NULL;
}

/* Where another one may be put: a free place, or that of the one that was asked for longest ago. */
static struct place *find_room(struct verified_tokens *tokens, uint64_t hash)
{
	struct place *at = &tokens->places[(hash & tokens->mask) * WAYS], *oldest = at;

	for (size_t i = 0; i < WAYS; i++)
		if (oldest->token && (!at[i].token || at[i].token->asked < oldest->token->asked))
			oldest = &at[i];
	return oldest;
}

/* The count of questions is the clock by which the oldest is found: time itself would cost more to ask. */
static struct verified_token *give(struct verified_tokens *tokens, struct verified_token *token)
{
	token->asked = ++tokens->questions;
	token->references++;
	return token;
}

struct verified_token *verified_tokens_find(struct verified_tokens *tokens, str token)
{
	uint64_t hash = hash_bytes(token, tokens->seed);
	struct place *place = find(tokens, token, hash);

	return place ? give(tokens, place->token) : NULL;
}

/* The claims are kept parsed, which is most of what a known token saves beside the signature itself. */
struct verified_token *verified_token_new(str text, const struct jws *jws)
{
	struct verified_token *token = calloc(1, sizeof *token);
	result_value parsed;

	ASSERT(token);
	arena_init_small(&token->arena, text.len + 2 * jws->payload.len + FIRST_ROOM, ARENA_MAX);
	token->references = 1;
	token->token = arena_str(&token->arena, text);
	token->type = arena_str(&token->arena, jws->type);
	token->algorithm = jws->algorithm;
	parsed = json_parse(&token->arena, jws->payload, &token->claims);
	if (!failed(parsed) && token->claims.kind == OPERAND_MAP)
		return token;
	verified_token_release(token);
	return NULL;
}

/* Only after the signature was found good. A token that is known already, with keys that are older, is
 * replaced. */
void verified_tokens_add(struct verified_tokens *tokens, struct verified_token *token, uint64_t version)
{
	uint64_t hash = hash_bytes(token->token, tokens->seed);
	struct place *place = find(tokens, token->token, hash);

	if (token->arena.used > VERIFIED_TOKEN_BYTES)
		return;
	if (!place)
		place = find_room(tokens, hash);
	clear(tokens, place);
	if (!allowance_take(tokens->allowance, size_of(token)))
		return;
	token->version = version;
	*place = (struct place) { hash, give(tokens, token) };
}
