/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h2_asking_testing: exchanges on a session, as the proxy has them: one fiber reads the answer, another sends
 * the body.
 */
#pragma once

#include "base/testing.h"
#include "http/h2_client_testing.h"

enum { ASKED_TEXT_MAX = 1024 * 1024 };

/* One exchange, in a fiber of its own, and its body in another where there is one. */
struct asked {
	struct h2_scene *scene;
	struct client *client;
	struct arena arena;
	const char *head;
	enum http_method method;
	enum http_framing framing;
	uint64_t length;
	str body; /* what is sent */
	const struct http_fields *trailers;
	deadline until;
	size_t reads_max; /* bytes of the answer; then it waits to be cancelled */
	struct fiber *reader, *writer;
	bool is_done;
	result_value sent;
	struct buf out;
	char text[ASKED_TEXT_MAX];
};

struct asked *ask_with(struct h2_scene *scene, struct asked as);
/* What is 0 is as usual: GET / without a body, a minute, everything read. */

#define ASK(scene, ...) ask_with((scene), (struct asked) { __VA_ARGS__ })

str told(const struct asked *asked);
/* What came of it so far: "200 a=b|length 2|hi| trailer=x", then "!reset" and the like. */

void forget(struct asked **asked);
/* As the proxy ends an exchange, over or not. */
