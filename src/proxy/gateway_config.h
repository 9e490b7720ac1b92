/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gateway_config: the whole configuration as structs: the root of all tables.
 *
 * One member for each key, named as the key. Here is what was written and what holds without it, checked
 * for type and range, not for sense: references are resolved by snapshot.c, which knows all of it.
 */
#pragma once

#include "auth/consumers.h"
#include "observe/access_log.h"
#include "proxy/admin_config.h"
#include "proxy/listener_config.h"
#include "proxy/split.h"
#include "proxy/store_config.h"
#include "route/route.h"
#include "upstream/upstream_config.h"

enum encoded_slashes { ENCODED_SLASHES_REFUSE, ENCODED_SLASHES_KEEP };

struct route_config {
	struct entry entry;
	struct match_config match;
	str upstream;                /* empty: the API's */
	const struct node *weighted; /* NULL: the API's */
	struct sticky_config sticky; /* none: the API's */
	const struct node *timeouts; /* NULL: the API's */
	const struct node *policies;
	str_list without;
};

struct api_config {
	struct entry entry;
	str_list hosts;
	str path;
	str_list methods;
	str upstream;
	const struct node *weighted; /* NULL: upstream, or none */
	struct sticky_config sticky;
	int encoded_slashes;
	const struct node *timeouts; /* NULL: the upstream's */
	const struct node *policies;
	struct {
		struct route_config *at;
		size_t len;
	} routes;
};

struct defaults_config {
	const struct node *policies;
};

struct log_config {
	int level; /* enum journal_level */
	struct access_log_config access;
};

/* Of the whole gateway. */
struct gateway_limits {
	uint64_t memory; /* 0: what the parts' own bounds come to */
	duration lag;    /* 0: however late */
};

struct quotas_config {
	str file;
};

struct gateway_config {
	struct {
		struct listener_config *at;
		size_t len;
	} listeners;
	struct {
		struct upstream_config *at;
		size_t len;
	} upstreams;
	struct {
		struct consumer_config *at;
		size_t len;
	} consumers;
	str_list consumers_from;
	const struct node *policies;
	struct defaults_config defaults;
	struct {
		struct api_config *at;
		size_t len;
	} apis;
	struct gateway_limits limits;
	struct quotas_config quotas;
	struct log_config log;
	struct metrics_config metrics;
	struct admin_config admin;
	struct store_config store;
	int64_t workers; /* 0: one for each core */
};

extern const struct field gateway_fields[];

void gateway_report_unknown_upstream(const struct gateway_config *config, struct reader *reader,
				     const struct node *at, str name, bool is_key);
/* At the text that names it, or at the key that does. Says nothing of one that is configured, but wrong: that
 * was reported. */
