/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What calls are, and what happens to them that does not happen to other requests. The statuses are printed
 * by the function that gives them.
 */
#include "main/manual.h"

#include "codec/grpc.h"
#include "codec/http_head.h"

static const char words[] =
	"\n<a id=\"grpc\"></a>\n"
	"# gRPC and gRPC-Web\n\n"
	"A POST whose content type is `application/grpc` (also `+proto`, `+json`), `application/grpc-web` or "
	"`application/grpc-web-text` is a call. Routes, policies, limits and the log treat it like any other "
	"request; its path is `/package.Service/Method`. All four kinds of call pass as they come, in both "
	"directions at once. gRPC needs HTTP/2 on both sides: `h2` among the listener's `protocols`, and "
	"`protocol: h2`, or with `tls` also `auto`, at the upstream.\n\n"
	"```yaml\n"
	"listeners:\n"
	"  public: { address: \"127.0.0.1:8080\", protocols: [h1, h2] }\n"
	"upstreams:\n"
	"  greeter: { protocol: h2, endpoints: [\"10.0.0.5:50051\"], timeouts: { idle: 10m } }\n"
	"apis:\n"
	"  greeter:\n"
	"    path: /helloworld.Greeter\n"
	"    upstream: greeter\n"
	"    policies:\n"
	"      - cors: { origins: [\"https://app.example.com\"], methods: [POST], headers: [Content-Type, "
	"X-Grpc-Web, X-User-Agent, Grpc-Timeout] }\n"
	"```\n\n"
	"**Failures.** What the gateway answers itself is told as `grpc-status` and `grpc-message` under "
	"HTTP "
	"status 200, instead of a problem document; the log has the same `reason` as ever, and the status "
	"200 "
	"that the client got. Only what `respond` and `redirect` say stays as it is. An answer of the "
	"service "
	"that is no gRPC becomes a status too. Where the service breaks off between two messages, the call "
	"ends "
	"with status 14, or 4 when it was a timeout; within a message, by a reset. A call that it ends "
	"without "
	"a status, or with two, ends with 2. One in the head counts only where neither a message nor "
	"trailers "
	"follow it.\n\n"
	"| HTTP status | `grpc-status` |\n"
	"| --- | --- |\n";

static const char more_words[] =
	"| any other | 2 |\n\n"
	"**Time.** `grpc-timeout` is part of the request's time, from its first byte on; the service gets "
	"what "
	"is left of that, and of the gateway's own timeouts where those are shorter, when the request is "
	"first sent to it. A value that cannot be understood is refused (status 13). `timeouts.total` and "
	"the "
	"policy `timeout` hold until the answer begins; then the call's own deadline does, and "
	"`timeouts.idle`: "
	"the longest that either side may be silent, the client too where its `body_timeout` is shorter. "
	"Raise "
	"it for streams that rest, and `limits.body` for clients that send much: it bounds all messages of "
	"one "
	"call.\n\n"
	"**gRPC-Web.** Where the upstream's `protocol` is `h2`, a call of gRPC-Web becomes gRPC on the way "
	"there, and its answer gRPC-Web again, with the trailers as the last frame of the body. It may come "
	"over HTTP/1.1 too. The client gets base64 if it sent base64, unless its `Accept` names the other. "
	"With any other `protocol` both pass untouched, for services that speak gRPC-Web themselves. Pages "
	"of "
	"other origins need the policy `cors`; what stands in trailers they see without it being exposed.\n";

void manual_print_grpc(FILE *to)
{
	fputs(words, to);
	for (int status = 400; status < 600; status++)
		if (grpc_status_of(status) != GRPC_UNKNOWN)
			fprintf(to, "| %d %.*s | %d |\n", status, STR_ARG(http_status_text(status)),
				(int)grpc_status_of(status));
	fputs(more_words, to);
}
