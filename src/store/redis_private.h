/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_private: what the files of the client share: redis (calls), redis_cluster (whom to ask),
 * redis_clients (all of a worker, and their lives).
 */
#pragma once

#include "base/line_limit.h"
#include "store/redis.h"
#include "store/redis_connection.h"
#include "store/redis_slots.h"

enum { REDIS_NODES_MAX = 64 };

/* A primary of a cluster. */
struct redis_node {
	char text[REDIS_HOST_MAX + sizeof "[]:65535"]; /* its address */
	str address;
	struct redis_connection *connection;
	bool is_named; /* by the last answer to CLUSTER SLOTS, or since */
};

struct redis {
	struct redis *next;
	const struct redis_means *means;
	struct redis_place *place;
	struct redis_script census; /* counts the gateways */
	size_t users;               /* fibers that are in a call; its own; and the clients' list */
	bool is_stopped;
	struct fiber *counter; /* of gateways, at rest; NULL: none */

	struct redis_connection *home; /* to what is configured */
	struct redis_node *nodes[REDIS_NODES_MAX];
	uint8_t *slots; /* NULL: it is no cluster, as far as is known; else REDIS_SLOTS: a node's place, or
			   REDIS_NODES_MAX */
	bool is_learning;
	deadline learn_after;

	struct line_limit refusals; /* lines about errors that it sends */
};

struct redis_connection *redis_cluster_connection(struct redis *redis, unsigned slot);
/* Whom to ask for it. */

struct redis_connection *redis_cluster_follow(struct redis *redis, const struct redis_connection *from,
					      enum redis_redirect redirect, unsigned slot,
					      const struct redis_spot *spot);
/* Whom `from` sent us to. NULL: it is a node too many, or none. */

void redis_cluster_learn(struct redis *redis);
/* Asks in the background who has which slot, if that was not done just now. */

void redis_cluster_tend(struct redis *redis);
/* Every now and then: learns, where a node is not available. It may have left the cluster, which nobody finds
 * out who asks for no slot that it had. */

void redis_cluster_stop(struct redis *redis);

void redis_leave(struct redis *redis);
/* One user less. */
