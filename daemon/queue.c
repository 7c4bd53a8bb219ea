// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Whose turn it is: weighted deficit round robin between accounts, first come first
 * served inside one. Who had nothing to do goes before those that have been at it,
 * once. Knows no memory and no limits. Pure.
 */
#include "queue.h"

#define NSEC_PER_SEC UINT64_C(1000000000)
/* A new sample changes the rate by one part in so many. */
#define RATE_INERTIA 8

void queue_init(struct queue *queue, uint64_t pool_bytes)
{
	*queue = (struct queue){
		.quantum = MAX(MIN(QUEUE_QUANTUM_BYTES, pool_bytes / 8), 1),
	};
	g_queue_init(&queue->fresh);
	g_queue_init(&queue->regular);
}

void queue_member_init(struct queue_member *member)
{
	*member = (struct queue_member){ .quantum = 1 };
	g_queue_init(&member->requests);
	member->link.data = member;
}

void queue_member_set_weight(const struct queue *queue, struct queue_member *member,
			     unsigned int weight)
{
	member->quantum = MAX(queue->quantum * weight / QUEUE_DEFAULT_WEIGHT, 1);
}

static GQueue *get_list(struct queue *queue, enum queue_place place)
{
	return place == QUEUE_FRESH ? &queue->fresh : &queue->regular;
}

static void place(struct queue *queue, struct queue_member *member, enum queue_place where)
{
	if (member->place != QUEUE_AWAY)
		g_queue_unlink(get_list(queue, member->place), &member->link);
	member->place = where;
	if (where != QUEUE_AWAY)
		g_queue_push_tail_link(get_list(queue, where), &member->link);
}

void queue_join(struct queue *queue, struct queue_member *member)
{
	if (member->place != QUEUE_AWAY)
		return;
	member->deficit = (int64_t)member->quantum;
	place(queue, member, QUEUE_FRESH);
}

/*
 * Who is done leaves when its turn would come, and not straight from the fresh ones:
 * else whoever asks for little at a time would go first each time.
 */
void queue_rest(struct queue *queue, struct queue_member *member)
{
	if (member->place == QUEUE_FRESH)
		place(queue, member, QUEUE_REGULAR);
}

static struct queue_member *first_ready(struct queue *queue, enum queue_place where,
					queue_is_ready is_ready, void *userdata)
{
	GList *next;

	for (GList *link = get_list(queue, where)->head; link; link = next) {
		struct queue_member *member = link->data;

		next = link->next;
		if (g_queue_is_empty(&member->requests))
			place(queue, member, QUEUE_AWAY);
		else if (is_ready(member, userdata))
			return member;
	}
	return NULL;
}

static bool has_other(const GQueue *list, const struct queue_member *but, queue_is_ready is_ready,
		      void *userdata)
{
	for (const GList *link = list->head; link; link = link->next) {
		const struct queue_member *member = link->data;

		if (member != but && !g_queue_is_empty((GQueue *)&member->requests) &&
		    is_ready(member, userdata))
			return true;
	}
	return false;
}

bool queue_has_other(const struct queue *queue, const struct queue_member *member,
		     queue_is_ready is_ready, void *userdata)
{
	return has_other(&queue->fresh, member, is_ready, userdata) ||
	       has_other(&queue->regular, member, is_ready, userdata);
}

static bool has_requests(const struct queue_member *member, void *userdata)
{
	return true;
}

/*
 * It has another turn because nobody else can have one. Where somebody else would, but for it or for
 * what it is in the way of, it owes what it owes. Else all is forgiven.
 */
static void settle_alone(const struct queue *queue, struct queue_member *member)
{
	if (!queue_has_other(queue, member, has_requests, NULL))
		member->deficit = (int64_t)member->quantum;
}

struct queue_member *queue_next(struct queue *queue, queue_is_ready is_ready, void *userdata)
{
	for (;;) {
		struct queue_member *member = first_ready(queue, QUEUE_FRESH, is_ready, userdata);

		if (!member)
			member = first_ready(queue, QUEUE_REGULAR, is_ready, userdata);
		if (!member || member->deficit > 0)
			return member;
		/* Its turn is over. */
		if (!queue_has_other(queue, member, is_ready, userdata)) {
			settle_alone(queue, member);
			place(queue, member, QUEUE_REGULAR);
			return member;
		}
		/* Debts have a bound, so that this ends. */
		member->deficit += (int64_t)member->quantum;
		place(queue, member, QUEUE_REGULAR);
	}
}

static uint64_t multiply_divide(uint64_t a, uint64_t b, uint64_t divisor)
{
	unsigned __int128 product = (unsigned __int128)a * b / divisor;

	return product > INT64_MAX / 2 ? INT64_MAX / 2 : (uint64_t)product;
}

static void learn_rate(struct queue *queue, const struct queue_slice *slice)
{
	uint64_t sample;

	if (!slice->bytes || !slice->elapsed_ns)
		return;
	sample = multiply_divide(slice->bytes, NSEC_PER_SEC, slice->elapsed_ns);
	if (queue->rate)
		queue->rate += (sample / RATE_INERTIA) - (queue->rate / RATE_INERTIA);
	else
		queue->rate = sample;
}

/* Memory that is hard to get is dear: others could have had the worker. */
static uint64_t cost(const struct queue *queue, const struct queue_member *member,
		     const struct queue_slice *slice)
{
	uint64_t time = multiply_divide(slice->elapsed_ns, queue->rate, NSEC_PER_SEC);

	if (!slice->bytes && !slice->is_interrupted)
		time = MAX(time, member->quantum);
	return MAX(slice->bytes, time);
}

/* Who had the worker while nobody wanted it owes nothing for that. */
void queue_charge(struct queue *queue, struct queue_member *member, const struct queue_slice *slice)
{
	int64_t floor = slice->is_contended ? -QUEUE_DEBT_TURNS * (int64_t)member->quantum : 0;
	int64_t left = member->deficit - (int64_t)cost(queue, member, slice);

	member->deficit = MAX(left, MIN(floor, member->deficit));
	learn_rate(queue, slice);
	/* It was its turn until somebody came: theirs first, then. */
	if (slice->is_interrupted && member->place != QUEUE_AWAY)
		place(queue, member, QUEUE_REGULAR);
}

void queue_shift_charge(struct queue_member *loser, struct queue_member *winner, uint64_t bytes)
{
	int64_t amount = (int64_t)MIN(bytes, INT64_MAX / 2);
	int64_t floor = -QUEUE_DEBT_TURNS * (int64_t)winner->quantum;

	/* Whoever comes alone goes first once, whatever that costs others or himself. */
	if (loser->place == QUEUE_REGULAR)
		loser->deficit =
			MIN(loser->deficit + amount, MAX(loser->deficit, (int64_t)loser->quantum));
	if (winner->place == QUEUE_REGULAR)
		winner->deficit = MAX(winner->deficit - amount, MIN(floor, winner->deficit));
}
