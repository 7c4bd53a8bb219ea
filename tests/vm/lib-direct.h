/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The library in direct mode on the real module: a connection, a request for all of the reference's chunks. */
#ifndef TESTS_VM_LIB_DIRECT_H
#define TESTS_VM_LIB_DIRECT_H

#include <stddef.h>

#include <cmabulk.h>

#include "lib/books.h"
#include "lib/frames.h"
#include "lib/machine.h"
#include "lib/occupant.h"
#include "lib/pins.h"
#include "lib/pool.h"

#define ORDER	    4
#define CHUNK_PAGES (1 << ORDER)
#define CHUNKS	    G_GUINT64_CONSTANT(4800)
#define BUFFERS	    25

/* What an output holds that a failed call must leave alone. */
#define UNTOUCHED ((void *)1)

struct direct {
	struct cmabulk_connection *connection;
	struct cmabulk_request *request;
	struct cmabulk_allocation *allocation;
	struct area area;
	int pool;
	size_t chunk_size;
	struct books books;
};

/* Before and after each test; nothing may be left in between. */
void direct_setup(struct direct *direct, gconstpointer data);
void direct_teardown(struct direct *direct, gconstpointer data);

#define DIRECT_ADD(name, function) \
	g_test_add("/library/" name, struct direct, NULL, direct_setup, function, direct_teardown)

/* What the request says; what comes is the fixture's. */
int direct_allocate(struct direct *direct);
void direct_release(struct direct *direct);
guint64 direct_pool_chunks(const struct direct *direct);
/* Nothing was allocated and the pool has nothing in anybody's hands. */
void direct_assert_nothing_kept(struct direct *direct);
/* Zero as it comes; then every word gets a value that says where it is. */
void direct_use_buffer(struct cmabulk_buffer *buffer, guint64 salt);
void direct_assert_used(const struct cmabulk_buffer *buffer, guint64 salt);
void direct_assert_layout(const struct direct *direct, struct cmabulk_buffer *buffer,
			  guint64 chunks);
/* What the steps got adds up to what was claimed, and efforts rise. */
void direct_assert_steps(const struct cmabulk_allocation *allocation);

/* Memory of ours in a good part of the area, with a page pinned in many pageblocks. */
struct direct_pressure {
	struct occupant occupant;
	struct pins pins;
	size_t pinned;
	int frames;
};

void direct_pressure_make(struct direct_pressure *pressure, const struct area *area);
void direct_pressure_end(struct direct_pressure *pressure);

/* Each adds the tests of one file, lib-direct-NAME.c. */
void direct_add_allocations(void);
void direct_add_shortages(void);
void direct_add_cancellations(void);
void direct_add_refusals(void);
void direct_add_buffers(void);
void direct_add_removals(void);

#endif
