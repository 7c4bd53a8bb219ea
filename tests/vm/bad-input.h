/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every ioctl with an argument that is right, on a reservation that has chunks and one buffer. */
#ifndef TESTS_VM_BAD_INPUT_H
#define TESTS_VM_BAD_INPUT_H

#include <stdbool.h>

#include "lib/books.h"
#include "lib/machine.h"
#include "lib/pool.h"

#define ORDER 4
#define HELD  12 /* chunks in the reservation all calls are made on */

struct fixture {
	int pool;
	int reservation;
	int buffer;
	struct books books;
};

/* One of the ioctls with an argument that is right; tests spoil it field by field. */
struct call {
	const char *name;
	unsigned long request;
	size_t size;
	bool on_reservation;
	void (*prepare)(void *argument);
};

/* Room for any of the structures and for more than they have. */
union argument {
	guint32 size;
	char bytes[8192];
	struct cmabulk_query query;
	struct cmabulk_survey survey;
	struct cmabulk_buffers buffers;
	struct cmabulk_reserve reserve;
	struct cmabulk_fill fill;
	struct cmabulk_export export;
	struct cmabulk_chunks chunks;
};

#define CALLS 7

/* By number, as in the header. */
extern const struct call calls[CALLS];

/* What BUFFERS and CHUNKS write to. */
extern struct cmabulk_buffer_info call_entries[64];
extern guint64 call_addresses[HELD];

void call_prepare(const struct call *call, union argument *argument);
int call_make(const struct fixture *fixture, const struct call *call, void *argument);
/* Refused, and not a byte of the argument written. */
void call_assert_refused(const struct fixture *fixture, const struct call *call,
			 const union argument *argument, int expected);

/* Before and after each test: the books are what they were. */
void bad_input_setup(struct fixture *fixture, gconstpointer data);
void bad_input_teardown(struct fixture *fixture, gconstpointer data);

#define BAD_INPUT_ADD(name, function)                                                   \
	g_test_add("/bad-input/" name, struct fixture, NULL, bad_input_setup, function, \
		   bad_input_teardown)

/* Each adds the tests of one file, bad-input-NAME.c. */
void bad_input_add_structures(void);
void bad_input_add_values(void);
void bad_input_add_files(void);

#endif
