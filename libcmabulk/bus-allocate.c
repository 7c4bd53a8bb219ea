// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Allocating through the daemon: Allocate, which comes back with the first
 * buffers, Fetch for the rest, Release to say that all of it arrived. Whatever goes
 * wrong, what came is closed and the rest released.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "bus-backend.h"
#include "bus-reply.h"
#include "bus.h"
#include "request.h"

/* The daemon looks at the request's timeout; this is for when it does not answer at all. */
#define REPLY_GRACE_NS	(UINT64_C(5) * NSEC_PER_SEC)
/* A cancelled request ends at the next range of memory. */
#define CANCEL_GRACE_NS (UINT64_C(10) * NSEC_PER_SEC)

/* File descriptors in one message, at most. */
#define MESSAGE_DESCRIPTORS 16
/* More buffers than any account has by default: not worth looking further. */
#define PROBED_DESCRIPTORS  4096

#define ALLOCATIONS_PATH "/org/cmabulk1/allocation/"
#define TOKEN_SIZE	 32

static const char *const effort_names[] = {
	[CMABULK_REQUEST_EFFORT_FAST] = "fast",
	[CMABULK_REQUEST_EFFORT_NORMAL] = "normal",
	[CMABULK_REQUEST_EFFORT_HARD] = "hard",
};

static uint64_t add_time(uint64_t left, uint64_t right)
{
	uint64_t sum;

	return __builtin_add_overflow(left, right, &sum) ? UINT64_MAX : sum;
}

static uint64_t deadline_of(const struct cmabulk_request *request, uint64_t start_ns)
{
	uint64_t timeout_ns;

	if (__builtin_mul_overflow(request->timeout_usec, NSEC_PER_USEC, &timeout_ns))
		return UINT64_MAX;
	return add_time(add_time(start_ns, timeout_ns), REPLY_GRACE_NS);
}

/* What the daemon takes for granted is not said: each entry costs the bus time. */
static int append_what(sd_bus_message *call, const struct cmabulk_request *request)
{
	unsigned int align = cmabulk_request_get_align(request);
	int r = sd_bus_message_append(call, "{sv}{sv}", "count", "t", request->count, "order", "u",
				      (uint32_t)request->order);

	if (r >= 0 && align != request->order)
		r = sd_bus_message_append(call, "{sv}", "align", "u", (uint32_t)align);
	if (r >= 0 && request->label[0])
		r = sd_bus_message_append(call, "{sv}", "label", "s", request->label);
	if (r >= 0 && request->has_pool)
		r = sd_bus_message_append(call, "{sv}", "pool", "s", request->pool);
	if (r >= 0 && request->has_device)
		r = sd_bus_message_append(call, "{sv}", "device", "s", request->device);
	return r;
}

static int append_effort(sd_bus_message *call, const struct cmabulk_request *request)
{
	return sd_bus_message_append(call, "{sv}", "effort", "s", effort_names[request->effort]);
}

/* Fields of Allocate. */
static int append_request(sd_bus_message *call, const struct cmabulk_request *request)
{
	uint64_t minimum = cmabulk_request_get_minimum(request);
	int r = append_what(call, request);

	if (r >= 0)
		r = sd_bus_message_append(call, "{sv}", "timeout-usec", "t", request->timeout_usec);
	if (r >= 0 && request->buffers != 1)
		r = sd_bus_message_append(call, "{sv}", "buffers", "u", (uint32_t)request->buffers);
	if (r >= 0 && request->effort != CMABULK_REQUEST_EFFORT_HARD)
		r = append_effort(call, request);
	if (r >= 0 && minimum != request->count)
		r = sd_bus_message_append(call, "{sv}", "minimum", "t", minimum);
	return r;
}

/* Up to the fields, which are to be appended and closed. */
static int begin_call(struct cmabulk_connection *connection, const char *member, const char *token,
		      sd_bus_message **ret)
{
	sd_bus_message *call CLEANUP(bus_message_unrefp) = NULL;
	int r = bus_new_call(connection, NULL, BUS_MANAGER_PATH, BUS_MANAGER_INTERFACE, member,
			     &call);

	if (r >= 0)
		r = sd_bus_message_append(call, "s", token);
	if (r >= 0)
		r = sd_bus_message_open_container(call, SD_BUS_TYPE_ARRAY, "{sv}");
	if (r < 0)
		return r;
	*ret = TAKE(call);
	return 0;
}

static int make_call(struct cmabulk_connection *connection, const struct cmabulk_request *request,
		     const char *token, sd_bus_message **ret)
{
	sd_bus_message *call CLEANUP(bus_message_unrefp) = NULL;
	int r = begin_call(connection, "Allocate", token, &call);

	if (r >= 0)
		r = append_request(call, request);
	if (r >= 0)
		r = sd_bus_message_close_container(call);
	if (r < 0)
		return r;
	*ret = TAKE(call);
	return 0;
}

static void new_token(struct cmabulk_connection *connection, char token[TOKEN_SIZE])
{
	snprintf(token, TOKEN_SIZE, "l%" PRIu64, ++connection->bus->last_token);
}

static void send_cancel(struct cmabulk_connection *connection, const char *token)
{
	sd_bus_message *call CLEANUP(bus_message_unrefp) = NULL;

	if (bus_new_call(connection, NULL, BUS_MANAGER_PATH, BUS_MANAGER_INTERFACE, "Cancel",
			 &call) >= 0 &&
	    sd_bus_message_append(call, "s", token) >= 0)
		bus_send(connection, call);
}

/* Tells the daemon that the reply with this serial came, and that nothing more is wanted. */
static void send_release(struct cmabulk_connection *connection, const char *destination,
			 const char *path, uint64_t serial)
{
	sd_bus_message *call CLEANUP(bus_message_unrefp) = NULL;

	if (bus_new_call(connection, destination, path, BUS_ALLOCATION_INTERFACE, "Release",
			 &call) >= 0 &&
	    sd_bus_message_append(call, "t", serial) >= 0)
		bus_send(connection, call);
}

/* ":1.42" and "l7" are /org/cmabulk1/allocation/1_42/l7. */
static int predict_path(struct cmabulk_connection *connection, const char *token, char *ret,
			size_t size)
{
	const char *sender;
	int length;

	if (sd_bus_get_unique_name(connection->bus->connection, &sender) < 0)
		return -ENOTCONN;
	length = snprintf(ret, size, ALLOCATIONS_PATH "%s/%s", sender + (*sender == ':'), token);
	if (length < 0 || (size_t)length >= size)
		return -EOVERFLOW;
	for (char *dot = strchr(ret, '.'); dot; dot = strchr(dot, '.'))
		*dot = '_';
	return 0;
}

/* Nobody waits for the reply any more: if it is on its way, nobody will fetch what is left either. */
static void give_up(struct cmabulk_connection *connection, const char *token)
{
	char path[sizeof(ALLOCATIONS_PATH) + 256 + TOKEN_SIZE];

	send_cancel(connection, token);
	if (predict_path(connection, token, path, sizeof(path)) >= 0)
		send_release(connection, NULL, path, 0);
}

struct asking {
	struct cmabulk_request *request;
	const char *token;
	bool cancelled;
};

/* bus_patience: passes a cancellation on, once. */
static void pass_on_cancel(struct cmabulk_connection *connection, struct bus_patience *patience)
{
	struct asking *asking = patience->userdata;
	uint64_t latest = add_time(now_ns(CLOCK_MONOTONIC), CANCEL_GRACE_NS);

	if (asking->cancelled || !request_is_cancelled(asking->request))
		return;
	asking->cancelled = true;
	send_cancel(connection, asking->token);
	if (patience->deadline_ns > latest)
		patience->deadline_ns = latest;
}

static int ask(struct cmabulk_connection *connection, struct cmabulk_request *request,
	       const char *token, uint64_t start_ns, sd_bus_message **ret)
{
	struct asking asking = { .request = request, .token = token };
	struct bus_patience patience = {
		.deadline_ns = deadline_of(request, start_ns),
		.before_wait = pass_on_cancel,
		.userdata = &asking,
	};
	sd_bus_message *call CLEANUP(bus_message_unrefp) = NULL;
	int r = make_call(connection, request, token, &call);

	if (r < 0)
		return r;
	r = bus_call(connection, call, &patience, ret);
	if (r == -ETIMEDOUT)
		give_up(connection, token);
	return r;
}

/* bus_patience: what is still fetched goes back, so there is nothing to wait for. */
static void stop_if_cancelled(struct cmabulk_connection *connection, struct bus_patience *patience)
{
	(void)connection;
	if (request_is_cancelled(patience->userdata))
		patience->deadline_ns = 0;
}

static uint64_t earlier(uint64_t left, uint64_t right)
{
	return left < right ? left : right;
}

static uint64_t later(uint64_t left, uint64_t right)
{
	return left > right ? left : right;
}

static uint64_t call_deadline(void)
{
	return now_ns(CLOCK_MONOTONIC) + BUS_CALL_TIMEOUT_NS;
}

static int fetch(struct cmabulk_connection *connection, struct cmabulk_request *request,
		 struct bus_reply *reply, uint64_t deadline_ns)
{
	struct bus_patience patience = {
		.deadline_ns = earlier(deadline_ns, call_deadline()),
		.before_wait = stop_if_cancelled,
		.userdata = request,
	};
	sd_bus_message *call CLEANUP(bus_message_unrefp) = NULL;
	sd_bus_message *fetched CLEANUP(bus_message_unrefp) = NULL;
	/* By its own name: after a restart nobody knows this allocation. */
	int r = bus_new_call(connection, reply->sender, reply->path, BUS_ALLOCATION_INTERFACE,
			     "Fetch", &call);

	if (r >= 0)
		r = sd_bus_message_append(call, "ut", (uint32_t)reply->allocation->n_buffers,
					  reply->serial);
	if (r >= 0)
		r = bus_call(connection, call, &patience, &fetched);
	if (r < 0)
		return r;
	if (sd_bus_message_has_signature(fetched, "aht") <= 0)
		return bus_refuse(connection, -EPROTO);
	r = bus_reply_read_buffers(reply, fetched);
	if (r >= 0 && sd_bus_message_read_basic(fetched, 't', &reply->serial) <= 0)
		r = -EPROTO;
	return r < 0 && r != -EMFILE ? bus_refuse(connection, r) : r;
}

/* The rest of the buffers, and the word that they came; without them, that nobody wants them. */
static int collect(struct cmabulk_connection *connection, struct cmabulk_request *request,
		   uint64_t start_ns, struct bus_reply *reply, sd_bus_message *message)
{
	/* All of them together: a daemon that is always just in time must not hold us for ever. */
	uint64_t deadline_ns = later(deadline_of(request, start_ns), call_deadline());
	int r = bus_reply_read_buffers(reply, message);

	if (r < 0 && r != -EMFILE)
		r = bus_refuse(connection, r);
	while (r >= 0 && reply->allocation->n_buffers < reply->n_buffers)
		r = request_is_cancelled(request) ? -ETIMEDOUT :
						    fetch(connection, request, reply, deadline_ns);
	if (reply->serial != 0)
		send_release(connection, reply->sender, reply->path, reply->serial);
	if (r != -ETIMEDOUT || !request_is_cancelled(request))
		return r;
	allocation_cancel(reply->allocation);
	return 0;
}

/*
 * Is there room for so many file descriptors? Those that a message brings are there
 * twice for a moment. A message for which there is none would break the connection.
 */
static int check_room(const struct bus *bus, unsigned int buffers)
{
	unsigned int probed = (buffers < PROBED_DESCRIPTORS ? buffers : PROBED_DESCRIPTORS) +
			      (buffers < MESSAGE_DESCRIPTORS ? buffers : MESSAGE_DESCRIPTORS);
	int *fds CLEANUP(freep) = calloc(probed, sizeof(*fds));
	unsigned int count = 0;
	int r = fds ? 0 : -ENOMEM;

	while (r >= 0 && count < probed) {
		fds[count] = fcntl(bus->wakeup, F_DUPFD_CLOEXEC, 3);
		if (fds[count] < 0)
			r = -errno;
		else
			count++;
	}
	while (count > 0)
		close(fds[--count]);
	return r;
}

/* Who cancelled before asking need not ask. */
static int allocate_nothing(const struct cmabulk_request *request, struct cmabulk_allocation **ret)
{
	struct cmabulk_allocation *allocation;
	int r = allocation_new(request->pool, &allocation);

	if (r < 0)
		return r;
	allocation_cancel(allocation);
	allocation->order = request->order;
	allocation->requested = request->count;
	*ret = allocation;
	return 0;
}

/* The daemon knows who asks, and has the cookie for itself. */
static int check_owner(struct cmabulk_connection *connection, const struct cmabulk_request *request)
{
	if (!request->has_owner && request->cookie == 0 && !*request->account)
		return 0;
	connection_explain(connection,
			   "owner, cookie and account can be said in direct mode only: the daemon "
			   "knows who asks");
	return -EPERM;
}

static int allocate(struct cmabulk_connection *connection, struct cmabulk_request *request,
		    uint64_t start_ns, struct cmabulk_allocation **ret)
{
	sd_bus_message *message CLEANUP(bus_message_unrefp) = NULL;
	struct bus_reply reply CLEANUP(bus_reply_clear) = { 0 };
	char token[TOKEN_SIZE];
	int r;

	new_token(connection, token);
	r = ask(connection, request, token, start_ns, &message);
	if (r < 0)
		return r;
	r = bus_reply_read(&reply, message, request->count, request->order, request->buffers);
	if (r < 0) {
		give_up(connection, token);
		return bus_refuse(connection, r);
	}
	r = collect(connection, request, start_ns, &reply, message);
	if (r < 0)
		return r;
	*ret = TAKE(reply.allocation);
	return 0;
}

int bus_allocate(struct cmabulk_connection *connection, struct cmabulk_request *request,
		 struct cmabulk_allocation **ret)
{
	uint64_t start_ns = now_ns(CLOCK_MONOTONIC);
	int r = check_owner(connection, request);

	if (r < 0)
		return r;
	if (request_is_cancelled(request))
		return allocate_nothing(request, ret);
	r = check_room(connection->bus, request->buffers);
	if (r < 0)
		return r;
	request_publish_wakeup(request, connection->bus->wakeup);
	r = allocate(connection, request, start_ns, ret);
	request_publish_wakeup(request, -1);
	if (r >= 0)
		(*ret)->elapsed_usec = (now_ns(CLOCK_MONOTONIC) - start_ns) / NSEC_PER_USEC;
	return r;
}

int bus_prepare(struct cmabulk_connection *connection, struct cmabulk_request *request,
		uint64_t expire_usec)
{
	sd_bus_message *call CLEANUP(bus_message_unrefp) = NULL;
	sd_bus_message *reply CLEANUP(bus_message_unrefp) = NULL;
	char token[TOKEN_SIZE];
	int r = check_owner(connection, request);

	if (r < 0)
		return r;
	new_token(connection, token);
	r = begin_call(connection, "Prepare", token, &call);
	if (r >= 0)
		r = append_what(call, request);
	if (r >= 0)
		r = append_effort(call, request);
	if (r >= 0)
		r = sd_bus_message_append(call, "{sv}", "expire-usec", "t", expire_usec);
	if (r >= 0)
		r = sd_bus_message_close_container(call);
	if (r < 0)
		return r;
	r = bus_call(connection, call, NULL, &reply);
	/* Who was told that it failed is not to be charged for it. */
	if (r == -ETIMEDOUT)
		send_cancel(connection, token);
	return r;
}
