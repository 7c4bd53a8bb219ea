// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What lives in the kernel, as snapshot and numbered events tell it: every buffer,
 * and the reservations that are nobody's request. Charges buffers to their accounts.
 * Pure.
 */
#include <errno.h>

#include "books.h"

struct books_entry {
	uint64_t id;
	uint64_t pages;
	uint64_t cookie;
	enum cmabulk_object object;
	enum cmabulk_state state;
	bool is_unmanaged;
	struct account *account; /* that is charged for it; NULL for none */
};

void books_init(struct books *books, struct ledger *ledger)
{
	*books = (struct books){
		.ledger = ledger,
		.entries = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_free),
	};
}

void books_clear(struct books *books)
{
	g_hash_table_unref(books->entries);
}

static __u64 *state_of(struct books *books, enum cmabulk_state state)
{
	switch (state) {
	case CMABULK_STATE_CACHED:
		return &books->states.cached;
	case CMABULK_STATE_RESERVED:
		return &books->states.reserved;
	case CMABULK_STATE_DRAINING:
		return &books->states.draining;
	case CMABULK_STATE_EXPORTED:
	default:
		return &books->states.exported;
	}
}

static uint64_t *count_of(struct books *books, enum cmabulk_object object)
{
	return object == CMABULK_OBJECT_RESERVATION ? &books->reservations : &books->buffers;
}

static void charge(struct account *account, uint64_t pages, uint64_t buffers, bool is_draining)
{
	account->exported_pages += pages;
	account->buffers += buffers;
	if (!is_draining)
		return;
	account->draining_pages += pages;
	account->draining_buffers += buffers;
}

/* Counts it in all sums; or, backwards, takes it out of them. */
static void count_entry(struct books *books, const struct books_entry *entry, bool backwards)
{
	uint64_t pages = backwards ? -entry->pages : entry->pages;
	uint64_t one = backwards ? (uint64_t)-1 : 1;

	*state_of(books, entry->state) += pages;
	*count_of(books, entry->object) += one;
	if (entry->is_unmanaged)
		books->unmanaged_pages += pages;
	if (entry->account)
		charge(entry->account, pages, one, entry->state == CMABULK_STATE_DRAINING);
}

static void insert(struct books *books, const struct books_entry *entry)
{
	struct books_entry *copy = g_memdup2(entry, sizeof(*entry));

	g_hash_table_insert(books->entries, &copy->id, copy);
	count_entry(books, copy, false);
}

static void remove_entry(struct books *books, struct books_entry *entry)
{
	count_entry(books, entry, true);
	g_hash_table_remove(books->entries, &entry->id);
}

static struct books_entry *find(const struct books *books, uint64_t id)
{
	return g_hash_table_lookup(books->entries, &id);
}

void books_reset(struct books *books, uint64_t sequence)
{
	GHashTableIter iterator;
	void *entry;

	g_hash_table_iter_init(&iterator, books->entries);
	while (g_hash_table_iter_next(&iterator, NULL, &entry)) {
		count_entry(books, entry, true);
		g_hash_table_iter_remove(&iterator);
	}
	books->sequence = sequence;
}

/* Whoever goes past us names any account, or none. */
static bool account_is_ours(const char *account)
{
	char rule[64];
	uid_t uid;

	return account_parse(account, rule, &uid) >= 0;
}

void books_add(struct books *books, const struct cmabulk_buffer_info *info)
{
	struct books_entry entry = {
		.id = info->id,
		.pages = info->pages,
		.cookie = info->owner.cookie,
		.object = info->object,
		.state = info->state,
		.is_unmanaged = !account_is_ours(info->owner.account),
	};

	if (find(books, info->id))
		return;
	/* A reservation dies with its opener; only buffers are given to anybody. */
	if (!entry.is_unmanaged && info->object == CMABULK_OBJECT_BUFFER)
		entry.account = ledger_get_account_by_name(books->ledger, info->owner.account);
	insert(books, &entry);
}

void books_add_own(struct books *books, const struct cmabulk_buffer_info *buffer,
		   struct account *account)
{
	struct books_entry *known = find(books, buffer->id);

	if (known && known->account)
		return;
	if (known)
		remove_entry(books, known);
	insert(books, &(struct books_entry){
			      .id = buffer->id,
			      .pages = buffer->pages,
			      .cookie = buffer->owner.cookie,
			      .object = CMABULK_OBJECT_BUFFER,
			      .state = CMABULK_STATE_EXPORTED,
			      .account = account,
		      });
}

void books_add_draining(struct books *books, uint64_t id, uint64_t pages)
{
	if (!id || !pages || find(books, id))
		return;
	insert(books, &(struct books_entry){
			      .id = id,
			      .pages = pages,
			      .object = CMABULK_OBJECT_RESERVATION,
			      .state = CMABULK_STATE_DRAINING,
		      });
}

/* Events name no owner: 1 asks for a snapshot, which does. */
static int apply_exported(struct books *books, uint64_t id, uint64_t pages)
{
	if (find(books, id))
		return 0;
	insert(books, &(struct books_entry){
			      .id = id,
			      .pages = pages,
			      .object = CMABULK_OBJECT_BUFFER,
			      .state = CMABULK_STATE_EXPORTED,
			      .is_unmanaged = true,
		      });
	return 1;
}

static int apply_end(struct books *books, uint64_t id, uint64_t *ret_cookie)
{
	struct books_entry *entry = find(books, id);

	if (!entry)
		return 0;
	*ret_cookie = entry->cookie;
	if (entry->account)
		counters_release(entry->account->counters,
				 entry->pages * books->ledger->geometry.page_size);
	remove_entry(books, entry);
	return 0;
}

int books_apply(struct books *books, enum cmabulk_genl_command command, uint64_t sequence,
		uint64_t id, uint64_t pages, uint64_t *ret_cookie)
{
	if (sequence <= books->sequence)
		return -ESTALE;
	if (sequence != books->sequence + 1)
		return -EL2HLT;
	books->sequence = sequence;
	*ret_cookie = 0;
	switch (command) {
	case CMABULK_CMD_EXPORTED:
		return apply_exported(books, id, pages);
	case CMABULK_CMD_RELEASED:
		return apply_end(books, id, ret_cookie);
	case CMABULK_CMD_DROPPED:
		apply_end(books, id, &(uint64_t){ 0 });
		return 0;
	default:
		return 0;
	}
}

GArray *books_get_holdings(const struct books *books)
{
	GArray *holdings = g_array_new(FALSE, FALSE, sizeof(struct books_holding));
	GHashTableIter iterator;
	void *value;

	g_hash_table_iter_init(&iterator, books->entries);
	while (g_hash_table_iter_next(&iterator, NULL, &value)) {
		const struct books_entry *entry = value;
		struct books_holding holding = { entry->id, entry->pages, entry->account };

		g_array_append_val(holdings, holding);
	}
	return holdings;
}

uint64_t books_get_pages(const struct books *books, uint64_t id)
{
	const struct books_entry *entry = g_hash_table_lookup(books->entries, &id);

	return entry ? entry->pages : 0;
}
