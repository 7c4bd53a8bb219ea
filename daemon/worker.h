/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A thread for what blocks: one fill at a time, for one pool. Started by the loop,
 * answered on the loop.
 */
#ifndef CMABULKD_WORKER_H
#define CMABULKD_WORKER_H

#include <systemd/sd-event.h>

#include "backend.h"

struct worker;

/* On the loop: the fill ended with @result, @fill and the time it took are filled in. */
typedef void (*worker_done)(void *userdata, int result, const struct cmabulk_fill *fill,
			    uint64_t elapsed_ns);

int worker_new(sd_event *event, const struct backend_ops *ops, worker_done done, void *userdata,
	       struct worker **ret);
/* -EBUSY when one runs. */
int worker_fill(struct worker *worker, struct backend_reservation *reservation, unsigned int effort,
		uint64_t chunks, uint64_t budget_ns);
/* Interrupts what runs and waits for the thread; done is not called any more. Takes NULL. */
struct worker *worker_free(struct worker *worker);

#endif
