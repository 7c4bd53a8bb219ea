/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Generic netlink: see events.h. Uses libnl. */
#include "events.h"

#include <errno.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>
#include <poll.h>
#include <string.h>

/* Bytes of receive buffer: no test is to lose an event it did not mean to lose. */
#define RECEIVE_BYTES (4 << 20)

struct events {
	struct nl_sock *socket;
	GQueue *queue; /* of struct event, owned */
};

static guint64 attribute_number(struct nlattr **attributes, int type)
{
	return attributes[type] ? nla_get_u64(attributes[type]) : 0;
}

static guint64 attributes_present(struct nlattr **attributes)
{
	guint64 present = 0;

	for (int type = 0; type <= CMABULK_ATTR_MAX; type++)
		if (attributes[type])
			present |= G_GUINT64_CONSTANT(1) << type;
	return present;
}

static void attribute_pool(struct nlattr **attributes, char pool[CMABULK_POOL_NAME_LEN])
{
	g_assert_nonnull(attributes[CMABULK_ATTR_POOL]);
	g_strlcpy(pool, nla_get_string(attributes[CMABULK_ATTR_POOL]), CMABULK_POOL_NAME_LEN);
}

static int event_receive(struct nl_msg *message, void *data)
{
	struct nlattr *attributes[CMABULK_ATTR_MAX + 1];
	struct nlmsghdr *header = nlmsg_hdr(message);
	struct events *events = data;
	struct event *event = g_new0(struct event, 1);

	g_assert_cmpint(genlmsg_parse(header, 0, attributes, CMABULK_ATTR_MAX, NULL), ==, 0);
	event->command = genlmsg_hdr(header)->cmd;
	attribute_pool(attributes, event->pool);
	event->sequence = attribute_number(attributes, CMABULK_ATTR_SEQUENCE);
	event->id = attribute_number(attributes, CMABULK_ATTR_ID);
	event->pages = attribute_number(attributes, CMABULK_ATTR_PAGES);
	event->inode = attribute_number(attributes, CMABULK_ATTR_INODE);
	event->reservation = attribute_number(attributes, CMABULK_ATTR_RESERVATION);
	event->present = attributes_present(attributes);
	g_queue_push_tail(events->queue, event);
	return NL_OK;
}

static struct nl_sock *socket_connect(void)
{
	struct nl_sock *socket = nl_socket_alloc();

	g_assert_nonnull(socket);
	g_assert_cmpint(genl_connect(socket), ==, 0);
	return socket;
}

struct events *events_new(void)
{
	struct events *events = g_new0(struct events, 1);
	int group;

	events->queue = g_queue_new();
	events->socket = socket_connect();
	group = genl_ctrl_resolve_grp(events->socket, CMABULK_GENL_NAME, CMABULK_GENL_GROUP);
	if (group < 0)
		g_error("netlink group %s: %s", CMABULK_GENL_GROUP, nl_geterror(group));
	nl_socket_disable_seq_check(events->socket);
	nl_socket_modify_cb(events->socket, NL_CB_VALID, NL_CB_CUSTOM, event_receive, events);
	g_assert_cmpint(nl_socket_set_nonblocking(events->socket), ==, 0);
	g_assert_cmpint(nl_socket_set_buffer_size(events->socket, RECEIVE_BYTES, 0), ==, 0);
	g_assert_cmpint(nl_socket_add_membership(events->socket, group), ==, 0);
	return events;
}

void events_free(struct events *events)
{
	nl_socket_free(events->socket);
	g_queue_free_full(events->queue, g_free);
	g_free(events);
}

void events_wait(struct events *events, int timeout_ms)
{
	struct pollfd poller = { .fd = nl_socket_get_fd(events->socket), .events = POLLIN };

	if (poll(&poller, 1, timeout_ms) > 0)
		nl_recvmsgs_default(events->socket);
}

bool events_next(struct events *events, int timeout_ms, struct event *ret)
{
	struct event *event;

	if (g_queue_is_empty(events->queue))
		events_wait(events, timeout_ms);
	event = g_queue_pop_head(events->queue);
	if (!event)
		return false;
	*ret = *event;
	g_free(event);
	return true;
}

bool events_overrun(struct events *events)
{
	return nl_recvmsgs_default(events->socket) == -NLE_NOMEM;
}

static int counters_receive(struct nl_msg *message, void *data)
{
	struct nlattr *attributes[CMABULK_ATTR_MAX + 1];
	struct counters counters = { 0 };
	GArray *array = data;

	g_assert_cmpint(genlmsg_parse(nlmsg_hdr(message), 0, attributes, CMABULK_ATTR_MAX, NULL),
			==, 0);
	attribute_pool(attributes, counters.pool);
	counters.present = attributes_present(attributes);
	for (int type = CMABULK_ATTR_SEQUENCE; type <= CMABULK_ATTR_MAX; type++)
		counters.values[type] = attribute_number(attributes, type);
	g_array_append_vals(array, &counters, 1);
	return NL_OK;
}

static int counters_errno(int error)
{
	switch (error) {
	case 0:
		return 0;
	case -NLE_NOMEM:
		return -ENOMEM;
	case -NLE_FAILURE:
		/* What socket(2) says when it has no memory, and libnl has no name for. */
		return errno == ENFILE ? -ENOMEM : -EIO;
	case -NLE_OBJ_NOTFOUND:
		return -ENOENT;
	default:
		return -EIO;
	}
}

static int counters_receive_all(struct nl_sock *socket, GArray *array)
{
	int family = genl_ctrl_resolve(socket, CMABULK_GENL_NAME), error;

	if (family < 0)
		return family;
	nl_socket_modify_cb(socket, NL_CB_VALID, NL_CB_CUSTOM, counters_receive, array);
	error = genl_send_simple(socket, family, CMABULK_CMD_POOL_GET, CMABULK_GENL_VERSION,
				 NLM_F_DUMP);
	return error < 0 ? error : nl_recvmsgs_default(socket);
}

int counters_dump(GArray **ret)
{
	GArray *array = g_array_new(FALSE, TRUE, sizeof(struct counters));
	struct nl_sock *socket = nl_socket_alloc();
	int error;

	g_assert_nonnull(socket);
	error = genl_connect(socket);
	if (error >= 0)
		error = counters_receive_all(socket, array);
	error = counters_errno(MIN(error, 0));
	nl_socket_free(socket);
	if (error < 0)
		g_array_unref(array);
	*ret = error < 0 ? NULL : array;
	return error;
}
