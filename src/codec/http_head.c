/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registries of methods and of status codes, as far as a gateway must know them. A method or a code that
 * is in neither is legal and goes through as it came.
 */
#include "codec/http_head.h"

static const str method_texts[HTTP_METHODS] = {
	[HTTP_OTHER_METHOD] = STR_INIT(""), [HTTP_GET] = STR_INIT("GET"),
	[HTTP_HEAD] = STR_INIT("HEAD"),     [HTTP_POST] = STR_INIT("POST"),
	[HTTP_PUT] = STR_INIT("PUT"),       [HTTP_DELETE] = STR_INIT("DELETE"),
	[HTTP_PATCH] = STR_INIT("PATCH"),   [HTTP_OPTIONS] = STR_INIT("OPTIONS"),
	[HTTP_TRACE] = STR_INIT("TRACE"),   [HTTP_CONNECT] = STR_INIT("CONNECT"),
};

enum http_method http_method_find(str text)
{
	for (unsigned method = HTTP_GET; method < HTTP_METHODS; method++)
		if (str_eq(method_texts[method], text))
			return (enum http_method)method;
	return HTTP_OTHER_METHOD;
}

str http_method_text(enum http_method method)
{
	return method_texts[method];
}

str http_version_text(enum http_version version)
{
	static const str texts[] = {
		[HTTP_1_0] = STR_INIT("HTTP/1.0"),
		[HTTP_1_1] = STR_INIT("HTTP/1.1"),
		[HTTP_2] = STR_INIT("HTTP/2.0"),
	};

	return texts[version];
}

struct status_row {
	int status;
	str text;
};

/* IANA's registry, in order. */
/* clang-format off */
static const struct status_row status_rows[] = {
	{ 100, STR_INIT("Continue") }, { 101, STR_INIT("Switching Protocols") },
	{ 102, STR_INIT("Processing") }, { 103, STR_INIT("Early Hints") }, { 200, STR_INIT("OK") },
	{ 201, STR_INIT("Created") }, { 202, STR_INIT("Accepted") },
	{ 203, STR_INIT("Non-Authoritative Information") }, { 204, STR_INIT("No Content") },
	{ 205, STR_INIT("Reset Content") }, { 206, STR_INIT("Partial Content") },
	{ 207, STR_INIT("Multi-Status") }, { 208, STR_INIT("Already Reported") },
	{ 226, STR_INIT("IM Used") }, { 300, STR_INIT("Multiple Choices") },
	{ 301, STR_INIT("Moved Permanently") }, { 302, STR_INIT("Found") }, { 303, STR_INIT("See Other") },
	{ 304, STR_INIT("Not Modified") }, { 305, STR_INIT("Use Proxy") },
	{ 307, STR_INIT("Temporary Redirect") }, { 308, STR_INIT("Permanent Redirect") },
	{ 400, STR_INIT("Bad Request") }, { 401, STR_INIT("Unauthorized") },
	{ 402, STR_INIT("Payment Required") }, { 403, STR_INIT("Forbidden") }, { 404, STR_INIT("Not Found") },
	{ 405, STR_INIT("Method Not Allowed") }, { 406, STR_INIT("Not Acceptable") },
	{ 407, STR_INIT("Proxy Authentication Required") }, { 408, STR_INIT("Request Timeout") },
	{ 409, STR_INIT("Conflict") }, { 410, STR_INIT("Gone") }, { 411, STR_INIT("Length Required") },
	{ 412, STR_INIT("Precondition Failed") }, { 413, STR_INIT("Content Too Large") },
	{ 414, STR_INIT("URI Too Long") }, { 415, STR_INIT("Unsupported Media Type") },
	{ 416, STR_INIT("Range Not Satisfiable") }, { 417, STR_INIT("Expectation Failed") },
	{ 421, STR_INIT("Misdirected Request") }, { 422, STR_INIT("Unprocessable Content") },
	{ 423, STR_INIT("Locked") }, { 424, STR_INIT("Failed Dependency") }, { 425, STR_INIT("Too Early") },
	{ 426, STR_INIT("Upgrade Required") }, { 428, STR_INIT("Precondition Required") },
	{ 429, STR_INIT("Too Many Requests") }, { 431, STR_INIT("Request Header Fields Too Large") },
	{ 451, STR_INIT("Unavailable For Legal Reasons") }, { 500, STR_INIT("Internal Server Error") },
	{ 501, STR_INIT("Not Implemented") }, { 502, STR_INIT("Bad Gateway") },
	{ 503, STR_INIT("Service Unavailable") }, { 504, STR_INIT("Gateway Timeout") },
	{ 505, STR_INIT("HTTP Version Not Supported") }, { 506, STR_INIT("Variant Also Negotiates") },
	{ 507, STR_INIT("Insufficient Storage") }, { 508, STR_INIT("Loop Detected") },
	{ 510, STR_INIT("Not Extended") }, { 511, STR_INIT("Network Authentication Required") },
};
/* clang-format on */

str http_status_text(int status)
{
	size_t low = 0, high = sizeof status_rows / sizeof status_rows[0];

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (status_rows[middle].status == status)
			return status_rows[middle].text;
		if (status_rows[middle].status < status)
			low = middle + 1;
		else
			high = middle;
	}
	return (str) { 0 };
}

bool http_status_has_no_body(int status)
{
	return status < 200 || status == 204 || status == 304;
}

bool http_method_is_safe(enum http_method method)
{
	return method == HTTP_GET || method == HTTP_HEAD || method == HTTP_OPTIONS || method == HTTP_TRACE;
}

bool http_method_is_idempotent(enum http_method method)
{
	return http_method_is_safe(method) || method == HTTP_PUT || method == HTTP_DELETE;
}
