/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_date: IMF-fixdate (RFC 9110 section 5.6.7), for answers that the gateway makes.
 */
#pragma once

#include "base/time.h"

enum { HTTP_DATE_LEN = 29 };

size_t http_date_print(wall_time t, char out[HTTP_DATE_LEN]);
/* "Sun, 06 Nov 1994 08:49:37 GMT", always HTTP_DATE_LEN bytes, not terminated. Years 1970 to 9999. */
