// SPDX-License-Identifier: LGPL-2.1-or-later
/* The module's events: one generic netlink socket for all pools of the process. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include <glib.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>

#include "netlink.h"

/* Room for some thousand events while the loop is busy; what does not fit is told as lost. */
#define RECEIVE_BUFFER (1 << 20)

struct netlink {
	struct nl_sock *socket;
	sd_event_source *source;
	int family;
	GPtrArray *subscriptions;
	GArray *received; /* struct netlink_event, of the datagram being read */
	uint64_t round; /* number of the newest delivery */
	unsigned int references; /* subscriptions, and the delivery that runs */
};

struct netlink_subscription {
	struct netlink *netlink;
	char pool[CMABULK_POOL_NAME_LEN];
	const struct netlink_listener *listener;
	void *userdata;
	uint64_t round; /* the newest delivery that it had */
};

/* The process's: the kernel sends every pool's events to every socket, so that one is enough. */
static struct netlink *the_netlink;

static int from_libnl(int error)
{
	switch (-error) {
	case NLE_NOMEM:
		return -ENOMEM;
	case NLE_PERM:
	case NLE_NOACCESS:
		return -EACCES;
	default:
		/* What is not to be found above all: no module, or another. */
		return -EPROTO;
	}
}

static void netlink_unref(struct netlink *netlink)
{
	if (--netlink->references > 0)
		return;
	if (the_netlink == netlink)
		the_netlink = NULL;
	sd_event_source_disable_unref(netlink->source);
	nl_socket_free(netlink->socket);
	g_ptr_array_unref(netlink->subscriptions);
	g_array_unref(netlink->received);
	g_free(netlink);
}

/*
 * Reading
 */

static struct nla_policy attribute_policy[CMABULK_ATTR_MAX + 1] = {
	[CMABULK_ATTR_POOL] = { .type = NLA_NUL_STRING, .maxlen = CMABULK_POOL_NAME_LEN },
	[CMABULK_ATTR_SEQUENCE] = { .type = NLA_U64 },
	[CMABULK_ATTR_ID] = { .type = NLA_U64 },
	[CMABULK_ATTR_PAGES] = { .type = NLA_U64 },
	[CMABULK_ATTR_INODE] = { .type = NLA_U64 },
	[CMABULK_ATTR_AREA_PAGES] = { .type = NLA_U64 },
};

static uint64_t get_u64(struct nlattr *attribute)
{
	return attribute ? nla_get_u64(attribute) : 0;
}

static bool is_event(enum cmabulk_genl_command command)
{
	return command >= CMABULK_CMD_EXPORTED && command <= CMABULK_CMD_POOL_REMOVED;
}

/*
 * A message that is none of ours, or of no event that this knows, is skipped: its number will
 * be missing.
 */
static int on_message(struct nl_msg *message, void *userdata)
{
	struct netlink *netlink = userdata;
	struct nlmsghdr *header = nlmsg_hdr(message);
	struct nlattr *attributes[CMABULK_ATTR_MAX + 1];
	struct netlink_event event = { 0 };
	uint64_t pages;

	/* Other processes may write to this socket; the kernel is 0. */
	if (nlmsg_get_src(message)->nl_pid != 0 || header->nlmsg_type != netlink->family)
		return NL_SKIP;
	if (!genlmsg_valid_hdr(header, 0) ||
	    genlmsg_parse(header, 0, attributes, CMABULK_ATTR_MAX, attribute_policy) < 0)
		return NL_SKIP;
	event.command = genlmsg_hdr(header)->cmd;
	if (!is_event(event.command) || !attributes[CMABULK_ATTR_POOL] ||
	    !attributes[CMABULK_ATTR_SEQUENCE])
		return NL_SKIP;
	g_strlcpy(event.pool, nla_get_string(attributes[CMABULK_ATTR_POOL]), sizeof(event.pool));
	pages = get_u64(attributes[CMABULK_ATTR_PAGES]);
	event.sequence = get_u64(attributes[CMABULK_ATTR_SEQUENCE]);
	event.id = get_u64(attributes[CMABULK_ATTR_ID]);
	event.inode = get_u64(attributes[CMABULK_ATTR_INODE]);
	event.pages = pages ? pages : get_u64(attributes[CMABULK_ATTR_AREA_PAGES]);
	g_array_append_val(netlink->received, event);
	return NL_OK;
}

/* The next one that has not had this round: callbacks may take away and add any. */
static struct netlink_subscription *next_subscription(struct netlink *netlink, const char *pool)
{
	for (guint i = 0; i < netlink->subscriptions->len; i++) {
		struct netlink_subscription *subscription = netlink->subscriptions->pdata[i];

		if (subscription->round < netlink->round &&
		    (!pool || strcmp(subscription->pool, pool) == 0)) {
			subscription->round = netlink->round;
			return subscription;
		}
	}
	return NULL;
}

static void tell(struct netlink *netlink, const struct netlink_event *event)
{
	struct netlink_subscription *subscription;

	netlink->round++;
	while ((subscription = next_subscription(netlink, event->pool)))
		subscription->listener->event(subscription->userdata, event);
}

static void tell_lost(struct netlink *netlink)
{
	struct netlink_subscription *subscription;

	netlink->round++;
	while ((subscription = next_subscription(netlink, NULL)))
		subscription->listener->lost(subscription->userdata);
}

/* One datagram; the loop comes back as long as there are more. */
static int on_readable(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct netlink *netlink = userdata;
	int r;

	netlink->references++;
	g_array_set_size(netlink->received, 0);
	r = nl_recvmsgs_default(netlink->socket);
	for (guint i = 0; i < netlink->received->len; i++) {
		/*
		 * By value: the array is another's when a callback gets here again, which none
		 * does today.
		 */
		struct netlink_event event =
			g_array_index(netlink->received, struct netlink_event, i);

		tell(netlink, &event);
	}
	/* ENOBUFS, which libnl calls NLE_NOMEM; and whatever else may have cost us an event. */
	if (r < 0 && r != -NLE_AGAIN && r != -NLE_INTR)
		tell_lost(netlink);
	netlink_unref(netlink);
	return 0;
}

/*
 * Opening
 */

static int join(struct netlink *netlink)
{
	int group;
	int r;

	r = genl_connect(netlink->socket);
	if (r < 0)
		return from_libnl(r);
	netlink->family = genl_ctrl_resolve(netlink->socket, CMABULK_GENL_NAME);
	if (netlink->family < 0)
		return from_libnl(netlink->family);
	group = genl_ctrl_resolve_grp(netlink->socket, CMABULK_GENL_NAME, CMABULK_GENL_GROUP);
	if (group < 0)
		return from_libnl(group);
	/* Only after the questions: what comes now is events. */
	nl_socket_disable_seq_check(netlink->socket);
	r = nl_socket_modify_cb(netlink->socket, NL_CB_VALID, NL_CB_CUSTOM, on_message, netlink);
	if (r >= 0)
		r = nl_socket_set_nonblocking(netlink->socket);
	if (r < 0)
		return from_libnl(r);
	/* As much as we are allowed to; less only makes losses more likely. */
	nl_socket_set_buffer_size(netlink->socket, RECEIVE_BUFFER, 0);
	r = nl_socket_add_membership(netlink->socket, group);
	return r < 0 ? from_libnl(r) : 0;
}

static int netlink_open(sd_event *event, struct netlink **ret)
{
	struct netlink *netlink = g_new0(struct netlink, 1);
	int r = -ENOMEM;

	netlink->references = 1;
	netlink->subscriptions = g_ptr_array_new();
	netlink->received = g_array_new(FALSE, FALSE, sizeof(struct netlink_event));
	netlink->socket = nl_socket_alloc();
	if (netlink->socket)
		r = join(netlink);
	if (r >= 0)
		r = sd_event_add_io(event, &netlink->source, nl_socket_get_fd(netlink->socket),
				    EPOLLIN, on_readable, netlink);
	/*
	 * Before requests of clients, which refer to what the events tell. It is a hint:
	 * nothing depends on it.
	 */
	if (r >= 0)
		r = sd_event_source_set_priority(netlink->source, SD_EVENT_PRIORITY_IMPORTANT);
	if (r < 0) {
		netlink_unref(netlink);
		return r;
	}
	sd_event_source_set_description(netlink->source, "netlink");
	*ret = netlink;
	return 0;
}

int netlink_subscribe(sd_event *event, const char *pool, const struct netlink_listener *listener,
		      void *userdata, struct netlink_subscription **ret)
{
	struct netlink_subscription *subscription;
	struct netlink *netlink = the_netlink;

	if (strlen(pool) >= sizeof(subscription->pool))
		return -EINVAL;
	if (netlink) {
		netlink->references++;
	} else {
		int r = netlink_open(event, &netlink);

		if (r < 0)
			return r;
		the_netlink = netlink;
	}
	subscription = g_new0(struct netlink_subscription, 1);
	subscription->netlink = netlink;
	g_strlcpy(subscription->pool, pool, sizeof(subscription->pool));
	subscription->listener = listener;
	subscription->userdata = userdata;
	/* What is being told now was sent before. */
	subscription->round = netlink->round;
	g_ptr_array_add(netlink->subscriptions, subscription);
	*ret = subscription;
	return 0;
}

struct netlink_subscription *netlink_unsubscribe(struct netlink_subscription *subscription)
{
	struct netlink *netlink;

	if (!subscription)
		return NULL;
	netlink = subscription->netlink;
	g_ptr_array_remove(netlink->subscriptions, subscription);
	g_free(subscription);
	netlink_unref(netlink);
	return NULL;
}
