/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each word of `balance` does, when to take which, and what it costs. The figures are those of
 * bench/balance_bench.c.
 */
#include "main/manual.h"

static const char words[] =
	"\n"
	"<a id=\"balancing\"></a>\n"
	"# Balancing\n"
	"\n"
	"`balance` of an upstream says which of its endpoints gets a request. Weights are shares: of the "
	"requests, and with `least_requests` of what is in flight.\n"
	"\n"
	"| balance | an endpoint is | take it |\n"
	"| --- | --- | --- |\n"
	"| `round_robin` | whose turn it is, never in lumps | where requests cost about the same, and "
	"endpoints are some hundreds at most. |\n"
	"| `least_requests` | of two, drawn by weight, the one with fewer requests in flight for its "
	"weight; up to three are all compared | where requests or machines differ. |\n"
	"| `random` | drawn by weight | where several gateways stand before many endpoints. |\n"
	"| `{ hash: consumer }` | whose the key is, by a table (Maglev) that is the same on every node "
	"| where an endpoint remembers whom it has served. |\n"
	"\n"
	"**`hash`** keeps requests with one key at one endpoint: `client_ip`; `consumer`, or the "
	"address where nobody is known; `header:NAME` (its first line); `cookie:NAME`. A request "
	"without the field or the cookie goes anywhere, by weight; the gateway sets no cookie. What is "
	"taken away from what clients send ([rate_limit](#policies-rate_limit)) is there only where a "
	"policy has set it. When "
	"one of N endpoints leaves, its keys are shared out among the others and few of theirs move: "
	"at most one in fifty where there were 100. Who chooses the key chooses the endpoint, as far as "
	"`bound` lets it.\n"
	"\n"
	"**`bound`** keeps what everybody asks for from crushing one endpoint: it has at most 125 "
	"percent, or what is said, of its share of the requests in flight, and four are always "
	"allowed; beyond it the next one in the table is asked, and the least busy where none of the "
	"next 64 has room. The mean is that of 32 endpoints where there are more, so that some get more "
	"than the bound then, as the last column below shows.\n"
	"\n"
	"**A request that is tried again** goes to an endpoint that it has not tried, with `hash` to "
	"the next one in the table. Backups are asked when all others were tried or may not serve; "
	"under `hash` the least busy of them.\n"
	"\n"
	"What it costs and how evenly it spreads, as `bench/balance_bench.c` measures it on one core "
	"of a busy machine: nanoseconds to choose among 10 and among 1,000; the most that one of 10 "
	"endpoints with weights from 1 to 5 gets of a million requests, one at a time, in percent of "
	"its share; and the highest load while 1,000 requests are in flight, in percent of the mean.\n"
	"\n"
	"| balance | ns, of 10 | ns, of 1,000 | most, by weight | highest load of 10 | highest load of "
	"100 |\n"
	"| --- | --- | --- | --- | --- | --- |\n"
	"| round_robin | 34 | 2,960 | 100 | 122 | 200 |\n"
	"| least_requests | 55 | 142 | 101 | 105 | 140 |\n"
	"| random | 27 | 67 | 101 | 137 | 250 |\n"
	"| hash | 6 | 7 | 100 | 125 | 140 |\n"
	"\n"
	"Those who have nothing in flight share by weight with `least_requests`, as far as it has grown "
	"(`slow_start`). The table of `hash` is made once for each list of endpoints, in some 15 ms where "
	"there are 1,000, and "
	"takes at most 128 KiB.\n";

void manual_print_balancing(FILE *to)
{
	fputs(words, to);
}
