/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A simulated pool on an event loop, and what it told. */
#ifndef TEST_FIXTURE_H
#define TEST_FIXTURE_H

#include <glib.h>
#include <stdbool.h>

#include "backend.h"

struct told {
	enum cmabulk_genl_command command;
	uint64_t sequence;
	uint64_t id;
	uint64_t inode;
	uint64_t pages;
};

struct pool {
	sd_event *loop;
	struct backend *backend;
	const struct backend_ops *ops;
	GArray *told; /* struct told */
	bool frees_itself; /* at the first event */
	bool is_gone; /* as was told */
};

/* @options as of --simulate. Takes the first snapshot. */
void pool_open(struct pool *pool, const char *options);
void pool_close(struct pool *pool);

/* Runs the loop until @count events were told in all. */
void pool_wait(struct pool *pool, guint count);
/* One that came, by its place. */
const struct told *pool_told(const struct pool *pool, guint index);
/* Runs the loop until it has nothing more to do. */
void pool_settle(struct pool *pool);

struct backend_reservation *pool_reserve(struct pool *pool, unsigned int order, unsigned int align);
int pool_fill(struct pool *pool, struct backend_reservation *reservation, unsigned int effort,
	      uint64_t chunks, struct cmabulk_fill *ret);
/* Reserves, fills, exports and closes the reservation; takes and tells nothing if that fails. */
struct backend_buffer pool_make_buffer(struct pool *pool, unsigned int order, uint64_t chunks);

/* Books, list and area say the same; the pages taken. */
uint64_t pool_check(struct pool *pool);

void loop_once(sd_event *loop);

void add_change_tests(void);
void add_config_tests(void);
void add_config_account_tests(void);
void add_config_device_tests(void);
void add_config_pool_tests(void);
void add_device_tests(void);
void add_order_tests(void);
void add_release_tests(void);
void add_sim_tests(void);
void add_size_tests(void);
void add_udev_tests(void);
void add_worker_tests(void);

#endif
