// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Allocates on a connection to the daemon: Allocate, which comes back with the first buffers, Fetch for the
 * rest, Release to say that all of it arrived. Whatever goes wrong, what came is closed and the rest
 * released. Nothing here waits: replies are handled when they come, by whatever reads from the bus.
 */
#include <fcntl.h>

#include "bus-ask.h"
#include "bus-backend.h"
#include "bus-call.h"
#include "bus-reply.h"
#include "bus.h"
#include "request.h"

/* The daemon looks at the request's timeout; this is for when it does not answer at all. */
#define REPLY_GRACE_NS	(UINT64_C(5) * NSEC_PER_SEC)
/* A cancelled request ends before the next range or page of memory. */
#define CANCEL_GRACE_NS (UINT64_C(10) * NSEC_PER_SEC)

/* File descriptors in one message, at most. */
#define MESSAGE_DESCRIPTORS 16
/* More buffers than any account has by default: not worth looking further. */
#define PROBED_DESCRIPTORS  4096

/* What runs. */
struct asking {
	struct asking *next;
	struct cmabulk_call *call;
	struct cmabulk_connection *connection;
	struct cmabulk_request *request;
	char token[TOKEN_SIZE];
	uint64_t start_ns;
	uint64_t deadline_ns; /* of what is waited for */
	uint64_t end_ns; /* of all fetching: a daemon that is always just in time must not hold us for ever */
	bool is_cancelled; /* and the daemon knows */
	bool is_fetching;
	sd_bus_slot *slot; /* what is waited for */
	sd_bus_message *message; /* with what the reply points to */
	struct bus_reply reply; /* when it is fetching */
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

static void unlink_asking(struct asking *asking)
{
	struct asking **link = &asking->connection->bus->calls;

	while (*link != asking)
		link = &(*link)->next;
	*link = asking->next;
}

/* Takes the sentence over. */
static void end(struct asking *asking, int r, char *sentence)
{
	struct cmabulk_call *call = asking->call;
	struct cmabulk_allocation *allocation = NULL;

	if (r >= 0) {
		allocation = TAKE(asking->reply.allocation);
		allocation->elapsed_usec =
			(now_ns(CLOCK_MONOTONIC) - asking->start_ns) / NSEC_PER_USEC;
	}
	unlink_asking(asking);
	asking->connection->bus->has_ended_call = true;
	/* In a child nobody is left who could be at it. */
	if (asking->connection->opener == getpid())
		request_publish_wakeup(asking->request, -1);
	else
		request_forget_wakeup(asking->request);
	sd_bus_slot_unref(asking->slot);
	bus_reply_clear(&asking->reply);
	sd_bus_message_unref(asking->message);
	cmabulk_request_unref(asking->request);
	free(asking);
	call->asking = NULL;
	call_end(call, r, allocation, sentence);
}

/* Fetching is over: what is left goes back, and that the last reply came is said. */
static int settle(struct asking *asking, int r)
{
	if (asking->reply.serial != 0)
		bus_ask_send_release(asking->connection, &asking->reply);
	if (r != -ETIMEDOUT || !request_is_cancelled(asking->request))
		return r;
	allocation_cancel(asking->reply.allocation);
	return 0;
}

static int on_reply(sd_bus_message *message, void *userdata, sd_bus_error *error);

static int send_call(struct asking *asking, sd_bus_message *message)
{
	int r;

	asking->slot = sd_bus_slot_unref(asking->slot);
	r = sd_bus_call_async(asking->connection->bus->connection, &asking->slot, message, on_reply,
			      asking, UINT64_MAX);
	return r < 0 ? bus_lost(asking->connection, r) : 0;
}

/* 1: there is more to come. */
static int fetch_rest(struct asking *asking)
{
	sd_bus_message *message CLEANUP(bus_message_unrefp) = NULL;
	int r;

	/* Before the test for completeness: who cancels gets nothing, however far it is. */
	if (request_is_cancelled(asking->request) &&
	    asking->reply.allocation->status != CMABULK_ALLOCATION_CANCELLED)
		return -ETIMEDOUT;
	if (asking->reply.allocation->n_buffers >= asking->reply.n_buffers)
		return 0;
	r = bus_ask_fetch(asking->connection, &asking->reply, &message);
	if (r >= 0)
		r = send_call(asking, message);
	asking->deadline_ns = earlier(asking->end_ns, call_deadline());
	return r < 0 ? r : 1;
}

static int read_fetched(struct asking *asking, sd_bus_message *message)
{
	struct bus_reply *reply = &asking->reply;
	int r = bus_check_reply(asking->connection, message);

	if (r < 0)
		return r;
	if (sd_bus_message_has_signature(message, "aht") <= 0)
		return bus_refuse(asking->connection, -EPROTO);
	r = bus_reply_read_buffers(reply, message);
	if (r >= 0 && sd_bus_message_read_basic(message, 't', &reply->serial) <= 0)
		r = -EPROTO;
	return r < 0 && r != -EMFILE ? bus_refuse(asking->connection, r) : r;
}

static int on_fetched(struct asking *asking, sd_bus_message *message)
{
	int r = read_fetched(asking, message);

	if (r >= 0)
		r = fetch_rest(asking);
	return r > 0 ? r : settle(asking, r);
}

static int read_answer(struct asking *asking, sd_bus_message *message)
{
	const struct cmabulk_request *request = asking->request;
	int r = bus_check_manager_reply(asking->connection, message);

	if (r < 0) {
		if (r == -ETIMEDOUT)
			bus_ask_give_up(asking->connection, asking->token);
		return r;
	}
	asking->message = sd_bus_message_ref(message);
	r = bus_reply_read(&asking->reply, message, request->count, request->order,
			   request->buffers);
	if (r >= 0)
		return 0;
	bus_ask_give_up(asking->connection, asking->token);
	return bus_refuse(asking->connection, r);
}

static int on_answer(struct asking *asking, sd_bus_message *message)
{
	int r = read_answer(asking, message);

	if (r < 0)
		return r;
	asking->is_fetching = true;
	asking->end_ns = later(deadline_of(asking->request, asking->start_ns), call_deadline());
	r = bus_reply_read_buffers(&asking->reply, message);
	if (r < 0 && r != -EMFILE)
		r = bus_refuse(asking->connection, r);
	if (r >= 0)
		r = fetch_rest(asking);
	return r > 0 ? r : settle(asking, r);
}

/* What is explained from here on is this call's affair, not that of the one that is waiting. */
static char *take_sentence(struct cmabulk_connection *connection)
{
	return TAKE(connection->sentence);
}

static char *swap_sentence(struct cmabulk_connection *connection, char *kept)
{
	char *sentence = TAKE(connection->sentence);

	connection->sentence = kept;
	return sentence;
}

static int on_reply(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	struct asking *asking = userdata;
	char *kept = take_sentence(asking->connection);
	int r = asking->is_fetching ? on_fetched(asking, message) : on_answer(asking, message);
	char *sentence = swap_sentence(asking->connection, kept);

	(void)error;
	if (r <= 0)
		end(asking, r, sentence);
	else
		free(sentence);
	return 1;
}

static int time_out(struct asking *asking)
{
	connection_explain(asking->connection, "the daemon did not answer in time");
	if (asking->is_fetching)
		return settle(asking, -ETIMEDOUT);
	bus_ask_give_up(asking->connection, asking->token);
	return -ETIMEDOUT;
}

/* 1: it goes on. */
static int look_at_time(struct asking *asking)
{
	uint64_t now = now_ns(CLOCK_MONOTONIC);

	if (request_is_cancelled(asking->request)) {
		/* What is still fetched goes back, so there is nothing to wait for. */
		if (asking->is_fetching)
			return settle(asking, -ETIMEDOUT);
		if (!asking->is_cancelled) {
			asking->is_cancelled = true;
			bus_ask_send_cancel(asking->connection, asking->token);
			asking->deadline_ns =
				earlier(asking->deadline_ns, add_time(now, CANCEL_GRACE_NS));
		}
	}
	return now >= asking->deadline_ns ? time_out(asking) : 1;
}

bool bus_calls_run(struct cmabulk_connection *connection)
{
	bool has_ended = false;
	struct asking *next;

	for (struct asking *asking = connection->bus->calls; asking; asking = next) {
		char *kept = take_sentence(connection);
		int r = look_at_time(asking);
		char *sentence = swap_sentence(connection, kept);

		next = asking->next;
		has_ended |= r <= 0;
		if (r <= 0)
			end(asking, r, sentence);
		else
			free(sentence);
	}
	return has_ended;
}

uint64_t bus_calls_deadline_ns(const struct cmabulk_connection *connection)
{
	uint64_t deadline_ns = UINT64_MAX;

	for (const struct asking *asking = connection->bus->calls; asking; asking = asking->next) {
		if (request_is_cancelled(asking->request) && !asking->is_cancelled)
			return 0;
		deadline_ns = earlier(deadline_ns, asking->deadline_ns);
	}
	return deadline_ns;
}

void bus_calls_end(struct cmabulk_connection *connection)
{
	while (connection->bus && connection->bus->calls)
		end(connection->bus->calls, -ENOTCONN, strdup("the connection was closed"));
}

void bus_call_abandon(struct cmabulk_call *call)
{
	struct asking *asking = call->asking;

	/* A child may only let go. */
	if (asking->connection->opener == getpid()) {
		if (asking->is_fetching)
			settle(asking, -ETIMEDOUT);
		else
			bus_ask_give_up(asking->connection, asking->token);
	}
	end(asking, -ECANCELED, NULL);
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
int bus_check_owner(struct cmabulk_connection *connection, const struct cmabulk_request *request)
{
	if (!request->has_owner && request->cookie == 0 && !*request->account)
		return 0;
	connection_explain(connection,
			   "owner, cookie and account can be said in direct mode only: the daemon "
			   "knows who asks");
	return -EPERM;
}

/* For the buffers of all that run: none of them knows which comes first. */
static int check_room_for_all(const struct cmabulk_connection *connection, unsigned int buffers)
{
	uint64_t sum = buffers;

	for (const struct asking *asking = connection->bus->calls; asking; asking = asking->next)
		sum += asking->request->buffers;
	return check_room(connection->bus, sum > UINT32_MAX ? UINT32_MAX : (unsigned int)sum);
}

static int start(struct asking *asking)
{
	sd_bus_message *message CLEANUP(bus_message_unrefp) = NULL;
	int r;

	bus_ask_new_token(asking->connection, asking->token);
	r = bus_ask_allocate(asking->connection, asking->request, asking->token, &message);
	return r < 0 ? r : send_call(asking, message);
}

int bus_call_start(struct cmabulk_connection *connection, struct cmabulk_request *request,
		   struct cmabulk_call *call)
{
	struct cmabulk_allocation *nothing;
	struct asking *asking;
	int r = bus_check_owner(connection, request);

	if (r < 0)
		return r;
	if (request_is_cancelled(request)) {
		r = allocate_nothing(request, &nothing);
		if (r < 0)
			return r;
		call_end(call, 0, nothing, NULL);
		connection->bus->has_ended_call = true;
		return 0;
	}
	r = check_room_for_all(connection, request->buffers);
	if (r < 0)
		return r;
	asking = calloc(1, sizeof(*asking));
	if (!asking)
		return -ENOMEM;
	asking->call = call;
	asking->connection = connection;
	asking->request = cmabulk_request_ref(request);
	asking->start_ns = now_ns(CLOCK_MONOTONIC);
	asking->deadline_ns = deadline_of(request, asking->start_ns);
	r = start(asking);
	if (r < 0) {
		cmabulk_request_unref(asking->request);
		free(asking);
		return r;
	}
	asking->next = connection->bus->calls;
	connection->bus->calls = asking;
	call->asking = asking;
	request_publish_wakeup(request, connection->bus->wakeup);
	return 0;
}
