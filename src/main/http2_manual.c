/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two options switch it on and bound it; the rest is what happens.
 */
#include "main/manual.h"

static const char words[] =
	"\n<a id=\"http2\"></a>\n"
	"# HTTP/2 with clients\n\n"
	"Over TLS it is agreed on by ALPN, unless `protocols` of the listener leaves it out. In the clear it "
	"is "
	"spoken where `protocols` names `h2`, with clients that begin with it (prior knowledge); beside `h1` "
	"the first bytes decide. `Upgrade: h2c` is ignored.\n\n"
	"**A request** is routed, checked and logged (`HTTP/2.0`) as one of HTTP/1.1, and the same `limits` "
	"hold. What HTTP/1.1 could not carry is refused (400), not translated: upper case or blanks where "
	"there "
	"may be none, fields of the connection, pseudo-fields that are missing, repeated or out of place. "
	"Cookies in parts are joined, trailers pass both ways.\n\n"
	"**Bounds.** `limits.streams` requests are under way at a time. Of a body that nobody takes 64 KiB "
	"are "
	"held; it holds up no other. A client that does not open its windows, or takes nothing of what is "
	"sent, "
	"is given up after `body_timeout`. `idle_timeout` counts from the last answer, pings do not extend "
	"it.\n\n"
	"**Floods.** A connection has an account of resets (150, and one more for each answer, four each "
	"second) "
	"and one of frames that carry no request (1,000; requests, content and time pay in). It pays for "
	"streams "
	"that it gives up or breaks, five resets for one whose window it does not open in time, pings, "
	"settings, "
	"window updates, priorities and empty pieces of a body. "
	"One "
	"that has used up an account, sends a header section in too many pieces or one that unpacks to too "
	"much, "
	"or does not read what it asks for, gets `GOAWAY` with `ENHANCE_YOUR_CALM`, and is closed. So is, "
	"with "
	"another code, one that breaks the protocol. Both are a line on standard error, one a second at "
	"most, and "
	"are counted as `gatehouse_http2_violations_total`.\n\n"
	"**Its end** (SIGTERM, a reload that takes the listener away, `requests_per_connection`, "
	"`idle_timeout`) is told twice by `GOAWAY`: first that no more requests are wanted, then, when the "
	"client has confirmed it or a second has passed, which was the last that is served. Requests under "
	"way "
	"are answered.\n";

void manual_print_http2(FILE *to)
{
	fputs(words, to);
}
