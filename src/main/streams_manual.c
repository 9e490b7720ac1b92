/* SPDX-License-Identifier: Apache-2.0 */
/*
 * There is nothing to switch on; so this says what happens.
 */
#include "main/manual.h"

static const char words[] =
	"\n<a id=\"streams\"></a>\n"
	"# WebSockets and streams of events\n\n"
	"A GET with `Upgrade: websocket`, or over HTTP/2 an extended CONNECT (RFC 8441), asks for a "
	"WebSocket. "
	"It is a request like any other, GET in both cases: routes, policies, retries and the log treat it "
	"so, "
	"and it needs no option. The upstream is asked by HTTP/1.1, so its `protocol` must be `h1`, or "
	"`auto` where that comes to it; where it is HTTP/2 the client gets 502.\n\n"
	"**Before it is open** nothing is forwarded but the head. A request with a body, without a "
	"`Sec-WebSocket-Key` or with another method is refused (400), one that does not speak version 13, "
	"too "
	"(426). Other protocols than `websocket` are not switched to: over HTTP/1.1 the request goes on as "
	"if "
	"they had not been asked for, over HTTP/2 it is refused (501). Subprotocols and extensions are "
	"agreed "
	"between client and service. An answer of 101 must name the same protocol and prove that the key was "
	"read, or the client gets 502 (`upstream_upgrade_failed`); any other answer is the client's. "
	"Policies "
	"for answers see the head with 101.\n\n"
	"**While it is open** bytes pass as they come, and whoever does not read holds up who writes. "
	"`tunnel` "
	"(in `timeouts`) bounds the time without a byte, `idle` the same once one side has ended; `response` "
	"and `total` hold until it is open. It counts as an active connection and an active request, and as "
	"load of its endpoint; draining an endpoint leaves it alone. A peer that is silent and answers no "
	"probes of TCP, or takes nothing of what waits for it, is given up after two minutes. `mirror` makes "
	"no copy of it.\n\n"
	"**Its end** is one line in the log, with the bytes both ways and the whole time: with status 101 "
	"(over "
	"HTTP/2 200, as the client got it), and with a `reason` unless the peers have closed it by close "
	"frames "
	"(`client_aborted`, `upstream_aborted`, `tunnel_timeout`, `shutting_down`). Where the gateway ends "
	"it "
	"(on SIGTERM, when a reload takes its listener away, after `tunnel`) both sides get a close frame "
	"with "
	"1001, between two frames, and five seconds at most to come to the end of one. A reload leaves it "
	"alone, "
	"and after SIGUSR2 the old process keeps it until it ends.\n\n"
	"**Streams of events** (`text/event-stream`) and other answers that come piece by piece pass a piece "
	"at "
	"a time, also through `compress`: nothing is held back to be sent with something else. "
	"`timeouts.total` "
	"and the policy `timeout` hold for a stream of events until its head is here; other answers are cut "
	"off "
	"by them. `timeouts.idle` bounds the time between two pieces: raise it, or let the service send "
	"comments "
	"(`:` and an empty line) more often.\n";

void manual_print_streams(FILE *to)
{
	fputs(words, to);
}
