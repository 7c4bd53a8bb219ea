// SPDX-License-Identifier: LGPL-2.1-or-later
/* The order of a pool's numbered events. Pure but for its lock. */
#include "order.h"

void event_order_init(struct event_order *order)
{
	*order = (struct event_order){ 0 };
	pthread_mutex_init(&order->lock, NULL);
}

void event_order_destroy(struct event_order *order)
{
	pthread_mutex_destroy(&order->lock);
}

void event_order_snapshot(struct event_order *order, uint64_t sequence)
{
	pthread_mutex_lock(&order->lock);
	/* One that another thread took earlier tells nothing new; it would make a gap of what was told. */
	if (!order->is_known || sequence > order->newest)
		order->newest = sequence;
	order->is_known = true;
	pthread_mutex_unlock(&order->lock);
}

bool event_order_lost(struct event_order *order)
{
	bool was_known;

	pthread_mutex_lock(&order->lock);
	was_known = order->is_known;
	order->is_known = false;
	pthread_mutex_unlock(&order->lock);
	return was_known;
}

enum event_news event_order_next(struct event_order *order, uint64_t sequence)
{
	enum event_news news = EVENT_OLD;

	pthread_mutex_lock(&order->lock);
	if (order->is_known && sequence > order->newest) {
		news = sequence == order->newest + 1 ? EVENT_NEW : EVENT_GAP;
		order->is_known = news == EVENT_NEW;
		order->newest = sequence;
	}
	pthread_mutex_unlock(&order->lock);
	return news;
}
