// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * One pool's requests, accounts and books: takes in the facts, and says what to do. How
 * much anybody may have is the ledger's to say, whose turn it is the queue's, which step
 * is next the policy's, what lives the books'. Pure.
 */
#include <errno.h>
#include <string.h>

#include "books.h"
#include "broker.h"
#include "ledger.h"
#include "policy.h"
#include "queue.h"
#include "request.h"

struct broker {
	struct ledger ledger;
	struct books books;
	struct queue queue;
	GQueue requests; /* struct broker_request, all that are not freed, oldest first */
	GQueue ended; /* of those, to be said */
	uint64_t last_number;
	uint64_t last_booking;
	uint64_t draining_pages; /* as the driver was told */
	bool is_free_stale; /* a fill ended since the driver told the free pages */
	bool is_gone;

	struct broker_request *filling; /* whose fill runs */
	uint64_t fill_chunks;
	bool fill_is_contended;
	bool fill_yields; /* to whoever comes */
	bool fill_is_interrupted; /* that was said */
};

struct broker *broker_new(const struct broker_geometry *geometry, struct account_rules *rules)
{
	struct broker *broker = g_new0(struct broker, 1);

	ledger_init(&broker->ledger, geometry, rules);
	books_init(&broker->books, &broker->ledger);
	queue_init(&broker->queue, geometry->pages * geometry->page_size);
	g_queue_init(&broker->requests);
	g_queue_init(&broker->ended);
	return broker;
}

struct broker *broker_free(struct broker *broker)
{
	if (!broker)
		return NULL;
	books_clear(&broker->books);
	ledger_clear(&broker->ledger);
	g_free(broker);
	return NULL;
}

static struct broker_request *head_of(const struct queue_member *member)
{
	return member->requests.head ? member->requests.head->data : NULL;
}

static bool is_draining(const struct broker *broker)
{
	return broker->draining_pages || broker->books.states.draining;
}

static void set_weight(struct broker *broker, struct account *account)
{
	queue_member_set_weight(&broker->queue, &account->member,
				account->rule ? account->rule->weight : QUEUE_DEFAULT_WEIGHT);
}

void broker_set_rules(struct broker *broker, struct account_rules *rules)
{
	GHashTableIter iterator;
	void *account;

	ledger_set_rules(&broker->ledger, rules);
	g_hash_table_iter_init(&iterator, broker->ledger.accounts);
	while (g_hash_table_iter_next(&iterator, NULL, &account))
		set_weight(broker, account);
}

/*
 * Memory that came back
 */

static void end_waits(struct broker *broker)
{
	for (GList *link = broker->requests.head; link; link = link->next) {
		struct broker_request *request = link->data;

		request->waits_until_ns = 0;
	}
}

void broker_set_free(struct broker *broker, uint64_t free_pages)
{
	/* Just after a fill there is nothing to compare with. */
	if (!broker->is_free_stale && free_pages > broker->ledger.free_pages)
		end_waits(broker);
	broker->ledger.free_pages = free_pages;
	broker->is_free_stale = false;
}

void broker_set_draining(struct broker *broker, uint64_t pages)
{
	broker->draining_pages = pages;
}

static GHashTable *own_reservations(struct broker *broker)
{
	GHashTable *ids = g_hash_table_new(g_int64_hash, g_int64_equal);

	for (GList *link = broker->requests.head; link; link = link->next) {
		struct broker_request *request = link->data;

		if (request->reservation)
			g_hash_table_add(ids, &request->reservation);
	}
	return ids;
}

void broker_load(struct broker *broker, const struct cmabulk_buffer_info *entries, size_t count,
		 uint64_t sequence)
{
	g_autoptr(GHashTable) own = own_reservations(broker);

	books_reset(&broker->books, sequence);
	for (size_t i = 0; i < count; i++)
		if (!g_hash_table_contains(own, &entries[i].id))
			books_add(&broker->books, &entries[i]);
	ledger_collect(&broker->ledger);
	end_waits(broker);
}

/* A driver that closes before it frees may hear of it first. */
static void forget_reservation(struct broker *broker, uint64_t id)
{
	for (GList *link = broker->requests.head; link; link = link->next) {
		struct broker_request *request = link->data;

		if (request->reservation == id && request->stage == REQUEST_FINISHED) {
			ledger_release(&broker->ledger, request);
			request->reservation = 0;
		}
	}
}

int broker_event(struct broker *broker, enum cmabulk_genl_command command, uint64_t sequence,
		 uint64_t id, uint64_t pages, uint64_t *ret_cookie)
{
	int r = books_apply(&broker->books, command, sequence, id, pages, ret_cookie);

	if (r < 0)
		return r;
	if (command == CMABULK_CMD_DROPPED)
		forget_reservation(broker, id);
	if (command == CMABULK_CMD_RELEASED || command == CMABULK_CMD_DROPPED) {
		end_waits(broker);
		ledger_collect(&broker->ledger);
	}
	return r;
}

/*
 * Admission
 */

static int check_ask(const struct ledger *ledger, const struct broker_ask *ask)
{
	const struct broker_geometry *geometry = &ledger->geometry;
	uint64_t pages;

	if (ask->order < geometry->min_order || ask->order > geometry->max_order ||
	    ask->align > geometry->max_order || ask->effort > CMABULK_EFFORT_HARD)
		return -EINVAL;
	if (ask->minimum < 1 || ask->minimum > ask->chunks || ask->buffers < 1 ||
	    ask->buffers > ask->chunks)
		return -EINVAL;
	if (__builtin_mul_overflow(ask->chunks, UINT64_C(1) << ask->order, &pages) ||
	    __builtin_mul_overflow(pages, geometry->page_size, &pages))
		return -EOVERFLOW;
	return ask->chunks << ask->order > geometry->pages ? -E2BIG : 0;
}

static int refuse(struct broker_refusal *ret, int error, const char *reason, uint64_t asked,
		  uint64_t used, uint64_t maximum)
{
	ret->reason = reason;
	ret->asked = asked;
	ret->used = used;
	ret->maximum = maximum;
	return error;
}

static int refuse_size(const struct ledger *ledger, const struct broker_ask *ask, int error,
		       struct broker_refusal *ret)
{
	uint64_t page_size = ledger->geometry.page_size;
	uint64_t asked = error == -EOVERFLOW ? UINT64_MAX : (ask->chunks << ask->order) * page_size;

	return refuse(ret, error, "size", asked, 0, ledger->geometry.pages * page_size);
}

/* Only what lives is held against it: what is still being filled ends soon, one way or the other. */
static int check_account(const struct ledger *ledger, const struct account_rule *rule,
			 const struct account *account, const struct broker_ask *ask,
			 struct broker_refusal *ret)
{
	const struct broker_geometry *geometry = &ledger->geometry;
	uint64_t pages = ask->chunks << ask->order;

	if (pages + account->exported_pages > ledger_maximum_pages(ledger, rule))
		return refuse(ret, -EDQUOT, "quota", pages * geometry->page_size,
			      account->exported_pages * geometry->page_size,
			      amount_resolve(&rule->maximum,
					     geometry->pages * geometry->page_size));
	if (account->buffers + ask->buffers > rule->max_buffers)
		return refuse(ret, -EDQUOT, "buffers", ask->buffers, account->buffers,
			      rule->max_buffers);
	if (account->pending >= rule->max_pending)
		return refuse(ret, -EUSERS, "pending", 1, account->pending, rule->max_pending);
	return 0;
}

static int admit(struct broker *broker, const struct account_rule *rule, uid_t uid,
		 const struct broker_ask *ask, struct broker_refusal *ret_refusal,
		 struct account **ret)
{
	struct ledger *ledger = &broker->ledger;
	uid_t instance = rule->is_shared ? ACCOUNT_UID_SHARED : uid;
	int r;

	if (broker->is_gone)
		return -ENODEV;
	account_format(rule->name, instance, ret_refusal->account);
	r = check_ask(ledger, ask);
	if (r == -EINVAL)
		return r;
	if (r < 0)
		return refuse_size(ledger, ask, r, ret_refusal);
	*ret = ledger_get_account(ledger, ret_refusal->account, instance);
	return check_account(ledger, rule, *ret, ask, ret_refusal);
}

int broker_submit(struct broker *broker, const struct account_rule *rule, uid_t uid,
		  const struct broker_ask *ask, uint64_t now_ns, void *userdata,
		  struct broker_request **ret, struct broker_refusal *ret_refusal)
{
	struct broker_refusal refusal = { 0 };
	struct broker_request *request;
	struct account *account = NULL;
	int r = admit(broker, rule, uid, ask, &refusal, &account);

	if (r < 0) {
		ledger_collect(&broker->ledger);
		if (ret_refusal)
			*ret_refusal = refusal;
		return r;
	}
	request = request_new(ask, ++broker->last_number, now_ns, userdata);
	request->account = account;
	account->pending++;
	set_weight(broker, account);
	g_queue_push_tail(&account->member.requests, request);
	queue_join(&broker->queue, &account->member);
	g_queue_push_tail(&broker->requests, request);
	*ret = request;
	return 0;
}

/*
 * Endings
 */

/* Its result stands; it leaves the queue, and keeps what it holds until it is freed. */
static void end(struct broker *broker, struct broker_request *request)
{
	struct queue_member *member = &request->account->member;
	bool is_kept = broker_request_is_kept(request);

	request->stage = REQUEST_ENDED;
	ledger_settle(&broker->ledger, request,
		      is_kept ? MIN(request->claimed, request->ask.buffers) : 0);
	g_queue_remove(&member->requests, request);
	if (g_queue_is_empty(&member->requests))
		queue_rest(&broker->queue, member);
	g_queue_push_tail(&broker->ended, request);
}

static void end_with(struct broker *broker, struct broker_request *request,
		     enum broker_status status, int error)
{
	request_set_result(request, status, error);
	end(broker, request);
}

/* Whether it was decided already or not, unless it was said: not kept. */
static void call_off(struct broker *broker, struct broker_request *request,
		     enum broker_status status, int error)
{
	switch (request->stage) {
	case REQUEST_QUEUED:
	case REQUEST_BOOKED:
		end_with(broker, request, status, error);
		break;
	case REQUEST_ENDED:
		request_set_result(request, status, error);
		ledger_settle(&broker->ledger, request, 0);
		break;
	case REQUEST_FILLING:
	case REQUEST_FINISHED:
		break;
	}
}

void broker_cancel(struct broker *broker, struct broker_request *request)
{
	request->is_cancelled = true;
	call_off(broker, request, BROKER_CANCELLED, -ECANCELED);
}

void broker_gone(struct broker *broker)
{
	broker->is_gone = true;
	for (GList *link = broker->requests.head; link; link = link->next) {
		struct broker_request *request = link->data;

		if (!request->is_cancelled)
			call_off(broker, request, BROKER_PARTIAL, -ENODEV);
	}
}

/* What a request waited for that got no turn in time. */
static int late_error(const struct broker *broker, const struct broker_request *request)
{
	if (request->stage != REQUEST_QUEUED)
		return -ETIME;
	if (!ledger_allows(request))
		return -EDQUOT;
	return ledger_fits(&broker->ledger, request) ? -ETIME : -EBUSY;
}

/* It has all that could be booked: take what has become free since, or be content. */
static void top_up(struct broker *broker, struct broker_request *request)
{
	uint64_t chunks = ledger_offer_more(&broker->ledger, request);

	if (!chunks) {
		end_with(broker, request, BROKER_PARTIAL, -EBUSY);
		return;
	}
	ledger_book(&broker->ledger, request, chunks);
	policy_begin(request);
}

static void look_at_clock(struct broker *broker, struct broker_request *request, uint64_t now_ns)
{
	bool is_over = now_ns >= request->waits_until_ns || !is_draining(broker);

	if (request->stage != REQUEST_QUEUED && request->stage != REQUEST_BOOKED)
		return;
	if (now_ns >= request->ask.deadline_ns)
		end_with(broker, request, BROKER_TIMED_OUT, late_error(broker, request));
	else if (request->waits_until_ns && is_over)
		request->waits_until_ns = 0;
	else if (request->stage == REQUEST_BOOKED && request->claimed >= request->target)
		top_up(broker, request);
}

/*
 * Turns
 */

/* Those it gave way to must be done first, or it would be in their way again. */
static bool gives_way(const struct broker *broker, const struct broker_request *request)
{
	if (!request->waits_for)
		return false;
	for (const GList *link = broker->requests.head; link; link = link->next) {
		const struct broker_request *other = link->data;

		if (request_is_running(other) && other->booking <= request->waits_for)
			return true;
	}
	return false;
}

/* Chunks that a queued request may be booked now. */
static uint64_t offer(const struct broker *broker, const struct broker_request *request)
{
	uint64_t chunks;

	if (gives_way(broker, request))
		return 0;
	chunks = ledger_offer(&broker->ledger, request);
	if (request->waits_until_ns && chunks < request->ask.chunks)
		return 0;
	return chunks;
}

static bool is_ready(const struct queue_member *member, void *userdata)
{
	const struct broker_request *request = head_of(member);
	const struct broker *broker = userdata;

	if (request->stage == REQUEST_QUEUED)
		return offer(broker, request) > 0;
	return request->stage == REQUEST_BOOKED && !request->waits_until_ns;
}

/* Before it is content with less than it asked for, it waits for pages on their way back, once. */
static void be_patient(struct broker *broker, struct broker_request *request, uint64_t now_ns)
{
	uint64_t chunks;

	if (request->stage != REQUEST_QUEUED || request->has_waited || !is_draining(broker) ||
	    request != head_of(&request->account->member))
		return;
	chunks = offer(broker, request);
	if (!chunks || chunks == request->ask.chunks)
		return;
	request->has_waited = true;
	request->waits_until_ns = now_ns + POLICY_WAIT_NS;
}

static void book(struct broker *broker, struct broker_request *request)
{
	ledger_book(&broker->ledger, request, offer(broker, request));
	request->booking = ++broker->last_booking;
	request->stage = REQUEST_BOOKED;
	request->waits_for = 0;
	policy_begin(request);
}

/* Whoever shares, or was interrupted for others, gets what is left of its account's turn. */
static uint64_t slice(const struct broker *broker, const struct broker_request *request)
{
	uint64_t wanted = request->target - request->claimed;
	uint64_t chunk_bytes = request_pages(request, 1) * broker->ledger.geometry.page_size;

	if (broker->fill_yields)
		return wanted;
	return CLAMP((uint64_t)request->account->member.deficit / chunk_bytes, 1, wanted);
}

static void start_fill(struct broker *broker, struct broker_request *request, uint64_t now_ns,
		       struct broker_action *ret)
{
	uint64_t deadline_ns = request->ask.deadline_ns;

	broker->fill_is_contended =
		queue_has_other(&broker->queue, &request->account->member, is_ready, broker);
	broker->fill_yields = !broker->fill_is_contended && !request->is_protected;
	broker->fill_is_interrupted = false;
	broker->fill_chunks = slice(broker, request);
	broker->filling = request;
	broker->ledger.free_before = broker->ledger.free_pages;
	if (!request->has_started)
		request->queued_ns = now_ns - request->submitted_ns;
	request->has_started = true;
	request->is_protected = false;
	request->was_draining = is_draining(broker);
	request->stage = REQUEST_FILLING;
	*ret = (struct broker_action){
		.type = BROKER_FILL,
		.request = request,
		.effort = request->effort,
		.chunks = broker->fill_chunks,
		.budget_ns = deadline_ns == UINT64_MAX ? 0 : deadline_ns - now_ns,
	};
}

static void say_fill(struct broker *broker, uint64_t now_ns, struct broker_action *ret)
{
	struct queue_member *member;
	struct broker_request *request;

	for (GList *link = broker->requests.head; link; link = link->next)
		be_patient(broker, link->data, now_ns);
	member = queue_next(&broker->queue, is_ready, broker);
	if (!member)
		return;
	request = head_of(member);
	if (request->stage == REQUEST_QUEUED)
		book(broker, request);
	start_fill(broker, request, now_ns, ret);
}

static void say_interrupt(struct broker *broker, uint64_t now_ns, struct broker_action *ret)
{
	struct broker_request *request = broker->filling;
	bool is_over = request->is_cancelled || broker->is_gone ||
		       now_ns >= request->ask.deadline_ns;

	if (broker->fill_is_interrupted)
		return;
	if (!is_over &&
	    !(broker->fill_yields &&
	      queue_has_other(&broker->queue, &request->account->member, is_ready, broker)))
		return;
	broker->fill_is_interrupted = true;
	/* However many come, it gets on: the next time it has its turn. */
	request->is_protected = true;
	*ret = (struct broker_action){ .type = BROKER_INTERRUPT, .request = request };
}

static bool say_finish(struct broker *broker, uint64_t now_ns, struct broker_action *ret)
{
	struct broker_request *request = g_queue_pop_head(&broker->ended);

	if (!request)
		return false;
	request->stage = REQUEST_FINISHED;
	request->account->pending--;
	if (!request->has_started)
		request->queued_ns = now_ns - request->submitted_ns;
	*ret = (struct broker_action){ .type = BROKER_FINISH, .request = request };
	return true;
}

/* From here on it is at the head of its account again, where it never left. */
static void give_back(struct broker *broker, struct broker_request *request)
{
	uint64_t pages = ledger_release(&broker->ledger, request);

	books_add_draining(&broker->books, request->reservation, pages);
	request->reservation = 0;
	request->claimed = 0;
	request->gives_back = false;
	request->has_waited = false;
	request->waits_until_ns = 0;
	request->stage = REQUEST_QUEUED;
}

static bool say_give_back(struct broker *broker, struct broker_action *ret)
{
	for (GList *link = broker->requests.head; link; link = link->next) {
		struct broker_request *request = link->data;

		if (!request->gives_back)
			continue;
		give_back(broker, request);
		*ret = (struct broker_action){ .type = BROKER_GIVE_BACK, .request = request };
		return true;
	}
	return false;
}

void broker_next(struct broker *broker, uint64_t now_ns, struct broker_action *ret)
{
	*ret = (struct broker_action){ .type = BROKER_NOTHING };
	/* First, so that those who wait for it know that it is coming. */
	if (say_give_back(broker, ret))
		return;
	for (GList *link = broker->requests.head; link; link = link->next)
		look_at_clock(broker, link->data, now_ns);
	if (say_finish(broker, now_ns, ret))
		return;
	if (broker->filling)
		say_interrupt(broker, now_ns, ret);
	else
		say_fill(broker, now_ns, ret);
}

static uint64_t wakeup_of(const struct broker *broker, const struct broker_request *request)
{
	switch (request->stage) {
	case REQUEST_QUEUED:
	case REQUEST_BOOKED:
		if (request->waits_until_ns)
			return MIN(request->waits_until_ns, request->ask.deadline_ns);
		return request->ask.deadline_ns;
	case REQUEST_FILLING:
		/* What there is to say has been said. */
		return broker->fill_is_interrupted ? UINT64_MAX : request->ask.deadline_ns;
	case REQUEST_ENDED:
		return 0;
	case REQUEST_FINISHED:
		break;
	}
	return UINT64_MAX;
}

uint64_t broker_wakeup(const struct broker *broker)
{
	uint64_t wakeup = UINT64_MAX;

	for (const GList *link = broker->requests.head; link; link = link->next)
		wakeup = MIN(wakeup, wakeup_of(broker, link->data));
	return wakeup;
}

/*
 * Fills
 */

static void charge(struct broker *broker, struct broker_request *request, uint64_t granted,
		   uint64_t elapsed_ns, int result)
{
	queue_charge(&broker->queue, &request->account->member,
		     &(struct queue_slice){
			     .bytes = request_pages(request, granted) *
				      broker->ledger.geometry.page_size,
			     .elapsed_ns = elapsed_ns,
			     .is_contended = broker->fill_is_contended,
			     .is_interrupted = result == -EINTR,
		     });
}

static struct broker_request *youngest_other_holder(struct broker *broker,
						    const struct broker_request *request)
{
	for (GList *link = broker->requests.tail; link; link = link->prev)
		if (link->data != request && request_is_partial_holder(link->data))
			return link->data;
	return NULL;
}

static void give_way(struct broker *broker, struct broker_request *request)
{
	request->gives_back = true;
	request->waits_for = broker->last_booking;
}

/*
 * Although all that is promised fits, chunks of one can be in the way of another's. The youngest
 * starts again when the others are done, so that the oldest always gets on.
 */
static void come_short(struct broker *broker, struct broker_request *request, int error,
		       uint64_t now_ns)
{
	struct broker_request *other = youngest_other_holder(broker, request);
	bool is_last = request->effort >= request->ask.effort;
	bool is_enough = request->claimed >= request->ask.minimum;

	if (other && other->number > request->number) {
		give_way(broker, other);
		policy_wait(request, now_ns);
	} else if (other && request->claimed > 0 && !(is_last && is_enough)) {
		give_way(broker, request);
	} else if (!policy_raise(request, error, is_draining(broker), now_ns)) {
		end(broker, request);
	}
}

static void judge(struct broker *broker, struct broker_request *request, int result,
		  uint64_t granted, uint64_t now_ns)
{
	int error = result < 0 ? result : -EBUSY;

	if (broker->is_gone && !request->is_cancelled)
		result = -ENODEV;
	switch (policy_judge(request, result, broker->fill_chunks, granted, now_ns)) {
	case POLICY_GO_ON:
	case POLICY_SATED:
		break;
	case POLICY_SHORT:
		come_short(broker, request, error, now_ns);
		break;
	case POLICY_END:
		end(broker, request);
		break;
	}
}

void broker_filled(struct broker *broker, struct broker_request *request, int result,
		   const struct cmabulk_fill *fill, uint64_t elapsed_ns, uint64_t now_ns)
{
	uint64_t granted = fill ? fill->nr_allocated : 0;
	struct broker_step step = {
		.effort = request->effort,
		.error = result,
		.requested = broker->fill_chunks,
		.granted = granted,
		.elapsed_ns = elapsed_ns,
	};

	if (fill)
		step.report = fill->report;
	request_add_step(request, &step);
	charge(broker, request, granted, elapsed_ns, result);
	ledger_claim(&broker->ledger, request, granted);
	broker->ledger.free_before = 0;
	broker->is_free_stale = true;
	broker->filling = NULL;
	request->stage = REQUEST_BOOKED;
	judge(broker, request, result, granted, now_ns);
}

void broker_request_exported(struct broker *broker, struct broker_request *request,
			     const struct cmabulk_buffer_info *buffer)
{
	books_add_own(&broker->books, buffer, request->account);
	ledger_export(&broker->ledger, request, buffer->pages);
}

struct broker_request *broker_request_free(struct broker *broker, struct broker_request *request)
{
	uint64_t pages = ledger_release(&broker->ledger, request);

	books_add_draining(&broker->books, request->reservation, pages);
	g_queue_remove(&broker->requests, request);
	request_free(request);
	ledger_collect(&broker->ledger);
	return NULL;
}

/*
 * What there is
 */

void broker_get_books(const struct broker *broker, struct broker_books *ret)
{
	GHashTableIter iterator;
	void *value;

	*ret = (struct broker_books){
		.states = broker->books.states,
		.buffers = broker->books.buffers,
		.reservations = broker->books.reservations,
		.unmanaged_pages = broker->books.unmanaged_pages,
		.sequence = broker->books.sequence,
	};
	ret->states.reserved += broker->ledger.held_pages;
	for (const GList *link = broker->requests.head; link; link = link->next)
		ret->reservations += ((const struct broker_request *)link->data)->reservation != 0;
	g_hash_table_iter_init(&iterator, broker->ledger.accounts);
	while (g_hash_table_iter_next(&iterator, NULL, &value)) {
		const struct account *account = value;

		if (!account->rule)
			ret->orphaned_pages += account->exported_pages;
	}
}

unsigned int broker_get_pending(const struct broker *broker)
{
	unsigned int pending = 0;

	for (const GList *link = broker->requests.head; link; link = link->next)
		pending += request_is_pending(link->data);
	return pending;
}

static uint64_t maximum_bytes(const struct broker *broker, const struct account_rule *rule)
{
	const struct broker_geometry *geometry = &broker->ledger.geometry;

	return rule ? amount_resolve(&rule->maximum, geometry->pages * geometry->page_size) : 0;
}

static void add_account(const struct broker *broker, const struct account *account, GArray *usages)
{
	uint64_t page_size = broker->ledger.geometry.page_size;
	struct broker_usage usage = {
		.is_known = account->rule,
		.uid = account->uid,
		.rule = account->rule,
		.exported_bytes = account->exported_pages * page_size,
		.booked_bytes = account->booked_pages * page_size,
		.buffers = account->buffers,
		.pending = account->pending,
		.maximum_bytes = maximum_bytes(broker, account->rule),
	};

	memcpy(usage.account, account->name, sizeof(usage.account));
	g_array_append_val(usages, usage);
}

/* A rule of one instance, which may not be in use. */
static void add_rule(const struct broker *broker, const struct account_rule *rule, GArray *usages)
{
	struct broker_usage usage = {
		.is_known = true,
		.uid = rule->is_shared ? ACCOUNT_UID_SHARED : rule->uid,
		.rule = rule,
		.maximum_bytes = maximum_bytes(broker, rule),
	};

	if (!rule->is_shared && !rule->has_uid)
		return;
	account_format(rule->name, usage.uid, usage.account);
	if (!g_hash_table_contains(broker->ledger.accounts, usage.account))
		g_array_append_val(usages, usage);
}

static int compare_usages(const void *a, const void *b)
{
	return strcmp(((const struct broker_usage *)a)->account,
		      ((const struct broker_usage *)b)->account);
}

size_t broker_get_usage(const struct broker *broker, struct broker_usage **ret)
{
	GArray *usages = g_array_new(FALSE, FALSE, sizeof(struct broker_usage));
	const struct account_rules *rules = broker->ledger.rules;
	size_t count;
	GHashTableIter iterator;
	void *account;

	g_hash_table_iter_init(&iterator, broker->ledger.accounts);
	while (g_hash_table_iter_next(&iterator, NULL, &account))
		add_account(broker, account, usages);
	for (size_t i = 0; i < account_rules_count(rules); i++)
		add_rule(broker, account_rules_get(rules, i), usages);
	g_array_sort(usages, compare_usages);
	*ret = (struct broker_usage *)g_array_steal(usages, &count);
	g_array_unref(usages);
	return count;
}
