/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever stands in the facts, the line is one line, and JSON where it says so.
 *
 * One byte of switches, then the texts, each behind its length in two bytes; what is left over is the
 * numbers.
 */
#include "base/assert.h"
#include "observe/log_check_testing.h"
#include "observe/log_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static str take_text(str *input)
{
	size_t len = input->len < 2 ? 0 : (size_t)(uint8_t)input->ptr[0] << 8 | (uint8_t)input->ptr[1];
	str text = str_slice(str_skip(*input, 2), 0, len);

	*input = str_skip(*input, 2 + text.len);
	return text;
}

static void fill_texts(struct exchange_facts *facts, str *input)
{
	str *texts[] = { &facts->path,        &facts->query,     &facts->user_agent, &facts->referer,
			 &facts->method,      &facts->host,      &facts->consumer,   &facts->request_id,
			 &facts->trace_id,    &facts->client_ip, &facts->listener,   &facts->protocol,
			 &facts->tls_version, &facts->api,       &facts->route,      &facts->upstream,
			 &facts->endpoint };

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		*texts[i] = take_text(input);
}

static void fill_numbers(struct exchange_facts *facts, str input)
{
	uint64_t numbers[6] = { 0 };

	if (input.len)
		memcpy(numbers, input.ptr, input.len < sizeof numbers ? input.len : sizeof numbers);
	facts->time = (wall_time)(numbers[0] % (250000000000U * SECOND));
	facts->time_taken = (duration)numbers[1];
	facts->upstream_time = (duration)numbers[2];
	facts->request_bytes = numbers[3];
	facts->status = (int)numbers[4];
	facts->client_port = (uint16_t)(numbers[4] >> 32);
	facts->reason = (enum reason)(numbers[5] % REASONS);
	facts->generation = numbers[5];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct log_segment segments[] = { { STR_INIT("\""), LOG_FIELD_PATH },
						       { STR_INIT("\" "), LOG_FIELD_REFERER },
						       { STR_INIT(""), LOG_FIELDS } };
	static const str redact[] = { STR_INIT("mine") };
	str input = { (const char *)data, size };
	struct access_log_config config = { .redact = { redact, 1 } };
	struct exchange_facts facts = { 0 };
	struct log_clock clock = { 0 };
	char bytes[LOG_LINE_MAX];
	struct buf out = buf_over(bytes, sizeof bytes);
	size_t members;

	if (size == 0)
		return 0;
	config.format = (struct log_format) { (enum log_format_kind)(data[0] % 3), segments, 3 };
	config.query = data[0] & 64;
	input = str_skip(input, 1);
	fill_texts(&facts, &input);
	fill_numbers(&facts, input);
	log_line_put(&clock, &config, &facts, &out);
	ASSERT(!buf_overflowed(&out) && check_line(buf_str(&out)));
	ASSERT(config.format.kind != LOG_JSON || check_json_line(buf_str(&out), &members));
	return 0;
}
