// SPDX-License-Identifier: LGPL-2.1-or-later
/* What lives in the daemon's pools. */
#include "bus-backend.h"
#include "bus-dictionary.h"
#include "bus.h"
#include "entry.h"

struct line {
	uint64_t id;
	uint64_t inode;
	const char *kind;
	const char *state;
	uint32_t order;
	uint64_t chunks;
	uint64_t size;
	uint64_t age_usec;
	uint64_t reservation;
	const char *name;
	uint32_t uid;
	uint32_t pid;
	uint64_t cookie;
	const char *account;
	const char *label;
	const char *standing;
};

static const struct bus_field line_fields[] = {
	{ "id", "t", offsetof(struct line, id), true },
	{ "inode", "t", offsetof(struct line, inode), true },
	{ "kind", "s", offsetof(struct line, kind), true },
	{ "state", "s", offsetof(struct line, state), true },
	{ "order", "u", offsetof(struct line, order), true },
	{ "chunks", "t", offsetof(struct line, chunks), true },
	{ "size", "t", offsetof(struct line, size), true },
	{ "age-usec", "t", offsetof(struct line, age_usec), true },
	{ "reservation", "t", offsetof(struct line, reservation), true },
	{ "name", "s", offsetof(struct line, name), true },
	{ "uid", "u", offsetof(struct line, uid), true },
	{ "pid", "u", offsetof(struct line, pid), true },
	{ "cookie", "t", offsetof(struct line, cookie), true },
	{ "account", "s", offsetof(struct line, account), true },
	{ "label", "s", offsetof(struct line, label), true },
	{ "standing", "s", offsetof(struct line, standing), true },
};

struct word {
	const char *text;
	unsigned int number;
};

/* 0 for what is of later versions. */
static unsigned int find_number(const struct word *words, size_t count, const char *text)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(words[i].text, text) == 0)
			return words[i].number;
	return 0;
}

static unsigned int parse_kind(const char *text)
{
	static const struct word kinds[] = {
		{ "buffer", CMABULK_ENTRY_BUFFER },
		{ "reservation", CMABULK_ENTRY_RESERVATION },
	};

	return find_number(kinds, ARRAY_SIZE(kinds), text);
}

static unsigned int parse_state(const char *text)
{
	static const struct word states[] = {
		{ "cached", CMABULK_ENTRY_CACHED },
		{ "reserved", CMABULK_ENTRY_RESERVED },
		{ "exported", CMABULK_ENTRY_EXPORTED },
		{ "draining", CMABULK_ENTRY_DRAINING },
	};

	return find_number(states, ARRAY_SIZE(states), text);
}

static const char *parse_standing(const char *text)
{
	static const char *const standings[] = { "managed", "orphaned", "unmanaged" };

	for (size_t i = 0; i < ARRAY_SIZE(standings); i++)
		if (strcmp(standings[i], text) == 0)
			return standings[i];
	return "unknown";
}

static int make_entry(const struct line *line, struct cmabulk_entry **ret)
{
	struct cmabulk_entry *entry;
	int r = entry_new(line->name, line->account, line->label, &entry);

	if (r < 0)
		return r;
	entry->id = line->id;
	entry->inode = line->inode;
	entry->kind = parse_kind(line->kind);
	entry->state = parse_state(line->state);
	entry->order = line->order;
	entry->chunks = line->chunks;
	entry->size = line->size;
	entry->age_usec = line->age_usec;
	entry->reservation = line->reservation;
	entry->owner_uid = line->uid;
	entry->owner_pid = (pid_t)line->pid;
	entry->cookie = line->cookie;
	entry->standing = parse_standing(line->standing);
	*ret = entry;
	return 0;
}

struct listing {
	struct cmabulk_entry **entries; /* NULL after the last */
	size_t count;
	uint64_t after; /* the highest id of the replies before */
};

static void listing_clear(struct listing *listing)
{
	cmabulk_entry_array_free(listing->entries);
}

static int read_entry(sd_bus_message *message, void *userdata)
{
	struct listing *listing = userdata;
	struct line line = { 0 };
	struct cmabulk_entry **entries;
	int r = bus_read_dictionary(message, line_fields, ARRAY_SIZE(line_fields), &line);

	if (r < 0)
		return r;
	entries =
		reallocarray(listing->entries, listing->count + 2, sizeof(struct cmabulk_entry *));
	if (!entries)
		return -ENOMEM;
	listing->entries = entries;
	entries[listing->count] = NULL;
	if (line.id <= listing->after)
		return -EPROTO;
	r = make_entry(&line, &entries[listing->count]);
	if (r >= 0)
		entries[++listing->count] = NULL;
	return r;
}

static int call_list(struct cmabulk_connection *connection, const char *pool_name, uint64_t after,
		     sd_bus_message **ret)
{
	sd_bus_message *call CLEANUP(bus_message_unrefp) = NULL;
	int r = bus_new_call(connection, NULL, BUS_MANAGER_PATH, BUS_MANAGER_INTERFACE,
			     "ListBuffers", &call);

	if (r < 0)
		return r;
	r = sd_bus_message_append(call, "st", pool_name, after);
	return r < 0 ? r : bus_call(connection, call, ret);
}

/* Positive: there are more. None in the reply would be told for ever. */
static int read_reply(sd_bus_message *reply, struct listing *listing)
{
	size_t before = listing->count;
	int more = 0;
	int r = bus_read_array(reply, "a{sv}", read_entry, listing);

	if (r < 0)
		return r;
	r = sd_bus_message_read(reply, "b", &more);
	if (r <= 0 || (more && listing->count == before))
		return r == -ENOMEM ? r : -EPROTO;
	entry_sort(listing->entries, listing->count);
	if (listing->count > 0)
		listing->after = listing->entries[listing->count - 1]->id;
	return more;
}

int bus_list_buffers(struct cmabulk_connection *connection, const char *pool_name,
		     struct cmabulk_entry ***ret)
{
	struct listing listing CLEANUP(listing_clear) = {
		.entries = calloc(1, sizeof(struct cmabulk_entry *)),
	};
	int r = listing.entries ? 1 : -ENOMEM;

	while (r > 0) {
		sd_bus_message *reply CLEANUP(bus_message_unrefp) = NULL;

		r = call_list(connection, pool_name, listing.after, &reply);
		if (r < 0)
			return r;
		r = read_reply(reply, &listing);
		if (r < 0)
			return bus_refuse(connection, r);
	}
	if (r < 0)
		return r;
	*ret = TAKE(listing.entries);
	return (int)listing.count;
}
