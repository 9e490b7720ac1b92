/* SPDX-License-Identifier: Apache-2.0 */
/*
 * demo: the quick start in one process: an echo upstream, and a gateway with real policies in front of it.
 *
 * The configuration is a text and goes the way of any other, so that what is seen here is what a file would
 * do. The echo server has a thread of its own and a port that the system chose; the gateway's is fixed,
 * because the calls to try are printed with it. Its certificate nobody vouches for, so the calls say where it
 * is.
 */
#include <pthread.h>
#include <stdio.h>

#include "base/assert.h"
#include "main/command.h"
#include "main/demo_certificate.h"
#include "main/echo_server.h"
#include "main/load.h"
#include "main/serve.h"

static const char configuration[] =
	"listeners:\n"
	"  demo: { address: 127.0.0.1:8080 }\n"
	"  secure:\n"
	"    address: 127.0.0.1:8443\n"
	"    tls: { certificates: [ { certificate: \"%.*s\", key: \"%.*s\" } ] }\n"
	"upstreams:\n"
	"  echo: { endpoints: [\"127.0.0.1:%u\"] }\n"
	"defaults:\n"
	"  policies: [request_id: {}, security_headers: {}, compress: {}]\n"
	"apis:\n"
	"  orders:\n"
	"    path: /orders\n"
	"    methods: [GET, POST, DELETE]\n"
	"    upstream: echo\n"
	"    policies:\n"
	"      - cors: { origins: [\"https://app.example.com\"] }\n"
	"      - headers: { request: { set: { X-Team: orders } }, response: { set: { X-Served-By: \"${api}\" "
	"} } }\n"
	"      - body_limit: { size: 64KiB }\n"
	"    routes:\n"
	"      one:\n"
	"        match: { methods: [GET], path: \"/{id}\" }\n"
	"        policies: [rewrite: { path: \"/order-service/v2/${path.id}\" }]\n"
	"  shop:\n"
	"    path: /shop\n"
	"    policies: [redirect: { to: \"/orders?${request.query}\", status: 308 }]\n"
	"  slow: { path: /delay, upstream: echo, timeouts: { response: 2s } }\n"
	"  hello:\n"
	"    path: /hello\n"
	"    policies: [respond: { status: 200, json: { hello: world } }]\n"
	"log: { access: { to: stdout, format: json } }\n"
	"admin: { address: 127.0.0.1:9901 }\n";

static const char calls[] =
	"\n"
	"Gatehouse is in front of a small service that echoes what it gets. Try:\n"
	"\n"
	"  curl -i http://127.0.0.1:8080/hello                      # answered by the gateway itself\n"
	"  curl -i http://127.0.0.1:8080/orders/42                  # rewritten on its way to the service\n"
	"  curl -i -d '{\"item\": 7}' http://127.0.0.1:8080/orders    # passed on with its body\n"
	"  curl -i -X PUT http://127.0.0.1:8080/orders/42           # 405: not a method of this API\n"
	"  curl -i -H 'Origin: https://app.example.com' http://127.0.0.1:8080/orders  # its pages may read "
	"it\n"
	"  curl -i 'http://127.0.0.1:8080/shop?page=2'              # 308: has moved to /orders\n"
	"  curl -i http://127.0.0.1:8080/delay/5000                 # 504: the service is too slow\n"
	"  curl -i --cacert %.*s https://localhost:8443/hello   # by TLS, and HTTP/2\n"
	"  curl -i http://127.0.0.1:9901/metrics                    # what was counted\n"
	"\n"
	"Each call but the last leaves a line of the access log below. Ctrl-C stops.\n\n";

static void *run_echo(void *argument)
{
	echo_server_run(argument);
	return NULL;
}

static str print_configuration(struct arena *arena, const struct demo_certificate *certificate, uint16_t port)
{
	return arena_printf(arena, configuration, STR_ARG(certificate->certificate),
			    STR_ARG(certificate->key), (unsigned)port);
}

/* The calls are printed before the log begins, and flushed, for both go to standard output. */
static int serve_in_front_of(uint16_t port)
{
	struct demo_certificate certificate;
	struct arena arena;
	struct loaded loaded = { 0 };
	result_value found;
	int code = 1;

	arena_init(&arena, NULL, 1 << 20);
	found = demo_certificate_find(&arena, &certificate);
	if (failed(found)) {
		fprintf(stderr, "gatehouse demo: %s\n", found.why);
		return code;
	}
	if (load_text(STR("demo.yaml"), print_configuration(&arena, &certificate, port), &loaded)) {
		printf(calls, STR_ARG(certificate.certificate));
		fflush(stdout);
		code = serve(&(struct serve_options) { .loaded = &loaded });
	}
	unload(&loaded);
	arena_fini(&arena);
	return code;
}

static int demo_run(const struct command *command, int count, char **arguments)
{
	struct address at, bound;
	struct echo_server *server;
	pthread_t thread;
	sigset_t signals;
	result_value made;
	int code, error;

	if (count)
		return command_misused(command, "unexpected argument", arguments[0]);
	ASSERT(address_of_ip(STR("127.0.0.1"), 0, &at));
	made = echo_server_new(&at, &server, &bound);
	if (failed(made)) {
		fprintf(stderr, "gatehouse demo: %s: %s\n", made.why, strerror(made.sys));
		return 1;
	}
	serve_block_signals(&signals); /* they are the gateway's to mind, not the echo server's */
	error = pthread_create(&thread, NULL, run_echo, server);
	if (error) {
		fprintf(stderr, "gatehouse demo: no thread for its service: %s\n", strerror(error));
		echo_server_free(&server);
		return 1;
	}
	code = serve_in_front_of(address_port(&bound));
	echo_server_stop(server);
	pthread_join(thread, NULL);
	echo_server_free(&server);
	return code;
}

const struct command command_demo = {
	.name = "demo",
	.usage = "",
	.summary = "The quick start: a sample upstream and a gateway in front of it, and the calls to try.",
	.help = "\nThe gateway listens on 127.0.0.1:8080 and, with TLS, on 127.0.0.1:8443; its admin address "
		"is\n"
		"127.0.0.1:9901. The certificate is made at the first start and kept in "
		"~/.cache/gatehouse.\n",
	.run = demo_run,
};
