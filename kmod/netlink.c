// SPDX-License-Identifier: GPL-2.0-only
/*
 * The generic netlink family: events in the order of their numbers, sent by
 * one work item per pool, and the counters of all pools as a dump. Events that
 * cannot be sent, which without memory are all that wait, leave a gap in the
 * numbers, and listeners get ENOBUFS.
 *
 * Waking the worker and every listener costs more than a small buffer does, and
 * each makes three events. So events are sent together, as many in a message as
 * fit: at once when somebody may be waiting for one of them and none were sent a
 * moment ago, otherwise after that moment.
 */
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/workqueue.h>
#include <net/genetlink.h>

#include "netlink.h"
#include "pool.h"

/* The moment: nobody notices who waits for memory, and a program in a loop makes many events. */
#define EVENT_DELAY		(HZ / 100 ?: 1UL)

/* When there are so many, they do not wait: each keeps what it is about in memory. */
#define EVENTS_MAX		128

static struct workqueue_struct *event_workers;
static struct genl_family bulk_family;

/*
 * Events
 */

static bool put_u64(struct sk_buff *skb, enum cmabulk_genl_attribute attribute, u64 value)
{
	return !nla_put_u64_64bit(skb, attribute, value, CMABULK_ATTR_PAD);
}

static bool put_object(struct sk_buff *skb, const struct bulk_object *object)
{
	if (!put_u64(skb, CMABULK_ATTR_ID, object->id))
		return false;
	if (object->kind != CMABULK_OBJECT_BUFFER)
		return true;
	return put_u64(skb, CMABULK_ATTR_INODE, object->inode) &&
	       put_u64(skb, CMABULK_ATTR_RESERVATION, object->reservation);
}

static bool put_event(struct sk_buff *skb, const struct bulk_pool *pool,
		      const struct bulk_event *event)
{
	void *header;

	header = genlmsg_put(skb, 0, 0, &bulk_family, 0, event->command);
	if (!header)
		return false;
	if (nla_put_string(skb, CMABULK_ATTR_POOL, pool->name) ||
	    !put_u64(skb, CMABULK_ATTR_SEQUENCE, event->sequence))
		goto err_cancel;
	if (event->object) {
		if (!put_object(skb, event->object) ||
		    !put_u64(skb, CMABULK_ATTR_PAGES, event->pages))
			goto err_cancel;
	} else if (!put_u64(skb, CMABULK_ATTR_AREA_PAGES, event->pages)) {
		goto err_cancel;
	}
	genlmsg_end(skb, header);
	return true;

err_cancel:
	genlmsg_cancel(skb, header);
	return false;
}

/* The caller's reference to what the event is about ends with it. */
static void event_end(struct bulk_pool *pool, struct bulk_event *event)
{
	if (event->object)
		bulk_object_put(event->object);
	else
		bulk_pool_put(pool);
}

/* Move events from the list to a message as long as they fit. Returns how many did. */
static unsigned int put_events(struct sk_buff *skb, struct bulk_pool *pool,
			       struct list_head *events)
{
	struct bulk_event *event, *next;
	unsigned int count = 0;

	list_for_each_entry_safe(event, next, events, node) {
		if (!put_event(skb, pool, event))
			break;
		list_del_init(&event->node);
		event_end(pool, event);
		count++;
	}
	return count;
}

/* Returns how many there were. */
static unsigned int drop_events(struct bulk_pool *pool, struct list_head *events)
{
	struct bulk_event *event, *next;
	unsigned int count = 0;

	list_for_each_entry_safe(event, next, events, node) {
		list_del_init(&event->node);
		event_end(pool, event);
		count++;
	}
	return count;
}

static void send_events(struct bulk_pool *pool, struct list_head *events)
{
	struct sk_buff *skb;
	unsigned int count;
	int ret;

	while (!list_empty(events)) {
		skb = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
		count = skb ? put_events(skb, pool, events) : 0;
		if (!count) {
			nlmsg_free(skb);
			atomic64_add(drop_events(pool, events), &pool->events_lost);
			/* There may be no later event to show the gap: tell as of an overrun. */
			genl_set_err(&bulk_family, &init_net, 0, 0, -ENOBUFS);
			return;
		}
		ret = genlmsg_multicast(&bulk_family, skb, 0, 0, GFP_KERNEL);
		/* The last listener may have left since. */
		if (ret && ret != -ESRCH)
			atomic64_add(count, &pool->events_lost);
	}
}

static void event_work(struct work_struct *work)
{
	struct bulk_pool *pool = container_of(to_delayed_work(work), struct bulk_pool, event_work);
	LIST_HEAD(events);

	mutex_lock(&pool->lock);
	list_splice_init(&pool->events, &events);
	pool->nr_events = 0;
	pool->events_sent = jiffies;
	mutex_unlock(&pool->lock);
	if (genl_has_listeners(&bulk_family, &init_net, 0))
		send_events(pool, &events);
	else
		drop_events(pool, &events);
	bulk_pool_put(pool);
}

/**
 * bulk_events_schedule() - see that the queued events of a pool are sent
 * @pool:	the caller has a reference
 * @awaited:	somebody may be waiting for the newest of them
 *
 * Context: with bulk_pool.lock held, under which they were queued.
 */
void bulk_events_schedule(struct bulk_pool *pool, bool awaited)
{
	const bool is_quiet = time_after_eq(jiffies, pool->events_sent + EVENT_DELAY);
	bool was_queued;

	lockdep_assert_held(&pool->lock);
	bulk_pool_get(pool);
	/* What is left of a pool that is gone keeps its name from the next one. */
	if ((awaited && is_quiet) || pool->gone || pool->nr_events == EVENTS_MAX) {
		/* What comes before the worker runs goes with these. */
		pool->events_sent = jiffies;
		was_queued = mod_delayed_work(event_workers, &pool->event_work, 0);
	} else {
		was_queued = !queue_delayed_work(event_workers, &pool->event_work, EVENT_DELAY);
	}
	/* With its reference. Under the pool's lock never the last: the caller has one. */
	if (was_queued)
		bulk_pool_put(pool);
}

/**
 * bulk_events_init() - initialise a pool's events
 * @pool:	the pool
 */
void bulk_events_init(struct bulk_pool *pool)
{
	INIT_LIST_HEAD(&pool->events);
	atomic64_set(&pool->events_lost, 0);
	INIT_DELAYED_WORK(&pool->event_work, event_work);
	pool->events_sent = jiffies - EVENT_DELAY;
}

/**
 * bulk_events_finish() - send all events so far of a pool and wait for that
 * @pool:	the pool
 */
void bulk_events_finish(struct bulk_pool *pool)
{
	flush_delayed_work(&pool->event_work);
}

/*
 * Counters
 */

static bool put_counters(struct sk_buff *skb, const struct bulk_pool *pool,
			 const struct bulk_counters *counters)
{
	return put_u64(skb, CMABULK_ATTR_SEQUENCE, counters->sequence) &&
	       put_u64(skb, CMABULK_ATTR_AREA_PAGES, pool->engine.nr_pages) &&
	       put_u64(skb, CMABULK_ATTR_CACHED, counters->pages[CMABULK_STATE_CACHED]) &&
	       put_u64(skb, CMABULK_ATTR_RESERVED, counters->pages[CMABULK_STATE_RESERVED]) &&
	       put_u64(skb, CMABULK_ATTR_EXPORTED, counters->pages[CMABULK_STATE_EXPORTED]) &&
	       put_u64(skb, CMABULK_ATTR_DRAINING, counters->pages[CMABULK_STATE_DRAINING]) &&
	       put_u64(skb, CMABULK_ATTR_BUFFERS, counters->buffers) &&
	       put_u64(skb, CMABULK_ATTR_RESERVATIONS, counters->reservations) &&
	       put_u64(skb, CMABULK_ATTR_FILLS, counters->fills) &&
	       put_u64(skb, CMABULK_ATTR_FILLS_SHORT, counters->fills_short) &&
	       put_u64(skb, CMABULK_ATTR_CHUNKS_ALLOCATED, counters->chunks_allocated);
}

static int dump_pool(struct sk_buff *skb, struct netlink_callback *cb, struct bulk_pool *pool)
{
	struct bulk_counters counters;
	void *header;

	header = genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq, &bulk_family,
			     NLM_F_MULTI, CMABULK_CMD_POOL_GET);
	if (!header)
		return -EMSGSIZE;
	genl_dump_check_consistent(cb, header);
	bulk_books_read(pool, &counters);
	if (nla_put_string(skb, CMABULK_ATTR_POOL, pool->name) ||
	    !put_counters(skb, pool, &counters)) {
		genlmsg_cancel(skb, header);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, header);
	return 0;
}

/* A pool at a time, from the minor where the last message was full. */
static int dump_pools(struct sk_buff *skb, struct netlink_callback *cb)
{
	u32 minor = cb->args[0];
	struct bulk_pool *pool;
	int ret;

	while ((pool = bulk_pool_next(minor, &cb->seq))) {
		ret = dump_pool(skb, cb, pool);
		minor = pool->minor + !ret;
		bulk_pool_put(pool);
		if (ret)
			break;
	}
	cb->args[0] = minor;
	return skb->len;
}

/*
 * The family
 */

static const struct genl_small_ops bulk_operations[] = {
	{
		.cmd = CMABULK_CMD_POOL_GET,
		.dumpit = dump_pools,
	},
};

static const struct genl_multicast_group bulk_groups[] = {
	{ .name = CMABULK_GENL_GROUP },
};

/* No operation takes attributes: from resv_start_op on, all are refused. */
static struct genl_family bulk_family __ro_after_init = {
	.name = CMABULK_GENL_NAME,
	.version = CMABULK_GENL_VERSION,
	.module = THIS_MODULE,
	.small_ops = bulk_operations,
	.n_small_ops = ARRAY_SIZE(bulk_operations),
	.resv_start_op = CMABULK_CMD_POOL_GET,
	.mcgrps = bulk_groups,
	.n_mcgrps = ARRAY_SIZE(bulk_groups),
};

/**
 * bulk_events_module_init() - register the family
 *
 * Return: 0, -ENOMEM, or what registering returns.
 */
int __init bulk_events_module_init(void)
{
	int ret;

	event_workers = alloc_workqueue("cmabulk_events", WQ_UNBOUND, 0);
	if (!event_workers)
		return -ENOMEM;
	ret = genl_register_family(&bulk_family);
	if (ret)
		destroy_workqueue(event_workers);
	return ret;
}

/**
 * bulk_events_module_exit() - undo bulk_events_module_init()
 *
 * All pools are gone and their events sent by now.
 */
void bulk_events_module_exit(void)
{
	destroy_workqueue(event_workers);
	genl_unregister_family(&bulk_family);
}
