/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is claimed ahead of its need, on a hint: kept for the account's next request, and the first to
 * go when anybody lacks memory. Pure.
 */
#ifndef CMABULKD_AHEAD_H
#define CMABULKD_AHEAD_H

#include "broker-state.h"

/* So many at a time for an account: each holds memory that nobody uses. */
#define AHEAD_PER_ACCOUNT 16

/* It ends, but what it has is of use. */
bool ahead_is_worth_keeping(const struct broker_request *request);
void ahead_keep(struct broker *broker, struct broker_request *request);
/* @request, which was just admitted, takes over what is kept for its account, if that suits it. */
void ahead_take_over(struct broker *broker, struct broker_request *request);
/* What belongs to accounts that are not configured any more goes. */
void ahead_check_accounts(struct broker *broker);

/*
 * Its account may have all that it asks for, and the pool has not got it; or what it has claimed ahead is in its
 * way. Never of one that is ahead.
 */
bool ahead_lacks_memory(const struct broker *broker, const struct broker_request *request);
/* The oldest that would go on if there were more memory; NULL: nobody lacks any. */
struct broker_request *ahead_find_lacking(const struct broker *broker);
/* Lets the youngest go that @lacking may have. False: there is none. */
bool ahead_drop_one(struct broker *broker, const struct broker_request *lacking);

#endif
