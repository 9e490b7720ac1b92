/* SPDX-License-Identifier: Apache-2.0 */
/*
 * health_config: the rows of `health_check` and `outlier`.
 */
#include "upstream/health_config.h"

#include "codec/grpc_health.h"
#include "config/unit.h"

static const char *const type_words[] = { "http", "tcp", "grpc", NULL };

/* ---- statuses ---- */

enum { STATUS_MIN = 100, STATUS_MAX = 599 };

static bool read_status(str text, uint16_t *ret_status)
{
	uint64_t number;

	if (!str_to_u64(text, STATUS_MAX, &number) || number < STATUS_MIN)
		return false;
	*ret_status = (uint16_t)number;
	return true;
}

static bool read_range(str text, uint16_t *ret_from, uint16_t *ret_to)
{
	str from = text, to = text;

	str_cut(text, '-', &from, &to);
	return read_status(from, ret_from) && read_status(to, ret_to) && *ret_from <= *ret_to;
}

static void add_range(struct reader *reader, const struct node *node, struct status_ranges *ranges)
{
	uint16_t from, to;

	if (ranges->count == STATUS_RANGES_MAX) {
		diagnostic_error(reader->diagnostics, node, "at most %d ranges", STATUS_RANGES_MAX);
		return;
	}
	if (node->kind != NODE_SCALAR || !read_range(node->text, &from, &to)) {
		diagnostic_error(reader->diagnostics, node,
				 "want a status or a range of them, such as 200 or 200-399, read %.*s",
				 STR_ARG(diagnostic_read(reader->diagnostics, node)));
		return;
	}
	ranges->at[ranges->count].from = from;
	ranges->at[ranges->count++].to = to;
}

static void read_ranges(struct reader *reader, const struct node *node, void *ret_member)
{
	struct status_ranges *ranges = ret_member;

	ranges->count = 0;
	if (node->kind != NODE_LIST)
		add_range(reader, node, ranges);
	else
		for (const struct node *item = node->first; item; item = item->next)
			add_range(reader, item, ranges);
}

static const struct field_form status_form = {
	.manual = "a status or a range, or a list of them",
	.schema = "{\"anyOf\":[{\"type\":[\"string\",\"integer\"]},"
		  "{\"type\":\"array\",\"maxItems\":8,\"items\":{\"type\":[\"string\",\"integer\"]}}]}",
	.read = read_ranges,
};

bool status_is_in(const struct status_ranges *ranges, int status)
{
	for (size_t i = 0; i < ranges->count; i++)
		if (status >= ranges->at[i].from && status <= ranges->at[i].to)
			return true;
	return false;
}

/* ---- rows ---- */

const struct field health_check_fields[] = {
	FIELD_ENUM(struct health_check_config, type, "type", type_words, "http",
		   "What is asked: a GET of `path`; `tcp`: whether a connection, and TLS where it is spoken, "
		   "comes about; `grpc`: `grpc.health.v1.Health/Check`, over HTTP/2 also where `protocol` "
		   "says otherwise."),
	FIELD_STR(struct health_check_config, path, "path", "/", "What is asked for by `http`."),
	FIELD_STR(
		struct health_check_config, host, "host", NULL,
		"The `Host` of the question; `tls.server_name`, or else the endpoint's address, unless said "
		"otherwise."),
	FIELD_CUSTOM_DEFAULT(struct health_check_config, status, "status", struct status_ranges, &status_form,
			     "200-399", "Which answers to `http` are good."),
	FIELD_STR(struct health_check_config, service, "service", NULL,
		  "Which service `grpc` asks for; the server as a whole unless said otherwise."),
	FIELD_INT(struct health_check_config, port, "port", "0", 0, 65535,
		  "Asked instead of the endpoint's own port; 0: that one."),
	FIELD_DURATION(struct health_check_config, every, "every", "2s", 100 * MILLISECOND, HOUR,
		       "From one question to the next, give or take a tenth."),
	FIELD_DURATION(struct health_check_config, timeout, "timeout", "1s", 10 * MILLISECOND, MINUTE,
		       "For all of it: connecting, asking, and the whole answer."),
	FIELD_INT(struct health_check_config, healthy_after, "healthy_after", "2", 1, 100,
		  "So many good answers in a row make an unhealthy endpoint healthy."),
	FIELD_INT(struct health_check_config, unhealthy_after, "unhealthy_after", "3", 1, 100,
		  "So many failures in a row make a healthy endpoint unhealthy."),
	FIELD_END
};

const struct field outlier_fields[] = {
	FIELD_INT(struct outlier_config, consecutive_failures, "consecutive_failures", "5", 1, 10000,
		  "So many failed tries in a row, of all workers together, eject an endpoint: no connection, "
		  "no answer "
		  "in time or a broken one, or 502, 503, 504."),
	FIELD_DURATION(
		struct outlier_config, eject_for, "eject_for", "30s", 100 * MILLISECOND, HOUR,
		"How long the first time; twice as long the second time and so on, ten times at most."),
	FIELD_INT(struct outlier_config, max_ejected, "max_ejected", "50", 0, 100,
		  "Most endpoints ejected at a time, in percent; one may always be where there are two or "
		  "more, unless "
		  "this is 0."),
	FIELD_END
};

/* ---- together ---- */

/* A key that the type does not know is one that somebody relies on. */
static bool check_key(struct reader *reader, const struct node *node, const char *key, bool fits,
		      const char *type)
{
	const struct node *at = node_find(node, str_of(key));

	if (!at || fits)
		return true;
	diagnostic_error_key(reader->diagnostics, at, "belongs to `type: %s`", type);
	return false;
}

static bool check_path(struct reader *reader, const struct node *node, str path)
{
	const struct node *at = node_find(node, STR("path"));
	bool is_good = str_starts(path, STR("/")) && path.len <= HEALTH_PATH_MAX;

	for (size_t i = 0; i < path.len; i++)
		is_good &= path.ptr[i] > ' ' && path.ptr[i] < 0x7f;
	if (at && !is_good)
		diagnostic_error(reader->diagnostics, at,
				 "want a path that begins with / and has no blanks, read %.*s",
				 STR_ARG(diagnostic_read(reader->diagnostics, at)));
	return !at || is_good;
}

static bool check_host(struct reader *reader, const struct node *node, str host)
{
	const struct node *at = node_find(node, STR("host"));
	bool is_good = host.len <= HEALTH_HOST_MAX;

	for (size_t i = 0; i < host.len; i++)
		is_good &= host.ptr[i] > ' ' && host.ptr[i] < 0x7f;
	if (!is_good)
		diagnostic_error(reader->diagnostics, at, "want a host, read %.*s",
				 STR_ARG(diagnostic_read(reader->diagnostics, at)));
	return is_good;
}

static bool check_service(struct reader *reader, const struct node *node, str service)
{
	bool is_good = service.len <= GRPC_HEALTH_SERVICE_MAX;

	for (size_t i = 0; i < service.len; i++)
		is_good &= service.ptr[i] > ' ' && service.ptr[i] < 0x7f;
	if (!is_good)
		diagnostic_error(
			reader->diagnostics, node_find(node, STR("service")),
			"want a name of at most %d characters, read %.*s", GRPC_HEALTH_SERVICE_MAX,
			STR_ARG(diagnostic_read(reader->diagnostics, node_find(node, STR("service")))));
	return is_good;
}

/* Both are told: one of them may be a default. */
static void warn_slow(struct reader *reader, const struct node *at, const struct health_check_config *config)
{
	str timeout = unit_print_duration(reader->arena, config->timeout);
	str every = unit_print_duration(reader->arena, config->every);

	diagnostic_warning(
		reader->diagnostics, at,
		"a timeout of %.*s is longer than \"every\" (%.*s): an endpoint that does not answer is "
		"asked less often",
		STR_ARG(timeout), STR_ARG(every));
}

bool health_check_is_good(struct reader *reader, const struct node *node,
			  const struct health_check_config *config)
{
	bool is_http = config->type == HEALTH_CHECK_HTTP, is_tcp = config->type == HEALTH_CHECK_TCP;
	bool is_good = check_path(reader, node, config->path);
	const struct node *timeout = node_find(node, STR("timeout"));

	is_good &= check_host(reader, node, config->host);
	is_good &= check_key(reader, node, "path", is_http, "http");
	is_good &= check_key(reader, node, "status", is_http, "http");
	is_good &= check_key(reader, node, "host", !is_tcp, "http");
	is_good &= check_service(reader, node, config->service);
	is_good &= check_key(reader, node, "service", config->type == HEALTH_CHECK_GRPC, "grpc");
	if (config->timeout > config->every)
		warn_slow(reader, timeout ? timeout : node, config);
	return is_good;
}
