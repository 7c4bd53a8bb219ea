/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What lives in the kernel, as snapshot and numbered events tell it: every buffer,
 * and the reservations that are nobody's request. Charges buffers to their accounts.
 * Pure.
 */
#ifndef CMABULKD_BOOKS_H
#define CMABULKD_BOOKS_H

#include "ledger.h"

struct books {
	struct ledger *ledger;
	GHashTable *entries; /* id -> struct books_entry */
	uint64_t sequence; /* of the newest event they include */
	struct cmabulk_states states; /* of the entries */
	uint64_t buffers;
	uint64_t reservations;
	uint64_t unmanaged_pages;
};

void books_init(struct books *books, struct ledger *ledger);
void books_clear(struct books *books);

/* Nothing lives, as of @sequence; then one by one what does. */
void books_reset(struct books *books, uint64_t sequence);
void books_add(struct books *books, const struct cmabulk_buffer_info *info);

/* How many pages what has an id, has: struct books_holding; g_array_unref(). */
struct books_holding {
	uint64_t id;
	uint64_t pages;
	struct account *account; /* whose buffer it is; NULL: of none, or no buffer */
};
GArray *books_get_holdings(const struct books *books);
uint64_t books_get_pages(const struct books *books, uint64_t id);

/* One of ours, whether or not its event came first. */
void books_add_own(struct books *books, const struct cmabulk_buffer_info *buffer,
		   struct account *account);
/* A request's reservation was closed and its pages are on their way. */
void books_add_draining(struct books *books, uint64_t id, uint64_t pages);

/* As broker_event(). */
int books_apply(struct books *books, enum cmabulk_genl_command command, uint64_t sequence,
		uint64_t id, uint64_t pages, uint64_t *ret_cookie);

#endif
