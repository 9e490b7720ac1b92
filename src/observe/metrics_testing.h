/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics_testing: what the tests of counting and of printing share: all that would be scraped, as one text.
 */
#pragma once

#include "base/testing.h"
#include "observe/metrics_text.h"

char *scrape_text(struct metrics *metrics, const struct metrics_reading *reading);
/* NUL-terminated; the caller frees it. */

bool has_line(const char *text, const char *line);
/* A whole line of it. */

size_t count_lines(const char *text, const char *prefix);
