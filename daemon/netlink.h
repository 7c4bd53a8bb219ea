/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The module's events: one generic netlink socket for all pools of the process.
 * Knows no order and no books; see order.h. The event loop's thread only.
 */
#ifndef CMABULKD_NETLINK_H
#define CMABULKD_NETLINK_H

#include <linux/cmabulk.h>
#include <stdint.h>

#include <systemd/sd-event.h>

struct netlink_event {
	enum cmabulk_genl_command command;
	char pool[CMABULK_POOL_NAME_LEN];
	uint64_t sequence;
	uint64_t id;
	uint64_t inode;
	uint64_t pages;
};

/* Called on the loop, never from inside netlink_subscribe(); may unsubscribe anybody. */
struct netlink_listener {
	void (*event)(void *userdata, const struct netlink_event *event);
	/* Events of this or another pool were lost. */
	void (*lost)(void *userdata);
};

struct netlink_subscription;

/*
 * Events of the pool that are sent from now on. The first subscription opens the socket, the
 * last to go closes it; all are on the same loop. -EPROTO: there is no such family, or not as
 * this knows it.
 */
int netlink_subscribe(sd_event *event, const char *pool, const struct netlink_listener *listener,
		      void *userdata, struct netlink_subscription **ret);
/* Takes NULL. */
struct netlink_subscription *netlink_unsubscribe(struct netlink_subscription *subscription);

#endif
