/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jwk_context: OpenSSL's state for verifying by a key, made ready once: looking up algorithms and checking
 * parameters costs a fifth of what verifying with RSA does, copying what came of it next to nothing.
 */
#pragma once

#include "codec/jwk.h"

struct evp_md_ctx_st;

struct evp_md_ctx_st *jwk_context_new(const struct jwk *jwk, enum jose_algorithm algorithm);
/* For one signature, which the key must fit: of its own, by EVP_MD_CTX_free(). NULL: OpenSSL cannot. */

void jwk_context_prepare(struct jwk *jwk);
/* For every algorithm that the key fits, before others see it. */

void jwk_context_drop(struct jwk *jwk);
