/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the codec costs: nanoseconds a call for heads, paths and strings as they occur, the best of several
 * rounds, since a busy machine only ever adds.
 *
 *   meson setup /tmp/build-bench --buildtype=release -Dbenches=true && ninja -C /tmp/build-bench codec_bench
 *   /tmp/build-bench/codec_bench
 */
#include <stdio.h>

#include "base/assert.h"
#include "base/time.h"
#include "codec/h1.h"
#include "codec/h1_print.h"
#include "codec/host.h"
#include "codec/json_text.h"
#include "codec/uri.h"

enum { ROUNDS = 25, CALLS = 20000, FIELDS = 64 };

static const str plain_request = STR_INIT("GET /orders/4711/items?limit=20 HTTP/1.1\r\n"
					  "Host: api.example.com\r\n"
					  "User-Agent: curl/7.88.1\r\n"
					  "Accept: application/json\r\n"
					  "Accept-Encoding: gzip, br\r\n"
					  "Authorization: Bearer 0123456789abcdef0123456789abcdef\r\n"
					  "X-Request-ID: 7f3c1c1e-4a1d-4d0e\r\n"
					  "\r\n");

static const str browser_request =
	STR_INIT("GET /catalog/products/summer?page=2&sort=price HTTP/1.1\r\n"
		 "Host: www.example.com\r\n"
		 "Connection: keep-alive\r\n"
		 "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
		 "Chrome/120.0.0.0 Safari/537.36\r\n"
		 "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8\r\n"
		 "Sec-Fetch-Site: same-origin\r\n"
		 "Sec-Fetch-Mode: navigate\r\n"
		 "Referer: https://www.example.com/catalog/\r\n"
		 "Accept-Encoding: gzip, deflate, br\r\n"
		 "Accept-Language: en-US,en;q=0.9\r\n"
		 "Cookie: session=0123456789abcdef; theme=dark; _ga=GA1.2.123456789.1234567890\r\n"
		 "\r\n");

static const str plain_response = STR_INIT("HTTP/1.1 200 OK\r\n"
					   "Server: nginx/1.22.1\r\n"
					   "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
					   "Content-Type: application/json\r\n"
					   "Content-Length: 1024\r\n"
					   "Connection: keep-alive\r\n"
					   "ETag: \"5f3c1c1e-400\"\r\n"
					   "Cache-Control: max-age=60\r\n"
					   "\r\n");

static const struct h1_limits limits = {
	.request_line = 8192, .field = 8192, .name = 256, .head = 32768, .fields = FIELDS
};

struct bench {
	str input;
	struct http_field fields[FIELDS];
	struct http_request request;
	struct http_response response;
	char out[4096];
	size_t sum; /* of something in each result, so that nothing is optimised away */
};

static void parse_request(struct bench *b)
{
	struct h1_parser parser = { 0 };
	size_t len;

	b->request.fields = (struct http_fields) { .at = b->fields, .max = FIELDS };
	ASSERT(h1_request_parse(&parser, b->input, &limits, &b->request, &len) == H1_DONE);
	b->sum += len;
}

static void parse_response(struct bench *b)
{
	struct h1_parser parser = { 0 };
	size_t len;

	b->response.fields = (struct http_fields) { .at = b->fields, .max = FIELDS };
	ASSERT(h1_response_parse(&parser, b->input, &limits, HTTP_GET, &b->response, &len) == H1_DONE);
	b->sum += len;
}

static void clean_request(struct bench *b)
{
	for (size_t i = 0; i < b->request.fields.count; i++)
		b->request.fields.at[i].removed = false;
	http_fields_remove_hop(&b->request.fields);
	http_fields_remove_managed(&b->request.fields);
}

static void print_request(struct bench *b)
{
	struct buf out = buf_over(b->out, sizeof b->out);

	h1_request_print(&out, &b->request, b->request.target);
	b->sum += out.len;
}

static void print_response(struct bench *b)
{
	struct buf out = buf_over(b->out, sizeof b->out);

	h1_response_print(&out, &b->response);
	b->sum += out.len;
}

static void normalise_path(struct bench *b)
{
	struct buf room = buf_over(b->out, sizeof b->out);
	struct uri_path path;

	ASSERT(!failed(uri_path_normalise(b->input, 0, &room, &path)));
	b->sum += path.text.len;
}

static void parse_host(struct bench *b)
{
	struct host host;

	ASSERT(host_parse(b->input, &host));
	b->sum += host.name.len;
}

static void json_string(struct bench *b)
{
	struct buf out = buf_over(b->out, sizeof b->out);

	json_put_string(&out, b->input);
	b->sum += out.len;
}

static void run(struct bench *b, const char *name, str input, void (*call)(struct bench *b))
{
	duration best = INT64_MAX;

	b->input = input;
	for (int round = 0; round < ROUNDS; round++) {
		deadline start = time_monotonic();
		duration took;

		for (int i = 0; i < CALLS; i++) {
			call(b);
			__asm__ volatile("" ::: "memory");
		}
		took = time_monotonic() - start;
		best = took < best ? took : best;
	}
	printf("%-28s %5zu bytes %7.1f ns\n", name, input.len, (double)best / CALLS);
}

int main(void)
{
	static struct bench b;

	run(&b, "request, parse", plain_request, parse_request);
	run(&b, "request, remove", plain_request, clean_request);
	run(&b, "request, print", plain_request, print_request);
	run(&b, "browser's request, parse", browser_request, parse_request);
	run(&b, "browser's request, remove", browser_request, clean_request);
	run(&b, "browser's request, print", browser_request, print_request);
	run(&b, "answer, parse", plain_response, parse_response);
	run(&b, "answer, print", plain_response, print_response);
	run(&b, "path, normal", STR("/orders/4711/items/17/history/details"), normalise_path);
	run(&b, "path, to be normalised", STR("/orders/%34711/./items//17/history/../details"), normalise_path);
	run(&b, "host", STR("api.example.com:8443"), parse_host);
	run(&b, "JSON string", STR("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"), json_string);
	return b.sum == 0;
}
