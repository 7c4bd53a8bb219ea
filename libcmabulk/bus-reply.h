/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the daemon replies to Allocate: checked here, so that whoever uses it may
 * rely on it. Knows messages, sends none.
 */
#ifndef LIBCMABULK_BUS_REPLY_H
#define LIBCMABULK_BUS_REPLY_H

#include <systemd/sd-bus.h>

#include "allocation.h"

/* A buffer as announced. */
struct bus_announced {
	uint64_t id;
	uint64_t inode;
	uint64_t chunks;
	const char *name;
};

struct bus_reply {
	/* These two, and the layout's names, live as long as the message. */
	const char *path;
	const char *sender; /* NULL: there is no bus between */
	struct cmabulk_allocation *allocation; /* all but its buffers */
	struct bus_announced *layout;
	uint32_t n_buffers;
	uint64_t chunk_size;
	uint64_t alignment;
	uint64_t serial;
	uint32_t order;
};

/*
 * The reply to a request of @count chunks of 2^@order pages in @buffers buffers, up to the array of file
 * descriptors. -EPROTO: it cannot be that.
 */
int bus_reply_read(struct bus_reply *reply, sd_bus_message *message, uint64_t count, uint32_t order,
		   uint32_t buffers);
void bus_reply_clear(struct bus_reply *reply);

/*
 * Reads an array of file descriptors into buffers, the next ones announced. At least one as long as any is
 * missing; on error the allocation may have some of them.
 */
int bus_reply_read_buffers(struct bus_reply *reply, sd_bus_message *message);

#endif
