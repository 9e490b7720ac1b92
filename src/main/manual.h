/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manual: the pages of the manual that say what the rows of the configuration's tables do together. Markdown,
 * each with a heading of its own.
 */
#pragma once

#include <stdio.h>

void manual_print_balancing(FILE *to);
/* How an endpoint is chosen. */

void manual_print_cases(FILE *to);
/* What a file of cases holds: words, an example, and every key. */

void manual_print_grpc(FILE *to);
/* gRPC and gRPC-Web. */

void manual_print_health(FILE *to);
/* Who is well, who is not, and who gets requests then. */

void manual_print_http2(FILE *to);
/* HTTP/2 with clients. */

void manual_print_observing(FILE *to);
/* What a running gateway tells: access log and admin address. */

void manual_print_overload(FILE *to);
/* Memory and overload. */

void manual_print_resilience(FILE *to);
/* Retries, deadlines, circuit breakers and hedging. */

void manual_print_streams(FILE *to);
/* WebSockets and streams of events. */
