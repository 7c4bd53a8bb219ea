/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where a pool's memory comes from, behind one table: the module (backend-kmod.c)
 * or memfds (backend-sim.c). Knows no client, no account and no bus. What a report
 * and a survey are is the module's interface, which the simulation follows.
 */
#ifndef CMABULKD_BACKEND_H
#define CMABULKD_BACKEND_H

#include <linux/cmabulk.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <systemd/sd-event.h>

struct backend; /* one pool */
struct backend_reservation; /* claims chunks, until closed */

struct backend_buffer {
	int fd; /* close-on-exec, whoever has the struct owns it */
	uint64_t id;
	uint64_t inode;
};

struct backend_snapshot {
	struct cmabulk_buffer_info *entries; /* free() */
	size_t count;
	uint64_t sequence; /* of the newest event it includes */
	struct cmabulk_states states;
};

/*
 * What a backend tells, always on the event loop's thread and never from inside
 * a call into the backend.
 */
struct backend_listener {
	/* An event newer than the last snapshot, in order, none missing. */
	void (*event)(void *userdata, enum cmabulk_genl_command command, uint64_t sequence,
		      uint64_t id, uint64_t inode, uint64_t pages);
	/* Events were lost: take a snapshot. There are no others before. */
	void (*lost)(void *userdata);
	/*
	 * The pool is no more: calls return -ENODEV, live buffers stay; their events go on as long as none
	 * is lost. A snapshot that returns -ENODEV says the same.
	 */
	void (*gone)(void *userdata);
};

struct backend_ops {
	const char *kind; /* "kmod" or "sim", as on the bus */

	/* Any thread. 0 or negative errno; outputs untouched on error. */
	int (*query)(struct backend *backend, struct cmabulk_query *ret);
	int (*survey)(struct backend *backend, struct cmabulk_survey *ret);
	int (*snapshot)(struct backend *backend, struct backend_snapshot *ret);

	/* Claims nothing yet. *ret_id is its number in snapshots and events: the broker wants it. */
	int (*reserve)(struct backend *backend, const struct cmabulk_owner *owner,
		       unsigned int order, unsigned int align, struct backend_reservation **ret,
		       uint64_t *ret_id);
	/*
	 * Blocks: the pool's worker thread only. The fields and results of CMABULK_IOC_FILL;
	 * in: effort, nr_requests, budget_ns.
	 */
	int (*fill)(struct backend_reservation *reservation, struct cmabulk_fill *fill);
	/* Any thread: a fill that runs, or the next to begin, returns -EINTR before the next range or page. */
	void (*interrupt)(struct backend_reservation *reservation);
	/* Moves chunks into a new buffer. -ENODATA: not so many held. */
	int (*export)(struct backend_reservation *reservation, uint64_t chunks, const char *name,
		      struct backend_buffer *ret);
	/* Gives back what was not exported. No fill may be running. Takes NULL. */
	void (*close)(struct backend_reservation *reservation);

	/* The loop's thread; live buffers live on. */
	void (*free)(struct backend *backend);
};

/* Every implementation begins with this. */
struct backend {
	const struct backend_ops *ops;
	char name[CMABULK_POOL_NAME_LEN];
	const struct backend_listener *listener;
	void *userdata;
};

/*
 * The module's pool NAME. The listener hears what is newer than the first
 * snapshot taken after this. -ENXIO, -EACCES, -EPERM (the unit does not let it),
 * -EPROTO (not the module's, or of an interface this does not understand).
 */
int backend_kmod_open(const char *name, sd_event *event, const struct backend_listener *listener,
		      void *userdata, struct backend **ret);

/*
 * What --simulate NAME=SIZE[,KEY=VALUE...] asks for. The keys are unmovable=N, busy=N,
 * pageblock-order=ORDER and move=DURATION.
 */
struct sim_options {
	char name[CMABULK_POOL_NAME_LEN];
	uint64_t bytes; /* a multiple of a pageblock */
	unsigned int pageblock_order; /* 9 */
	/* Of every so many pageblocks, one has a page that does not move; 0 for none. */
	unsigned int unmovable_every;
	/* Of every so many pageblocks, one is not had by fast; 0 for none. */
	unsigned int busy_every;
	/*
	 * Nanoseconds a fill takes per pageblock it moves. With it, all that nobody was handed
	 * is in use as movable memory, always; else it is free.
	 */
	uint64_t move_ns;
	bool is_removable;
};

/* -EINVAL with a sentence in *ret_problem (g_free()). */
int sim_options_parse(const char *text, struct sim_options *ret, char **ret_problem);
int backend_sim_new(const struct sim_options *options, sd_event *event,
		    const struct backend_listener *listener, void *userdata, struct backend **ret);
/* As when its device went: the listener hears of it, and nothing is to be had any more. */
void backend_sim_unplug(struct backend *backend);

#endif
