/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three options; the rest is what happens, and what a figure means.
 */
#include "main/overload_manual.h"

static const char words[] =
	"\n<a id=\"overload\"></a>\n"
	"# Memory and overload\n\n"
	"**How much memory** the gateway takes at most follows from the configuration. `gatehouse check` "
	"prints it, "
	"with the largest parts:\n\n"
	"```\n"
	"memory: at most 512 MiB (limits.memory): 423 MiB for connections and requests, 89 MiB before "
	"anybody has "
	"come: proofs and sessions 28 MiB, ...\n"
	"```\n\n"
	"Without `limits.memory` it is the sum of all other bounds, which is usually more than a machine "
	"has: set "
	"it. Nine tenths of what the process may have is a good value; what the kernel holds for sockets is "
	"not in it.\n\n"
	"**What is counted** is what clients and upstreams make the gateway hold: connections, TLS, HTTP/2, "
	"stacks, heads "
	"and bodies, encoders, and what is remembered of tokens and answers. What is there before anybody "
	"has come is "
	"reserved as a whole, the configuration twice, for a reload. `gatehouse_memory_bytes` is what is "
	"held "
	"now, `gatehouse_memory_limit_bytes` the bound on it.\n\n"
	"**Where less than an eighth is left**, new requests get 503 (`overloaded`) with `Retry-After`, and "
	"accepts pause: "
	"who comes then waits in the kernel's queue. What has begun goes on with what is left. At the bound "
	"nothing more "
	"is taken in: a request that needs more is answered with 503 as well, if it was not answered yet.\n\n"
	"**Where a worker is late**, the same happens. How late it is, it finds out as a client does: by the "
	"time from when "
	"something is ready until it is served. More than `limits.lag` for twice that time is too late, half "
	"of it is good "
	"again. A refused request costs a fraction of one that is served. Its connection is kept.\n\n"
	"`gatehouse_overload_total` counts refused requests by `reason` (`lag`, `memory`), and how often "
	"accepts have "
	"paused (`accepts_paused`).\n\n"
	"**Who watches the gateway** must get through. The admin address, with `/healthz` and `/readyz`, has "
	"a thread of its "
	"own and is not part of this. A load balancer that checks by the way of clients gets a listener of "
	"its own:\n\n"
	"```yaml\n"
	"listeners:\n"
	"  public: { address: 0.0.0.0:8080 }\n"
	"  checks: { address: 0.0.0.0:8081, priority: high }\n"
	"limits: { memory: 512MiB, lag: 500ms }\n"
	"```\n\n"
	"**Queues** elsewhere have bounds too. Where they are full, what comes is refused or counted, and "
	"nobody waits: "
	"the kernel's for accepts (4,096 for each listener and worker), lines of the access log (1 MiB for "
	"each worker), "
	"of the gateway's own messages (256), questions of policies (1,024 for each worker), password hashes "
	"(64), copies "
	"for mirrors (256), names to be resolved (1,024), requests in flight (65,536 for each worker).\n";

void overload_print_manual(FILE *to)
{
	fputs(words, to);
}
