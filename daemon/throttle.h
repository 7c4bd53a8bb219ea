/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which messages are let through: of each account so many from the first one on within some time, and
 * no more of it until that is over. Pure: time is an argument, in nanoseconds of a monotonic clock.
 */
#ifndef CMABULKD_THROTTLE_H
#define CMABULKD_THROTTLE_H

#include <stdbool.h>
#include <stdint.h>

/* Accounts that are told apart; all beyond that are as one. */
#define THROTTLE_ACCOUNTS_MAX 256

struct throttle;

struct throttle *throttle_new(unsigned int burst, uint64_t interval_ns);
struct throttle *throttle_free(struct throttle *throttle);

/*
 * Whether a message about @account is let through. *ret_left_out is the number of those about it that were not,
 * since the last that was; untouched when this is not either.
 */
bool throttle_pass(struct throttle *throttle, const char *account, uint64_t now_ns,
		   uint64_t *ret_left_out);
/*
 * What was left out and no message of its account will tell any more: the account made room for another, or was one
 * of those that are as one, which *ret_account NULL stands for. g_free(). False: there is no more. To be
 * asked for after each throttle_pass(), until then.
 */
bool throttle_take_left_out(struct throttle *throttle, char **ret_account, uint64_t *ret_left_out);

#endif
