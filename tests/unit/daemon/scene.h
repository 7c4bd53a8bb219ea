/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A broker of 1000 pages of 4 KiB and what it is expected to say, a line each. One
 * chunk is one page, a turn 125 of them.
 */
#ifndef DAEMON_SCENE_H
#define DAEMON_SCENE_H

#include <errno.h>

#include <glib.h>

#include "broker.h"

#define SCENE_PAGES  1000
#define SCENE_PAGE   UINT64_C(4096)
#define SCENE_TURN   UINT64_C(125)
#define SCENE_SECOND UINT64_C(1000000000)

struct scene {
	struct broker *broker;
	struct account_rules *rules;
	uint64_t now_ns;
	uint64_t free_pages;
	uint64_t sequence;
	uint64_t last_id;
	const char *deaf; /* an account of which nobody is there to be asked */
	GString *asked; /* since scene_expect_asked(): "ACCOUNT PAGES, ...", with ! when it is critical */
};

/*
 * Users have all of the pool, but for: 1001 half of it; 1002 two buffers; 1003 one pending
 * request; 1004 and 1005 weights 300 and 50; 1006 a shared account with everybody of group 7; 1007 two requests a
 * second; 1008 the effort normal alone.
 */
void scene_init(struct scene *scene);
void scene_clear(struct scene *scene);
const struct account_rule *scene_rule(const struct scene *scene, uid_t uid);
/* The same rules, but user 1001 may have so many pages, or is not there. */
void scene_limit(struct scene *scene, int64_t pages);

/* The same rules, but 1001 has at least so many pages, and the shared account so many. */
void scene_guarantee(struct scene *scene, uint64_t half, uint64_t team);

/* 20 s, hard, all or nothing; to be changed. */
struct broker_ask scene_ask(const struct scene *scene, uint64_t chunks);
struct broker_request *scene_submit_ask(struct scene *scene, uid_t uid,
					const struct broker_ask *ask);
struct broker_request *scene_submit(struct scene *scene, uid_t uid, uint64_t chunks);
/* A scene with one request, which is being filled with the first effort. */
struct broker_request *scene_begin(struct scene *scene, uid_t uid, uint64_t chunks);
int scene_refused(struct scene *scene, uid_t uid, const struct broker_ask *ask,
		  struct broker_refusal *ret);
void scene_free_pages(struct scene *scene, uint64_t pages);

void scene_expect_nothing(struct scene *scene);
/* Nothing happens before, but that is the time. */
void scene_sleep_until(struct scene *scene, uint64_t time_ns);
/* Nothing but that these accounts are asked to give back so many pages. */
void scene_expect_asked(struct scene *scene, const char *expected);
void scene_expect_fill(struct scene *scene, struct broker_request *request, unsigned int effort,
		       uint64_t chunks);
void scene_expect_interrupt(struct scene *scene, struct broker_request *request);
void scene_expect_give_back(struct scene *scene, struct broker_request *request);
/* Then it is freed, and what it held comes back later. */
void scene_expect_finish(struct scene *scene, struct broker_request *request,
			 enum broker_status status, int error, uint64_t claimed);
/* The same, but it is exported as one buffer, whose id this returns. */
uint64_t scene_expect_export(struct scene *scene, struct broker_request *request,
			     enum broker_status status, int error, uint64_t claimed);

/* In no time, or so long. */
void scene_filled(struct scene *scene, struct broker_request *request, int result,
		  uint64_t granted);
void scene_filled_slowly(struct scene *scene, struct broker_request *request, int result,
			 uint64_t granted, uint64_t elapsed_ns);
/* A request that gets all at once, and is exported as one buffer, whose id this returns. */
uint64_t scene_give(struct scene *scene, uid_t uid, uint64_t chunks);
/* The buffer's pages are back. */
void scene_released(struct scene *scene, uint64_t id, uint64_t pages);
int scene_event(struct scene *scene, enum cmabulk_genl_command command, uint64_t id,
		uint64_t pages);

struct broker_usage scene_usage(const struct scene *scene, const char *account);

#endif
