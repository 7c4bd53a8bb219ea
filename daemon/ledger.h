/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is promised: the memory that requests may have, and what each account has
 * and may have. All in pages. Bookings are made here and nowhere else. Pure.
 */
#ifndef CMABULKD_LEDGER_H
#define CMABULKD_LEDGER_H

#include <glib.h>

#include "broker.h"
#include "counters.h"
#include "queue.h"
#include "request.h"

/* An account in this pool. Lives as long as something is charged, pending, queued or guaranteed. */
struct account {
	struct queue_member member; /* first: the queue knows nothing else of it */
	char name[64];
	uid_t uid;
	const struct account_rule *rule; /* in force; NULL when not configured any more */
	uint64_t minimum_pages; /* guaranteed */
	uint64_t maximum_pages;
	uint64_t exported_pages; /* live buffers, draining ones too */
	uint64_t buffers;
	uint64_t draining_pages; /* of the exported ones: on their way back */
	uint64_t draining_buffers; /* of the buffers */
	uint64_t booked_pages; /* requests that hold or may hold chunks */
	uint64_t booked_buffers;
	uint64_t pending;
	uint64_t pending_ahead; /* apart from these: a hint is in the way of no request */
	uint64_t ahead_pages; /* of the booked ones */
	uint64_t n_ahead; /* requests ahead that are not freed */
	uint64_t spared_until_ns; /* was asked to give back: not before then again */
	/* Requests let in since then, for its rate. */
	uint64_t rate_begin_ns;
	uint64_t rate_burst; /* by which they are counted */
	uint64_t rate_interval_usec;
	uint64_t rate_count;
	struct account_counters *counters;
};

struct ledger {
	uint64_t now_ns; /* the last time that was told */
	struct broker_geometry geometry;
	struct account_rules *rules;
	GHashTable *accounts; /* name -> struct account */
	struct pool_counters counters;
	GPtrArray *guaranteed; /* struct account: those of them with a minimum */
	uint64_t free_pages; /* as the kernel says, less what came since */
	/* The free pages when the fill that runs began: it has taken some of those the kernel counts now. */
	uint64_t free_before;
	uint64_t held_pages; /* by requests */
	uint64_t booked_pages; /* by requests: what they hold and may get */
	unsigned int
		bookings; /* requests with booked pages, but for those ahead: nobody waits for their end */
};

void ledger_init(struct ledger *ledger, const struct broker_geometry *geometry,
		 struct account_rules *rules);
void ledger_clear(struct ledger *ledger);

/* Made when it is not there. */
struct account *ledger_get_account(struct ledger *ledger, const char *name, uid_t uid);
/* The same of a name that stands in the kernel's books. */
struct account *ledger_get_account_by_name(struct ledger *ledger, const char *name);
void ledger_set_rules(struct ledger *ledger, struct account_rules *rules);
/* Forget accounts that are not in use. */
void ledger_collect(struct ledger *ledger);

/* 0: @rule lets another request in now; else how long it has to wait. */
uint64_t ledger_get_rate_wait(const struct ledger *ledger, const struct account_rule *rule,
			      const struct account *account);
void ledger_count_request(const struct ledger *ledger, const struct account_rule *rule,
			  struct account *account);

uint64_t ledger_maximum_pages(const struct ledger *ledger, const struct account_rule *rule);

/* May its account have all that it asks for, on top of what it has and is getting? */
bool ledger_allows(const struct broker_request *request);
/* It may not, and perhaps could if nothing was claimed ahead for that account. */
bool ledger_allows_but_for_ahead(const struct broker_request *request);
/* Is there memory for all of it, besides what others are promised and guaranteed? */
bool ledger_fits(const struct ledger *ledger, const struct broker_request *request);
/*
 * Chunks that could be booked for it, 0 when it has to wait. Less than all only when nobody is promised
 * anything: then waiting for requests brings nothing.
 */
uint64_t ledger_offer(const struct ledger *ledger, const struct broker_request *request);
/* Chunks that could be booked on top for one that was booked short and has got that. */
uint64_t ledger_offer_more(const struct ledger *ledger, const struct broker_request *request);

/* Pages that it asks for and that are not there for it. */
uint64_t ledger_lacking(const struct ledger *ledger, const struct broker_request *request);
/* Pages that the account has in its hands above its guarantee. */
uint64_t ledger_excess(const struct account *account);
/* Has it, without so many of its booked pages, more than it is guaranteed? */
bool ledger_is_above_minimum(const struct account *account, uint64_t leaving_pages);
/* Would it still be within its guarantee? */
bool ledger_is_guaranteed(const struct broker_request *request);
/* Why no more can be booked for it: -ENOSPC where others are guaranteed what is left, or -EBUSY. */
int ledger_shortage(const struct ledger *ledger, const struct broker_request *request);
/* What an account can never have of the pool, however empty it is: others are guaranteed that. */
uint64_t ledger_guaranteed_to_others(const struct ledger *ledger, const struct account *account);
/* Of what is guaranteed and not used, what there is no memory for. 0 as it should be. */
uint64_t ledger_uncovered(const struct ledger *ledger);

void ledger_book(struct ledger *ledger, struct broker_request *request, uint64_t chunks);
void ledger_claim(struct ledger *ledger, struct broker_request *request, uint64_t chunks);
/* It gets no more: what it holds stays booked; of the account's buffers, @buffers. */
void ledger_settle(struct ledger *ledger, struct broker_request *request, uint64_t buffers);
/* Pages of it became a buffer. */
void ledger_export(struct ledger *ledger, struct broker_request *request, uint64_t pages);
/*
 * @request, which has nothing, takes over what @from holds, and is booked what else it asks for, if it
 * may be. False: that is not all that it asks for, and nothing was done.
 */
bool ledger_take_over(struct ledger *ledger, struct broker_request *request,
		      struct broker_request *from, bool may_book_more);
/* It has nothing any more. Returns the pages that it held. */
uint64_t ledger_release(struct ledger *ledger, struct broker_request *request);

#endif
