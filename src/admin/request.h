/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request: what the resources of the admin address have in common: whom they serve, and how they answer.
 */
#pragma once

#include "admin/admin.h"
#include "admin/json_stream.h"

struct admin_request {
	struct small_exchange *exchange;
	const struct admin_options *options;
	struct edition *edition; /* held until the answer is sent */
	str path, query;         /* as they came */
	unsigned *checks;        /* under way */
	unsigned *explanations;  /* likewise */
};

typedef result (*admin_resource_fn)(struct admin_request *request);
/* Yields. Answers. */

result admin_problem(struct admin_request *request, int status, str detail);
/* Yields. A problem document (RFC 9457). */

void admin_begin(struct admin_request *request, int status, str content_type);
/* The head of an answer whose length is not known. */

result admin_answer_text(struct admin_request *request, int status, str text);
/* Yields. A line of plain text. */

/* The resources. */
result metrics_resource(struct admin_request *request);
result config_resource(struct admin_request *request);
result apis_resource(struct admin_request *request);
result consumers_resource(struct admin_request *request);
result upstreams_resource(struct admin_request *request);
result certificates_resource(struct admin_request *request);
result explain_resource(struct admin_request *request);
result reload_resource(struct admin_request *request);
result check_resource(struct admin_request *request);
result endpoint_resource(struct admin_request *request);
/* Of every path beneath /v1/upstreams/. */
