/* SPDX-License-Identifier: Apache-2.0 */
/*
 * encoder_private: what a library must be able to do to be an encoder: one row for each coding.
 */
#pragma once

#include "http/encoder.h"

struct encoder_library {
	str name;
	void *(*open)(void);        /* NULL without memory */
	bool (*reset)(void *state); /* to the beginning, to be used again; NULL: it cannot */
	void (*close)(void *state);
	result (*run)(void *state, enum encoder_step step, str *in, struct buf *out, bool *ret_is_done);
};

extern const struct encoder_library encoder_libraries[CODINGS];
