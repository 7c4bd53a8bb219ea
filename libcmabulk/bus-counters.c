// SPDX-License-Identifier: LGPL-2.1-or-later
/* What the daemon counted. */
#include "bus-backend.h"
#include "bus-dictionary.h"
#include "bus.h"
#include "counters.h"

/* No user: of a pool, or of an account that is shared. */
#define NO_UID UINT32_MAX

struct line {
	struct cmabulk_counters *counters;
	const char *pool;
	const char *account;
	uint32_t uid;
	struct cmabulk_counter_values values;
};

static int read_refusal(sd_bus_message *message, void *userdata)
{
	const char *reason;
	uint64_t count;
	int r = bus_read_result(sd_bus_message_read(message, "st", &reason, &count));

	return r < 0 ? r : counters_add_refusal(userdata, reason, count);
}

static int read_refusals(sd_bus_message *message, void *target)
{
	return bus_read_array(message, "(st)", read_refusal, ((struct line *)target)->counters);
}

static int read_fill(sd_bus_message *message, void *userdata)
{
	const char *effort, *result;
	uint64_t count;
	int r = bus_read_result(sd_bus_message_read(message, "sst", &effort, &result, &count));

	return r < 0 ? r : counters_add_fill(userdata, effort, result, count);
}

static int read_fills(sd_bus_message *message, void *target)
{
	return bus_read_array(message, "(sst)", read_fill, ((struct line *)target)->counters);
}

static int read_bucket(sd_bus_message *message, void *userdata)
{
	uint64_t usec, count;
	int r = bus_read_result(sd_bus_message_read(message, "tt", &usec, &count));

	return r < 0 ? r : counters_add_bucket(userdata, usec, count);
}

static int read_latency(sd_bus_message *message, void *target)
{
	return bus_read_array(message, "(tt)", read_bucket, ((struct line *)target)->counters);
}

#define VALUE(name, field)                                    \
	{                                                     \
		name, "t", offsetof(struct line, field), true \
	}

static const struct bus_field line_fields[] = {
	{ "pool", "s", offsetof(struct line, pool), true },
	{ "account", "s", offsetof(struct line, account), false },
	{ "uid", "u", offsetof(struct line, uid), false },
	VALUE("admitted", values.admitted),
	VALUE("complete", values.complete),
	VALUE("partial", values.partial),
	VALUE("timed-out", values.timed_out),
	VALUE("cancelled", values.cancelled),
	VALUE("chunks-asked", values.chunks_asked),
	VALUE("bytes-asked", values.bytes_asked),
	VALUE("chunks-granted", values.chunks_granted),
	VALUE("bytes-granted", values.bytes_granted),
	VALUE("bytes-released", values.bytes_released),
	VALUE("queued-usec", values.queued_usec),
	VALUE("worker-usec", values.worker_usec),
	VALUE("interrupts", values.interrupts),
	VALUE("give-backs", values.give_backs),
	{ "resyncs", "t", offsetof(struct line, values.resyncs), false },
	{ "latency-usec", "t", offsetof(struct line, values.latency_usec), false },
	{ "refused", "a(st)", 0, true, read_refusals },
	{ "fills", "a(sst)", 0, true, read_fills },
	{ "latency", "a(tt)", 0, false, read_latency },
};

static int fill_in(struct cmabulk_counters *counters, const struct line *line)
{
	counters->pool = strdup(line->pool);
	counters->account = strdup(line->account);
	counters->has_uid = line->uid != NO_UID;
	counters->uid = line->uid;
	counters->values = line->values;
	return counters->pool && counters->account ? 0 : -ENOMEM;
}

struct listing {
	struct cmabulk_counters **counters; /* NULL after the last */
	size_t count;
};

static void listing_clear(struct listing *listing)
{
	cmabulk_counters_array_free(listing->counters);
}

/* A place in the listing, which frees what is put there. */
static int add_counters(struct listing *listing, struct cmabulk_counters **ret)
{
	struct cmabulk_counters **counters = reallocarray(listing->counters, listing->count + 2,
							  sizeof(struct cmabulk_counters *));
	int r;

	if (!counters)
		return -ENOMEM;
	listing->counters = counters;
	counters[listing->count] = NULL;
	r = counters_new(&counters[listing->count]);
	if (r < 0)
		return r;
	*ret = counters[listing->count++];
	counters[listing->count] = NULL;
	return 0;
}

static int read_counters(sd_bus_message *message, void *userdata)
{
	struct line line = { .account = "", .uid = NO_UID };
	int r = add_counters(userdata, &line.counters);

	if (r >= 0)
		r = bus_read_dictionary(message, line_fields, ARRAY_SIZE(line_fields), &line);
	return r < 0 ? r : fill_in(line.counters, &line);
}

int bus_get_counters(struct cmabulk_connection *connection, struct cmabulk_counters ***ret)
{
	struct listing listing CLEANUP(listing_clear) = {
		.counters = calloc(1, sizeof(struct cmabulk_counters *)),
	};
	sd_bus_message *reply CLEANUP(bus_message_unrefp) = NULL;
	int r = listing.counters ? bus_call_manager(connection, "GetCounters", &reply) : -ENOMEM;

	if (r < 0)
		return r;
	r = bus_read_array(reply, "a{sv}", read_counters, &listing);
	if (r < 0)
		return bus_refuse(connection, r);
	*ret = TAKE(listing.counters);
	return (int)listing.count;
}
