/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the options of an upstream do together when it is slow or fails.
 */
#include "main/manual.h"

static const char words[] =
	"\n<a id=\"resilience\"></a>\n"
	"# Retries, deadlines, circuit breakers, hedging\n\n"
	"**Another try** is made only when nothing can happen twice. No connection came about, a kept one "
	"proved dead before the request went, or an HTTP/2 service refused it unseen: any method. Bytes were "
	"sent and the connection closed without a byte of an answer: GET, HEAD, OPTIONS, TRACE, PUT and "
	"DELETE, once. 502, 503, 504 and timeouts: the same methods, where `retries.on` says so. Never after "
	"a byte has gone to the client, and not with a body larger than `limits.replay`. A try asks another "
	"endpoint where there is one; `Retry-After` of up to a second is waited for.\n\n"
	"A POST is not sent on a kept connection that may be closing: the gateway remembers for a minute how "
	"soon each endpoint has closed an idle one, and uses none that has been idle for half of that.\n\n"
	"**The budget** (`retries.budget`) keeps retries from multiplying a failure: each request earns its "
	"percentage of a retry, and ten are saved up at most. A service that answers 503 to 1,000 requests a "
	"second sees 1,210 at most, whatever `attempts` says. It is the upstream's, over all workers, and "
	"outlives reloads. `gatehouse_budget_refused_total` tells how many tries it did not allow, of "
	"retries and "
	"of hedging.\n\n"
	"**Deadlines.** `timeouts.connect` and `timeouts.response` hold for each try. `timeouts.total`, the "
	"policy `timeout` and a call's `grpc-timeout` hold for all of them with their waits, and for waiting "
	"for a connection; the earliest counts, from the request's first byte. `timeouts.pass` names a "
	"header "
	"that tells the service how long anybody waits, in milliseconds until the head of its answer must be "
	"here, like `x-envoy-expected-rq-timeout-ms` (which may be the name). `grpc-timeout` is what is left "
	"of the call. Both are told anew with each try. A client's own value shortens, and never "
	"lengthens.\n\n"
	"**Circuit breakers** (`circuit_breaker`) bound what an upstream has to do, exactly, over all "
	"workers. "
	"Without one nothing is bounded but by the listeners: what a service bears only its owner knows. "
	"Each "
	"request counts once against `requests`, with all its tries; a WebSocket as long as it is open; what "
	"policies ask of the upstream and `mirror` sends count, too. `connections` are those in use and "
	"idle, sessions of HTTP/2 each as one. When all are in use, `pending` requests wait for one, within "
	"`timeouts.connect`, in the order of their coming on each worker. Workers share the connections "
	"evenly; where there are fewer than workers, they take turns. What is beyond gets 503 with "
	"`Retry-After`, `upstream_overloaded` or `upstream_connections_exceeded`, and is not tried again. "
	"`/v1/upstreams` shows the load and the bounds, `gatehouse_circuit_breaker_open` whether a bound is "
	"reached (of `connections` also by idle ones, so that 1 need not mean that anybody waits), and "
	"`gatehouse_circuit_breaker_refused_total` what was refused. A reload keeps the counts; "
	"connections from before `connections` was set are not counted, and not used any more.\n\n"
	"**Hedging** (`hedging`) is against the slow one of several endpoints. When a GET or HEAD without a "
	"body has no head of an answer after `hedging.after`, it is sent to another endpoint as well; the "
	"first head, whatever its status, is the answer, and the other try is broken off. Interim answers "
	"(103) are not passed on then. Second tries have a budget like retries, count as attempts and as "
	"requests of the circuit breaker, and are not made where it has no room. "
	"`gatehouse_hedges_total` tells how many there were, and how many came first. Set `after` to the "
	"95th percentile of the latency while all is well, rounded up to a millisecond: then a twentieth of "
	"what is asked is asked twice on a good day, and on a bad one clients wait about twice that "
	"percentile, "
	"which is near the 99th. `budget` must leave room for the bad day: where one of three endpoints is "
	"slow "
	"with half of its answers, that is a sixth of all and the twentieth, so 30.\n";

void manual_print_resilience(FILE *to)
{
	fputs(words, to);
}
