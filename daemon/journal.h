/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the log is told of requests, and whatever else an account can cause: a message each, with fields for whoever
 * searches the journal, and no more than a few of each account in some time.
 */
#ifndef CMABULKD_JOURNAL_H
#define CMABULKD_JOURNAL_H

#include "pool.h"
#include "report.h"

/* Of messages, here and elsewhere: cmabulkd(8) has them, and systemd/cmabulk.catalog what to do. */
#define JOURNAL_ID_REFUSED	     "28a6e94c71e14d3c9d1cb2ca11438969"
#define JOURNAL_ID_OVER_QUOTA	     "8f6b831646134807a3213b82926c2ca0"
#define JOURNAL_ID_SHORT	     "15f44d8e4c0248388747b722d0d13e6b"
#define JOURNAL_ID_TIMED_OUT	     "9731ef9ae85646f5be4be69153e1603b"
#define JOURNAL_ID_NOT_FETCHED	     "3a3befbab2224fce96b31fbc8e3512d9"
#define JOURNAL_ID_GUARANTEE_AT_RISK "e43c0d47cdda4b82990c3ba6930fbec3"
#define JOURNAL_ID_GUARANTEE_THERE   "86df2a54ee1140eba4d553ab1cc2a62c"
#define JOURNAL_ID_AUTHORITY	     "b629a2a0827a498fbc4cb6d820f0471a"
#define JOURNAL_ID_CONFIGURATION     "15c8bd6536ac4d22be11b9e58a9b10eb"
#define JOURNAL_ID_NO_POOL	     "47765f6996ba430baf16894a48ff0345"
#define JOURNAL_ID_POOL_UNUSABLE     "338dd49e4ea34db091a0cf1df1c38184"
#define JOURNAL_ID_NOT_KEPT	     "f83a56ece8c64b80bc003b79d6e7939e"
#define JOURNAL_ID_NO_NAME	     "30bf21520a2540fea1aad3c8d8f433ea"

struct journal;

/* @now_ns: a monotonic clock, as clock_now_ns(). */
struct journal *journal_new(uint64_t (*now_ns)(void));
struct journal *journal_free(struct journal *journal);

/* @sentence is what its client was told. */
void journal_refused(struct journal *journal, const struct pool *pool,
		     const struct broker_refusal *refusal, const struct broker_ask *ask,
		     const char *sentence);
/* What is complete, or was cancelled, is no news. */
void journal_ended(struct journal *journal, const char *account, const struct report *report);
/* @bytes of what it was granted went back. */
void journal_not_fetched(struct journal *journal, const char *account, const char *pool,
			 uint64_t bytes);
/* Something is amiss that @account can have so as often as it likes. @pool: NULL for none. */
void journal_warning(struct journal *journal, const char *account, const char *pool,
		     const char *sentence);
/* Something happens to all accounts: it is counted apart, so that nobody hides it by what is said of his own. */
void journal_warning_to_all(struct journal *journal, const char *sentence);
/* @bytes of what accounts are guaranteed are in other hands; 0: not any more. */
void journal_guarantee(const char *pool, uint64_t bytes);
/* Polkit gave no answer that makes sense, and somebody was denied something. */
void journal_authority(const char *why);

#endif
