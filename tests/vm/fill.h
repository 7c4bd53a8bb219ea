/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A pool with nothing in it, and a reservation to FILL. */
#ifndef TESTS_VM_FILL_H
#define TESTS_VM_FILL_H

#include "lib/books.h"
#include "lib/frames.h"
#include "lib/machine.h"
#include "lib/pool.h"

#define ORDER 4
#define PAGES (G_GUINT64_CONSTANT(1) << ORDER)

struct fixture {
	struct area area;
	int pool;
	int frames;
	int reservation;
	GRand *random;
	struct books books;
};

/* All of the pool. */
guint64 pool_chunks(const struct fixture *fixture);

/* Before and after each test: the books are what they were. */
void fill_setup(struct fixture *fixture, gconstpointer data);
void fill_teardown(struct fixture *fixture, gconstpointer data);

#define FILL_ADD(name, function) \
	g_test_add("/fill/" name, struct fixture, NULL, fill_setup, function, fill_teardown)

/* Sees to it that nobody but FILL moves pages or has a hidden store of them; before the first test. */
void scarce_init(void);
/* Adds the tests of fill-scarce.c. */
void fill_add_scarce(void);

#endif
