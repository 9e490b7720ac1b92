/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of the manual about cases. The keys are printed from the rows that read them; the example is run
 * by a test, like every example of the manual.
 */
#include "main/cases_config.h"

static const char words[] =
	"\n<a id=\"cases\"></a>\n"
	"# Cases for `gatehouse test`\n\n"
	"`gatehouse test -c FILE CASES...` runs requests against a configuration, offline, through the code "
	"that "
	"serves live traffic: each case is a request, the decision that is expected, what the upstream must "
	"get "
	"and what the client must be answered. Nothing is listened on or connected to: upstreams are "
	"stand-ins, "
	"the clock stands still, a wait is over at once, and random numbers are the same in every run. Only "
	"what "
	"`expect` names is compared, and everything that differs is told, with what `gatehouse explain` says "
	"about the request. Routes and policies that no case has reached are listed at the end.\n\n"
	"```yaml\n"
	"listeners: { public: { address: \"127.0.0.1:8080\" } }\n"
	"upstreams: { orders: { endpoints: [\"10.0.0.5:8080\"] } }\n"
	"apis:\n"
	"  orders:\n"
	"    hosts: [api.example.com]\n"
	"    path: /orders\n"
	"    methods: [GET, DELETE]\n"
	"    upstream: orders\n"
	"    policies:\n"
	"      - headers: { request: { set: { X-Client: \"${client.ip}\" } } }\n"
	"    routes:\n"
	"      ping:\n"
	"        match: { path: /ping }\n"
	"        policies: [ respond: { body: pong } ]\n"
	"---\n"
	"clock: 2026-01-01T00:00:00Z\n"
	"upstreams: { orders: { headers: { Content-Type: application/json }, body: \"{}\" } }\n"
	"cases:\n"
	"  - name: the service learns who asks, whatever the client says\n"
	"    request: { url: \"https://api.example.com/orders/1?full\", client_ip: 203.0.113.9, headers: { "
	"X-Client: mallory } }\n"
	"    expect:\n"
	"      status: 200\n"
	"      upstream: orders\n"
	"      headers: { Content-Type: \"~json$\" }\n"
	"      forwarded: { path: /orders/1, query: full, headers: { X-Client: 203.0.113.9, Via: "
	"\"~gatehouse\" } }\n"
	"  - name: the gateway answers a ping itself, again and again\n"
	"    request: { url: \"https://api.example.com/orders/ping\" }\n"
	"    repeat: 3\n"
	"    advance: 1s\n"
	"    meanwhile: { status: 200 }\n"
	"    expect: { status: 200, reason: respond, route: ping, upstream: \"\", body: pong }\n"
	"  - name: another method is refused\n"
	"    request: { method: POST, url: \"https://api.example.com/orders\", body: \"{}\" }\n"
	"    expect: { status: 405, reason: method_not_allowed, headers: { Allow: \"GET, DELETE\" } }\n"
	"```\n\n"
	"The first document is the configuration, the second a file of cases; each stands in a file of its "
	"own.\n\n"
	"Values are compared as they are, and told without secrets, because the output of tests is read by "
	"many. What is expected is shown as the case says it, but for what came from `${...}`. Of what was "
	"got `***` stands for what the route's policies, the consumer or the file of cases had from "
	"`${...}`, from four bytes on; for headers and parameters of a query that are named like a secret "
	"(`Authorization`, `Set-Cookie`, `api_key` and the like); and for a header that looks like one "
	"(`Bearer ...`, a URL with a key in it). What a value is can be found out with `~REGEX`, or with "
	"variables that hold nothing secret.\n\n";

void cases_print_manual(FILE *to)
{
	fputs(words, to);
	fields_print_manual(cases_fields, "cases", 2, NULL, to);
}
