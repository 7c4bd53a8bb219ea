// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What is promised: the memory that requests may have, and what each account has
 * and may have. All in pages. Bookings are made here and nowhere else. Pure.
 */
#include <errno.h>

#include "ledger.h"

#define NSEC_PER_USEC UINT64_C(1000)

static uint64_t subtract(uint64_t from, uint64_t what)
{
	return from > what ? from - what : 0;
}

static uint64_t add(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static void account_free(void *data)
{
	struct account *account = data;

	g_queue_clear(&account->member.requests);
	pool_counters_rest(account->counters);
	g_free(account);
}

/*
 * Accounts
 */

uint64_t ledger_maximum_pages(const struct ledger *ledger, const struct account_rule *rule)
{
	const struct broker_geometry *geometry = &ledger->geometry;
	uint64_t bytes = amount_resolve(&rule->maximum, geometry->pages * geometry->page_size);

	return bytes / geometry->page_size;
}

static uint64_t minimum_pages(const struct ledger *ledger, const struct account_rule *rule)
{
	const struct broker_geometry *geometry = &ledger->geometry;
	uint64_t bytes = amount_resolve(&rule->minimum, geometry->pages * geometry->page_size);

	return MIN(bytes / geometry->page_size, ledger_maximum_pages(ledger, rule));
}

/* What was counted by another rate says nothing; but to change anything else forgives nobody. */
static void forget_rate(struct account *account)
{
	uint64_t burst = account->rule ? account->rule->rate_burst : 0;
	uint64_t interval = account->rule ? account->rule->rate_interval_usec : 0;

	if (account->rate_burst == burst && account->rate_interval_usec == interval)
		return;
	account->rate_burst = burst;
	account->rate_interval_usec = interval;
	account->rate_count = 0;
}

static void apply_rule(struct account *account, const struct ledger *ledger)
{
	account->rule = account_rules_find_of(ledger->rules, account->name);
	account->maximum_pages = account->rule ? ledger_maximum_pages(ledger, account->rule) : 0;
	account->minimum_pages = 0; /* find_guaranteed() says */
	forget_rate(account);
}

struct account *ledger_get_account(struct ledger *ledger, const char *name, uid_t uid)
{
	struct account *account = g_hash_table_lookup(ledger->accounts, name);

	if (account)
		return account;
	account = g_new0(struct account, 1);
	queue_member_init(&account->member);
	g_strlcpy(account->name, name, sizeof(account->name));
	account->uid = uid;
	account->counters = pool_counters_use(&ledger->counters, name);
	apply_rule(account, ledger);
	g_hash_table_insert(ledger->accounts, account->name, account);
	return account;
}

struct account *ledger_get_account_by_name(struct ledger *ledger, const char *name)
{
	char rule_name[64];
	uid_t uid = ACCOUNT_UID_SHARED;

	account_parse(name, rule_name, &uid);
	return ledger_get_account(ledger, name, uid);
}

/*
 * What is guaranteed is so before anybody asks: these accounts are there all the time. Where there is
 * more of it than memory, those that are written first have theirs.
 */
static void find_guaranteed(struct ledger *ledger)
{
	uint64_t left = ledger->geometry.pages;

	g_ptr_array_set_size(ledger->guaranteed, 0);
	for (size_t i = 0; i < account_rules_count(ledger->rules); i++) {
		const struct account_rule *rule = account_rules_get(ledger->rules, i);
		struct account *account;
		char name[64];

		if (amount_is_zero(&rule->minimum) || !account_rule_is_single(rule, name) ||
		    !account_rule_allows_pool(rule, ledger->geometry.name))
			continue;
		account = ledger_get_account_by_name(ledger, name);
		account->minimum_pages = MIN(minimum_pages(ledger, rule), left);
		left -= account->minimum_pages;
		if (account->minimum_pages)
			g_ptr_array_add(ledger->guaranteed, account);
	}
}

void ledger_set_rules(struct ledger *ledger, struct account_rules *rules)
{
	GHashTableIter iterator;
	void *account;

	account_rules_ref(rules);
	account_rules_unref(ledger->rules);
	ledger->rules = rules;
	g_hash_table_iter_init(&iterator, ledger->accounts);
	while (g_hash_table_iter_next(&iterator, NULL, &account))
		apply_rule(account, ledger);
	find_guaranteed(ledger);
}

void ledger_init(struct ledger *ledger, const struct broker_geometry *geometry,
		 struct account_rules *rules)
{
	*ledger = (struct ledger){
		.geometry = *geometry,
		.rules = account_rules_ref(rules),
		.accounts = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, account_free),
		.guaranteed = g_ptr_array_new(),
	};
	pool_counters_init(&ledger->counters);
	find_guaranteed(ledger);
}

void ledger_clear(struct ledger *ledger)
{
	g_ptr_array_unref(ledger->guaranteed);
	g_hash_table_unref(ledger->accounts);
	pool_counters_clear(&ledger->counters);
	account_rules_unref(ledger->rules);
}

/*
 * Rates
 */

/* The end of the time in which its requests are counted. */
static uint64_t rate_end(const struct account_rule *rule, const struct account *account)
{
	uint64_t interval_ns;

	if (__builtin_mul_overflow(rule->rate_interval_usec, NSEC_PER_USEC, &interval_ns))
		return UINT64_MAX;
	return add(account->rate_begin_ns, interval_ns);
}

static bool is_counting(const struct ledger *ledger, const struct account_rule *rule,
			const struct account *account)
{
	return account->rate_count && rule->rate_burst && ledger->now_ns < rate_end(rule, account);
}

uint64_t ledger_get_rate_wait(const struct ledger *ledger, const struct account_rule *rule,
			      const struct account *account)
{
	if (!is_counting(ledger, rule, account) || account->rate_count < rule->rate_burst)
		return 0;
	return rate_end(rule, account) - ledger->now_ns;
}

void ledger_count_request(const struct ledger *ledger, const struct account_rule *rule,
			  struct account *account)
{
	if (!is_counting(ledger, rule, account)) {
		account->rate_begin_ns = ledger->now_ns;
		account->rate_count = 0;
	}
	account->rate_count++;
}

static gboolean is_unused(void *name, void *value, void *userdata)
{
	const struct account *account = value;

	if (account->rule && is_counting(userdata, account->rule, account))
		return FALSE;
	return !account->minimum_pages && !account->exported_pages && !account->buffers &&
	       !account->booked_pages && !account->n_ahead && !account->pending &&
	       account->member.place == QUEUE_AWAY && !account->member.requests.length;
}

void ledger_collect(struct ledger *ledger)
{
	g_hash_table_foreach_remove(ledger->accounts, is_unused, ledger);
}

/*
 * Bookings
 */

static bool has_rule_for(const struct account *account, uint64_t pages, uint64_t buffers)
{
	if (!account->rule)
		return false;
	return add(add(account->exported_pages, account->booked_pages), pages) <=
		       account->maximum_pages &&
	       add(add(account->buffers, account->booked_buffers), buffers) <=
		       account->rule->max_buffers;
}

bool ledger_allows(const struct broker_request *request)
{
	return has_rule_for(request->account, request_pages(request, request->ask.chunks),
			    request->ask.buffers);
}

bool ledger_allows_but_for_ahead(const struct broker_request *request)
{
	const struct account *account = request->account;
	uint64_t pages = request_pages(request, request->ask.chunks);

	if (!account->n_ahead)
		return false;
	/* Each has booked a buffer while it is being filled. */
	return has_rule_for(account, subtract(pages, account->ahead_pages),
			    subtract(request->ask.buffers, account->n_ahead));
}

/* What requests have and what they can get. */
static uint64_t unpromised(const struct ledger *ledger)
{
	uint64_t free_pages = MAX(ledger->free_pages, ledger->free_before);

	return subtract(add(free_pages, ledger->held_pages), ledger->booked_pages);
}

/* What it was guaranteed and does not have. */
static uint64_t unmet(const struct account *account)
{
	return subtract(account->minimum_pages,
			add(account->exported_pages, account->booked_pages));
}

static uint64_t unmet_of_others(const struct ledger *ledger, const struct account *account)
{
	uint64_t pages = 0;

	for (guint i = 0; i < ledger->guaranteed->len; i++)
		if (ledger->guaranteed->pdata[i] != account)
			pages = add(pages, unmet(ledger->guaranteed->pdata[i]));
	return pages;
}

/*
 * Pages that an account may be booked: what nobody is promised or guaranteed, and its own
 * guarantee, as far as there is memory. That is not held against the others': where there is not
 * enough for all guarantees, whoever comes first has his.
 */
static uint64_t available(const struct ledger *ledger, const struct account *account)
{
	uint64_t pages = unpromised(ledger);

	return MAX(MIN(pages, unmet(account)), subtract(pages, unmet_of_others(ledger, account)));
}

bool ledger_fits(const struct ledger *ledger, const struct broker_request *request)
{
	return request_pages(request, request->ask.chunks) <= available(ledger, request->account);
}

uint64_t ledger_offer(const struct ledger *ledger, const struct broker_request *request)
{
	uint64_t chunks;

	if (!ledger_allows(request))
		return 0;
	if (ledger_fits(ledger, request))
		return request->ask.chunks;
	if (ledger->bookings)
		return 0;
	chunks = available(ledger, request->account) >> request->ask.order;
	return chunks >= request->ask.minimum ? chunks : 0;
}

/* What it may have on top of what it has and is getting. */
static uint64_t room(const struct account *account)
{
	return account->rule ? subtract(account->maximum_pages,
					add(account->exported_pages, account->booked_pages)) :
			       0;
}

uint64_t ledger_offer_more(const struct ledger *ledger, const struct broker_request *request)
{
	uint64_t missing = subtract(request->ask.chunks, request->target);
	uint64_t pages = MIN(available(ledger, request->account), room(request->account));
	uint64_t chunks = MIN(missing, pages >> request->ask.order);

	return has_rule_for(request->account, request_pages(request, chunks), 0) ? chunks : 0;
}

uint64_t ledger_lacking(const struct ledger *ledger, const struct broker_request *request)
{
	return subtract(request_pages(request, request->ask.chunks),
			available(ledger, request->account));
}

uint64_t ledger_excess(const struct account *account)
{
	return subtract(account->exported_pages,
			add(account->draining_pages, account->minimum_pages));
}

bool ledger_is_above_minimum(const struct account *account, uint64_t leaving_pages)
{
	return subtract(add(account->exported_pages, account->booked_pages), leaving_pages) >
	       account->minimum_pages;
}

bool ledger_is_guaranteed(const struct broker_request *request)
{
	return request_pages(request, request->ask.chunks) <= unmet(request->account);
}

int ledger_shortage(const struct ledger *ledger, const struct broker_request *request)
{
	uint64_t missing = subtract(request->ask.chunks, request->target);

	return request_pages(request, missing) <= unpromised(ledger) ? -ENOSPC : -EBUSY;
}

uint64_t ledger_guaranteed_to_others(const struct ledger *ledger, const struct account *account)
{
	uint64_t pages = 0;

	for (guint i = 0; i < ledger->guaranteed->len; i++) {
		const struct account *other = ledger->guaranteed->pdata[i];

		if (other != account)
			pages = add(pages, other->minimum_pages);
	}
	return pages;
}

uint64_t ledger_uncovered(const struct ledger *ledger)
{
	return subtract(unmet_of_others(ledger, NULL), unpromised(ledger));
}

static void set_booked(struct ledger *ledger, struct broker_request *request, uint64_t pages)
{
	struct account *account = request->account;

	if (!request->ask.is_ahead)
		ledger->bookings += !!pages - !!request->booked_pages;
	ledger->booked_pages = ledger->booked_pages - request->booked_pages + pages;
	account->booked_pages = account->booked_pages - request->booked_pages + pages;
	if (request->ask.is_ahead)
		account->ahead_pages = account->ahead_pages - request->booked_pages + pages;
	request->booked_pages = pages;
}

static void set_booked_buffers(struct broker_request *request, uint64_t buffers)
{
	struct account *account = request->account;

	account->booked_buffers = account->booked_buffers - request->booked_buffers + buffers;
	request->booked_buffers = buffers;
}

void ledger_book(struct ledger *ledger, struct broker_request *request, uint64_t chunks)
{
	request->target += chunks;
	set_booked(ledger, request, request->booked_pages + request_pages(request, chunks));
	set_booked_buffers(request, request->ask.buffers);
}

void ledger_claim(struct ledger *ledger, struct broker_request *request, uint64_t chunks)
{
	uint64_t pages = request_pages(request, chunks);

	request->claimed += chunks;
	request->held_pages += pages;
	ledger->held_pages += pages;
	/* Until the kernel is asked again. */
	ledger->free_pages = subtract(ledger->free_pages, pages);
	if (request->held_pages > request->booked_pages)
		set_booked(ledger, request, request->held_pages);
}

void ledger_settle(struct ledger *ledger, struct broker_request *request, uint64_t buffers)
{
	set_booked(ledger, request, request->held_pages);
	set_booked_buffers(request, buffers);
}

void ledger_export(struct ledger *ledger, struct broker_request *request, uint64_t pages)
{
	pages = MIN(pages, request->held_pages);
	request->held_pages -= pages;
	ledger->held_pages -= pages;
	set_booked(ledger, request, request->booked_pages - pages);
	set_booked_buffers(request, subtract(request->booked_buffers, 1));
}

static void hand_over(struct ledger *ledger, struct broker_request *from, struct broker_request *to)
{
	uint64_t pages = from->held_pages;

	from->held_pages = 0;
	set_booked(ledger, from, 0);
	to->held_pages = pages;
	set_booked(ledger, to, pages);
}

bool ledger_take_over(struct ledger *ledger, struct broker_request *request,
		      struct broker_request *from, bool may_book_more)
{
	uint64_t more;

	hand_over(ledger, from, request);
	request->claimed = MIN(from->claimed, request->ask.chunks);
	request->target = request->claimed;
	more = may_book_more ? ledger_offer_more(ledger, request) : 0;
	if (request->claimed + more < request->ask.chunks ||
	    !has_rule_for(request->account, 0, request->ask.buffers)) {
		request->claimed = 0;
		request->target = 0;
		hand_over(ledger, request, from);
		return false;
	}
	ledger_book(ledger, request, more);
	return true;
}

uint64_t ledger_release(struct ledger *ledger, struct broker_request *request)
{
	uint64_t pages = request->held_pages;

	request->held_pages = 0;
	request->target = 0;
	ledger->held_pages -= pages;
	set_booked(ledger, request, 0);
	set_booked_buffers(request, 0);
	return pages;
}
