/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of h1_errors.h, by number. A row that is missing would not compile: the enum is made of the same
 * rows. */
#include "codec/h1.h"

struct error_row {
	int status;
	str reason, text;
};

static const struct error_row error_rows[H1_ERRORS] = {
	[H1_ERROR_NONE] = { 0, STR_INIT(""), STR_INIT("") },
#define X(id, status, reason, text) [H1_ERROR_##id] = { status, STR_INIT(reason), STR_INIT(text) },
#include "codec/h1_errors.h"
#undef X
};

int h1_error_status(enum h1_error error)
{
	return error_rows[error].status;
}

str h1_error_reason(enum h1_error error)
{
	return error_rows[error].reason;
}

str h1_error_text(enum h1_error error)
{
	return error_rows[error].text;
}
