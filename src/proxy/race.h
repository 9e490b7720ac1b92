/* SPDX-License-Identifier: Apache-2.0 */
/*
 * race: a try, and where the upstream hedges (`hedging`) a second one with another endpoint when the first
 * has been silent for too long: the first head of an answer wins, the other try is broken off.
 *
 * Only what is safe and has no body is asked twice at a time (RFC 9110 section 9.2.1). Each try runs in a
 * fiber of its own, and the exchange waits for both; neither is left behind on any way out.
 */
#pragma once

#include "proxy/forward.h"

enum reason race_run(struct forward *f);
/* Yields. As attempt_run(), of the try that won: it is f->attempt afterwards. */
