/* SPDX-License-Identifier: Apache-2.0 */
#include "observe/metrics_testing.h"

#include <stdlib.h>

char *scrape_text(struct metrics *metrics, const struct metrics_reading *reading)
{
	struct metrics_scrape *scrape = metrics_scrape_new(metrics, reading);
	char *text = malloc(1), *piece = malloc(METRICS_PIECE);
	size_t len = 0;
	bool goes_on = true;

	while (goes_on) {
		struct buf out = buf_over(piece, METRICS_PIECE);

		goes_on = metrics_scrape_next(scrape, &out);
		assert_false(buf_overflowed(&out));
		assert_true(!out.len || out.bytes[out.len - 1] == '\n'); /* only whole lines */
		if (out.len) {
			char *longer = realloc(text, len + out.len + 1);

			assert_non_null(longer);
			text = longer;
			memcpy(text + len, out.bytes, out.len);
		}
		len += out.len;
	}
	text[len] = '\0';
	metrics_scrape_free(&scrape);
	assert_null(scrape);
	free(piece);
	return text;
}

bool has_line(const char *text, const char *line)
{
	size_t len = strlen(line);

	for (const char *at = strstr(text, line); at; at = strstr(at + 1, line))
		if ((at == text || at[-1] == '\n') && at[len] == '\n')
			return true;
	return false;
}

size_t count_lines(const char *text, const char *prefix)
{
	size_t count = 0, len = strlen(prefix);

	while (text && *text) {
		count += strncmp(text, prefix, len) == 0;
		text = strchr(text, '\n');
		text += text != NULL;
	}
	return count;
}
