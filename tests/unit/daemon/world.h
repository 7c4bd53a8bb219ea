/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A broker, a pool and clients, a clock that does not tick by itself, and the model that watches. */
#ifndef DAEMON_WORLD_H
#define DAEMON_WORLD_H

#include "model.h"

#define WORLD_PAGES 4096
#define MSEC_NS	    UINT64_C(1000000)

#define WORLD_FEW  7
#define WORLD_MANY MODEL_ACCOUNTS

/* What the accounts are: rule, name and user. The rule of the seventh comes and goes. */
struct world_account {
	char rule[16];
	char name[24];
	uid_t uid;
	unsigned int weight;
};

extern struct world_account world_accounts[WORLD_MANY];

struct world {
	GRand *rand;
	struct fake_pool pool;
	struct broker *broker;
	struct account_rules *rules;
	struct model model;
	uint64_t now_ns;
	GPtrArray *clients; /* struct client: requests that are not freed */
	struct client *filling;
	unsigned int fill_effort;
	uint64_t fill_chunks;
	uint64_t fill_granted;
	uint64_t cookie;
};

struct client {
	struct broker_request *request;
	const char *account;
	uint64_t reservation;
	uint64_t cookie;
};

/* A pool with so many of the accounts; without rules and broker for now. */
void world_init(struct world *world, uint32_t seed, unsigned int n_accounts);
void world_clear(struct world *world);
uint64_t world_below(struct world *world, uint64_t bound);
bool world_chance(struct world *world, unsigned int in);
void world_draw_rules(struct world *world);
/* The same as in another. */
void world_take_rules(struct world *world, const struct world *from);
void world_draw_retry(struct world *world);
void world_load(struct world *world);
/* 0, 1 or what else the broker makes of the next event. */
int world_deliver(struct world *world);
void world_tell_free(struct world *world);
void world_run(struct world *world);
void world_end_fill(struct world *world, int result);

#endif
