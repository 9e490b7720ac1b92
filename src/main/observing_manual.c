/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names of the log's fields and the reasons are printed from the tables that write them; what a field
 * means is said here, by its number, so that a field without a meaning is seen at once.
 */
#include "main/manual.h"

#include "observe/log_line.h"
#include "observe/reason.h"

static const char log_words[] = "\n<a id=\"access-log\"></a>\n"
				"# The access log\n\n"
				"One line for every request, when it is finished, also for one that was "
				"refused before it had a route. JSON leaves out what is not there; "
				"templates and `clf` write `-`. Values are escaped, and cut where they are "
				"too long. Writing never holds up a request: "
				"what could not be written is counted (`gatehouse_log_dropped_total`).\n\n"
				"| field | meaning |\n"
				"| --- | --- |\n";

static const char *const meanings[LOG_FIELDS] = {
	[LOG_FIELD_TIME] = "When the first byte of the request was read (RFC 3339, UTC).",
	[LOG_FIELD_REQUEST_ID] = "The id that the service got, and the client with `request_id`.",
	[LOG_FIELD_TRACE_ID] = "Nothing yet: there are no traces.",
	[LOG_FIELD_CLIENT_IP] = "The client's address, or the one that a trusted proxy told.",
	[LOG_FIELD_CLIENT_PORT] = "The client's port.",
	[LOG_FIELD_LISTENER] = "The listener's name.",
	[LOG_FIELD_PROTOCOL] = "The version of HTTP.",
	[LOG_FIELD_TLS_VERSION] =
		"The version of TLS that the client speaks, such as `TLSv1.3`; empty without TLS.",
	[LOG_FIELD_METHOD] = "The method.",
	[LOG_FIELD_HOST] = "The host that was asked for.",
	[LOG_FIELD_PATH] =
		"The normalised path that the client asked for; with `query: true` also the query.",
	[LOG_FIELD_STATUS] = "The status that the client got; 499 when it had gone before.",
	[LOG_FIELD_REASON] =
		"The gateway's word for an answer that it made, or for what broke off; see below.",
	[LOG_FIELD_REPORTED] =
		"Policies that would have refused but for `report: true`, and why: `ip=ip_denied`.",
	[LOG_FIELD_API] = "The API's name.",
	[LOG_FIELD_ROUTE] = "The route's name; none for the API's own rule.",
	[LOG_FIELD_CONSUMER] = "Who asked, as an authentication found out.",
	[LOG_FIELD_UPSTREAM] = "The upstream's name; of several `weighted` the one that was chosen.",
	[LOG_FIELD_ENDPOINT] = "The endpoint that was asked last.",
	[LOG_FIELD_ATTEMPTS] = "How often the upstream was tried.",
	[LOG_FIELD_REQUEST_BYTES] = "What the client sent, heads included.",
	[LOG_FIELD_RESPONSE_BYTES] = "What the client was sent, heads included.",
	[LOG_FIELD_DURATION] = "From the first byte of the request to the end, in milliseconds.",
	[LOG_FIELD_UPSTREAM_TIME] =
		"From when an upstream is first asked until the first byte of its answer, in milliseconds.",
	[LOG_FIELD_USER_AGENT] = "The field `User-Agent`.",
	[LOG_FIELD_REFERER] = "The field `Referer`; without its query unless `query: true`.",
	[LOG_FIELD_GENERATION] =
		"Which configuration it began with: 1 at the start, one more with each further one.",
};

static const char reason_words[] =
	"\n<a id=\"reasons\"></a>\n"
	"## Reasons\n\n"
	"An answer that the gateway makes itself is `application/problem+json` (RFC 9457) with `type`, "
	"`title`, `status`, `detail` and `instance` (the request's id), but for what policies say. "
	"The log has its `reason`, by which `gatehouse_reasons_total` counts requests, and often tells more "
	"by it than the client hears: whose credentials fail "
	"learns no more than that they do. The status is the usual one: policies with a status of their own, "
	"such as "
	"`redirect` and `fault`, give theirs, and `forward_auth` that of the service.\n\n"
	"| reason | status | meaning |\n"
	"| --- | --- | --- |\n";

static const char admin_words[] =
	"\n<a id=\"admin-resources\"></a>\n"
	"# The admin address\n\n"
	"What `admin.address` serves. On the loopback it is for this machine only: a request for another "
	"host is refused. Where others can reach it, it has `tls` and `token`, and any name. A request from "
	"a page of somewhere else, or through a proxy, is refused everywhere; one without TLS, where there "
	"is TLS, is answered with 400, and one over a connection made under other TLS than is asked for now "
	"with 421.\n\n"
	"    admin:\n"
	"      address: 10.0.0.1:9901\n"
	"      token: \"sha256:...\"                # gatehouse key hash\n"
	"      tls: { certificates: [ { certificate: certs/admin.pem, key: certs/admin.key } ] }\n\n"
	"    curl --cacert certs/ca.pem -H \"Authorization: Bearer $TOKEN\" "
	"https://gw.internal:9901/v1/upstreams\n\n"
	"| resource | meaning |\n"
	"| --- | --- |\n"
	"| `GET /healthz` | 200 while the process lives. |\n"
	"| `GET /readyz` | 200 when it takes requests; 503 while it drains. |\n"
	"| `GET /metrics` | What was counted, in the text format of Prometheus, each metric with its "
	"meaning. |\n"
	"| `GET /v1/config` | The configuration in force, as JSON; secrets and what came from the "
	"environment or files read as `***`. |\n"
	"| `GET /v1/apis` | The APIs and their routes. |\n"
	"| `GET /v1/consumers` | Who may knock, with groups and without credentials; up to 10,000 of them. "
	"|\n"
	"| `GET /v1/upstreams` | The upstreams, how they are balanced, and each endpoint: weight, the share "
	"of "
	"it where `slow_start` lets it grow, whether it is drained, requests under way (`active`: in all "
	"upstreams that "
	"have the address), requests done, latency. |\n"
	"| `GET /v1/certificates` | Those of the listeners and of the admin address (under the listener "
	"`admin`), as they were read last: names, issuer, until when they are good. |\n"
	"| `GET /v1/explain?url=/orders/7` | [What would become](#admin-explain) of such a request. |\n"
	"| `POST /v1/reload` | Reads the files again, as SIGHUP does: 200 when they are in force or the "
	"same, 422 with what is wrong. Where `admin.address` cannot be had, `warnings` says so, and the next "
	"reload, also of the same files, tries again. |\n"
	"| `POST /v1/check` | Checks the configuration in the body, without putting it into force: 200, or "
	"422 with what is wrong. |\n"
	"| `POST /v1/upstreams/NAME/endpoints/ADDRESS/drain` | The endpoint gets no further requests, in any "
	"upstream that has it; what is under way ends. |\n"
	"| `POST /v1/upstreams/NAME/endpoints/ADDRESS/enable` | It gets requests again. |\n"
	"\n<a id=\"admin-explain\"></a>\n"
	"## Explaining a request\n\n"
	"`/v1/explain` says of a request what `gatehouse explain` does, by the same code, under the "
	"configuration in force:\n\n"
	"    curl -G http://127.0.0.1:9901/v1/explain --data-urlencode "
	"'url=https://api.example.com/orders/7' "
	"\\\n"
	"         -d method=DELETE --data-urlencode 'header=X-Beta: yes'\n\n"
	"`url` is a whole URL or a path, `method` is GET where it is not given, `header` may stand 32 times; "
	"a query that cannot be read is answered with 400. "
	"The request comes from 127.0.0.1. Nothing happens: nobody is asked or connected to, no limit is "
	"taken and nothing is counted. What a policy would fetch it is supposed to get; limits stand as if "
	"nobody had used them. What the whole gateway or upstream lives by (overload, health checks, "
	"ejection, panic) is printed by the command alone; here stands how it is now.\n\n"
	"| in the answer | meaning |\n"
	"| --- | --- |\n"
	"| `generation`, `method`, `url` | Of the configuration in force, and what was asked. |\n"
	"| `outcome` | `matched`, `no_route`, or `refused` before any policy. |\n"
	"| `status`, `reason`, `detail` | What the gateway itself would answer; null where an upstream "
	"does. |\n"
	"| `host`, `path`, `api`, `route`, `why`, `match` | By what it is routed, what won and by what, and "
	"the pattern, parameters and conditions of it. `preflight_of`: the method that a CORS preflight is "
	"for. |\n"
	"| `near_misses` | Others whose path fits, with the first `condition` that failed: twenty of them, "
	"and `near_misses_unlisted` more. `allowed`: with 405, the methods that have a route. |\n"
	"| `policies` | Those that run, in their order, with their `bounds`, and the `limit` that one has "
	"learnt; `report`: it reports only; `when` and whether it `holds`; "
	"`decision`: `continue`, `answer`, `report`, `skip`, or null where it does not come to it. "
	"`reported`: who would have answered. |\n"
	"| `upstream` | Null, or its `url` (by its first endpoint), its `bounds`, who shares by weight "
	"(`weighted`), and what `/v1/upstreams` says of it now. |\n"
	"| `because` | What policies say of their decision. |\n\n"
	"Secrets are `***`, here and in what the command prints: in URLs the parameters that the access log "
	"masks, and all that a policy has "
	"written there where one of the route's policies takes something from outside, from a header or "
	"parameter, or from a consumer's label; in conditions of routes the values of headers, parameters "
	"and cookies that are named like a "
	"secret, or were taken from outside; in `when` the texts that such values are compared with; in "
	"`bounds` and `because` what was taken from outside, from four bytes on. A default "
	"(`${NAME:-default}`) is not from outside. Two "
	"requests are explained at a time; further ones get 503.\n";

static void print_log_fields(FILE *to)
{
	for (int i = 0; i < LOG_FIELDS; i++)
		fprintf(to, "| `%.*s` | %s |\n", STR_ARG(log_field_name((enum log_field)i)), meanings[i]);
}

/* Words for machines only, such as that a policy answered, have no meaning of their own. */
static void print_reasons(FILE *to)
{
	for (int i = REASON_NONE + 1; i < REASONS; i++) {
		enum reason reason = (enum reason)i;
		str meaning = reason_meaning(reason);

		if (!meaning.len)
			meaning = STR("What the policy says.");
		fprintf(to, "| `%.*s` | %d | %.*s |\n", STR_ARG(reason_word(reason)), reason_status(reason),
			STR_ARG(meaning));
	}
}

void manual_print_observing(FILE *to)
{
	fputs(log_words, to);
	print_log_fields(to);
	fputs(reason_words, to);
	print_reasons(to);
	fputs(admin_words, to);
}
