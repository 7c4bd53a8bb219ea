// SPDX-License-Identifier: LGPL-2.1-or-later
/* The daemon's accounts. */
#include "account.h"
#include "bus-backend.h"
#include "bus-dictionary.h"
#include "bus.h"

/* No user: the account is shared. */
#define NO_UID UINT32_MAX

struct line {
	const char *account;
	const char *pool;
	uint32_t uid;
	int is_default;
	uint64_t used;
	uint64_t minimum;
	uint64_t maximum;
	uint64_t buffers;
	uint64_t maximum_buffers;
	uint64_t pending;
	uint64_t maximum_pending;
};

static const struct bus_field line_fields[] = {
	{ "account", "s", offsetof(struct line, account), true },
	{ "pool", "s", offsetof(struct line, pool), true },
	{ "uid", "u", offsetof(struct line, uid), false },
	{ "default", "b", offsetof(struct line, is_default), false },
	{ "used", "t", offsetof(struct line, used), true },
	{ "minimum", "t", offsetof(struct line, minimum), false },
	{ "maximum", "t", offsetof(struct line, maximum), true },
	{ "buffers", "t", offsetof(struct line, buffers), true },
	{ "maximum-buffers", "t", offsetof(struct line, maximum_buffers), true },
	{ "pending", "t", offsetof(struct line, pending), true },
	{ "maximum-pending", "t", offsetof(struct line, maximum_pending), true },
};

static int make_account(const struct line *line, struct cmabulk_account **ret)
{
	struct cmabulk_account *account;
	int r = account_new(line->account, line->pool, &account);

	if (r < 0)
		return r;
	account->has_uid = line->uid != NO_UID;
	account->uid = line->uid;
	account->is_default = line->is_default;
	account->used = line->used;
	account->minimum = line->minimum;
	account->maximum = line->maximum;
	account->n_buffers = line->buffers;
	account->maximum_buffers = line->maximum_buffers;
	account->n_pending = line->pending;
	account->maximum_pending = line->maximum_pending;
	*ret = account;
	return 0;
}

struct listing {
	struct cmabulk_account **accounts; /* NULL after the last */
	size_t count;
};

static void listing_clear(struct listing *listing)
{
	cmabulk_account_array_free(listing->accounts);
}

static int read_account(sd_bus_message *message, void *userdata)
{
	struct listing *listing = userdata;
	struct line line = { .uid = NO_UID };
	struct cmabulk_account **accounts;
	int r = bus_read_dictionary(message, line_fields, ARRAY_SIZE(line_fields), &line);

	if (r < 0)
		return r;
	accounts = reallocarray(listing->accounts, listing->count + 2,
				sizeof(struct cmabulk_account *));
	if (!accounts)
		return -ENOMEM;
	listing->accounts = accounts;
	accounts[listing->count] = NULL;
	r = make_account(&line, &accounts[listing->count]);
	if (r >= 0)
		accounts[++listing->count] = NULL;
	return r;
}

int bus_list_accounts(struct cmabulk_connection *connection, struct cmabulk_account ***ret)
{
	struct listing listing CLEANUP(listing_clear) = {
		.accounts = calloc(1, sizeof(struct cmabulk_account *)),
	};
	sd_bus_message *reply CLEANUP(bus_message_unrefp) = NULL;
	int r = listing.accounts ? bus_call_manager(connection, "ListAccounts", &reply) : -ENOMEM;

	if (r < 0)
		return r;
	r = bus_read_array(reply, "a{sv}", read_account, &listing);
	if (r < 0)
		return bus_refuse(connection, r);
	*ret = TAKE(listing.accounts);
	return (int)listing.count;
}
