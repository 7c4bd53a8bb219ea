/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One pool: carries out what its broker decides, with its backend and worker, on the
 * event loop. Knows no bus and no client but by what a grant needs.
 */
#ifndef CMABULKD_POOL_H
#define CMABULKD_POOL_H

#include <systemd/sd-event.h>

#include "backend.h"
#include "broker.h"

struct pool;
struct pool_request; /* one ask, until it was told as finished or abandoned */

struct pool_buffer {
	int fd; /* close-on-exec */
	uint64_t id;
	uint64_t inode;
	uint64_t chunks;
	char name[CMABULK_BUFFER_NAME_LEN];
};

/* How an ask ended. Whoever is told may take the fds (set to -1); the rest is closed. */
struct pool_outcome {
	enum broker_status status;
	int error; /* 0 or negative errno */
	enum broker_cause cause;
	uint64_t claimed;
	uint64_t granted; /* chunks in the buffers */
	uint64_t ahead; /* of those claimed, what was there before it was asked for */
	uint64_t queued_ns;
	uint64_t elapsed_ns;
	const struct broker_step *steps;
	size_t n_steps;
	struct pool_buffer *buffers;
	unsigned int n_buffers;
};

/* Always called from the event loop, never from inside a call into the pool. */
struct pool_listener {
	/* @userdata is the request's; the request is no more. Another pool may be asked at once. */
	void (*finished)(void *userdata, struct pool_outcome *outcome);
	/* The same of one that is ahead: taken over, given back, or over. */
	void (*ahead_ended)(void *userdata);
	/*
	 * Requests wait for memory: @account is to give back so many bytes. False: nobody is there to hear it.
	 * @userdata is the pool's.
	 */
	bool (*asked_back)(struct pool *pool, const char *account, uint64_t bytes,
			   enum broker_pressure pressure, void *userdata);
	/* Something is amiss with a request of @account. @userdata is the pool's. */
	void (*warned)(struct pool *pool, const char *account, const char *sentence,
		       void *userdata);
	/* A buffer made here is gone and its memory back. @userdata is the pool's. */
	void (*released)(struct pool *pool, uint64_t id, uint64_t inode, uint64_t cookie,
			 void *userdata);
	/* One of them outlives the pool, which is freed: nobody will hear of its end. @userdata is the pool's. */
	void (*outlived)(struct pool *pool, uint64_t cookie, void *userdata);
	/* There were facts: its books may be others. @userdata is the pool's. */
	void (*changed)(struct pool *pool, void *userdata);
	/* The device went away, as pool_is_gone() has said for a moment. */
	void (*gone)(struct pool *pool, void *userdata);
	/* It is gone, and its last request finished: to be freed, but not from inside this. */
	void (*ended)(struct pool *pool, void *userdata);
};

/* The module's pool NAME, or a simulated one. Its books are loaded when this returns. */
int pool_open_kmod(sd_event *event, const char *name, struct account_rules *rules,
		   const struct pool_listener *listener, void *userdata, struct pool **ret);
int pool_open_sim(sd_event *event, const struct sim_options *options, struct account_rules *rules,
		  const struct pool_listener *listener, void *userdata, struct pool **ret);
/* Of a simulated one: takes it away, as if its device went. The listener hears of it later. */
void pool_unplug(struct pool *pool);
/* Requests that were not told as finished are dropped, and what they hold is given back. */
struct pool *pool_free(struct pool *pool);

const char *pool_get_name(const struct pool *pool);
const char *pool_get_kind(const struct pool *pool);
void *pool_get_userdata(const struct pool *pool);
bool pool_is_gone(const struct pool *pool);
bool pool_has_ended(const struct pool *pool);
/* Asks the device whether it is. */
bool pool_check_gone(struct pool *pool);
/* As of the last event; name, area, sizes and orders never change. */
const struct cmabulk_query *pool_get_query(const struct pool *pool);
/* Asks the device when there were any. */
uint64_t pool_get_cached_pages(struct pool *pool);
/* What accounts are guaranteed and do not use is not all there. Asks the device when anything is guaranteed. */
bool pool_is_guarantee_at_risk(struct pool *pool);
struct broker *pool_get_broker(struct pool *pool);

void pool_set_rules(struct pool *pool, struct account_rules *rules);
/* For requests to come. */
void pool_set_retry(struct pool *pool, const struct retry *retry);
/* As of a tenth of a second ago, or later: it takes a while, and anybody may ask as often as he likes. */
int pool_survey(struct pool *pool, struct cmabulk_survey *ret);
/*
 * What lives in it, in order of ids, until the next call into the pool: as of @since_ns, when that was
 * asked, or later; or as of a tenth of a second ago, when no change is known since. -EAGAIN: ask again at
 * *ret_when_ns.
 */
int pool_list(struct pool *pool, uint64_t since_ns, const struct backend_snapshot **ret,
	      uint64_t *ret_when_ns);

/*
 * Loads the books from what lives in it, unless they were since @since_ns. It takes a while. -EAGAIN: not
 * before *ret_when_ns.
 */
int pool_look(struct pool *pool, uint64_t since_ns, uint64_t *ret_when_ns);
/* The same, however long it takes: not for what anybody may ask for. */
int pool_look_at_once(struct pool *pool, uint64_t since_ns);

/*
 * Ask. Results are broker_submit()'s, or -ESTALE: whether it is too much cannot be said before a
 * pool_look(). @since_ns is when the client asked. What @owner's account says is filled in. The buffers are
 * named after its label. What is made of memory that was claimed ahead keeps in the kernel's books the owner that
 * had it claimed, of the same account.
 */
int pool_submit(struct pool *pool, const struct account_rule *rule,
		const struct cmabulk_owner *owner, const struct broker_ask *ask, uint64_t since_ns,
		void *userdata, struct pool_request **ret, struct broker_refusal *ret_refusal);
/* As broker_request_set_queued(). */
void pool_request_set_queued(struct pool_request *request, uint64_t queued_ns);
/* Not wanted any more; finished is still called. */
void pool_cancel(struct pool *pool, struct pool_request *request);
/* As pool_cancel(), but finished is not called. */
void pool_abandon(struct pool *pool, struct pool_request *request);

#endif
