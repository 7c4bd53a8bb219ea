// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * An application of libcmabulk that does what its standard input says, a line at a
 * time, and answers each with a line. SIGUSR1 cancels what runs from its handler, SIGUSR2 from
 * another thread.
 */
#include <cmabulk.h>
#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHUNK_ORDER 4

static struct cmabulk_connection *connection;
static struct cmabulk_request *request;
static struct cmabulk_allocation *allocation;

/* Those that were started, and not finished or dropped. */
#define CALLS 16
static struct cmabulk_call *calls[CALLS];

static void say_error(const char *what, int error, const char *message)
{
	printf("%s: %s retryable=%d %s\n", what, strerrorname_np(-error),
	       cmabulk_error_is_retryable(error), message);
}

static void handle_signal(int number)
{
	(void)number;
	cmabulk_request_cancel(request);
}

static void *cancel_in_thread(void *userdata)
{
	sigset_t signals;
	int number;

	(void)userdata;
	sigemptyset(&signals);
	sigaddset(&signals, SIGUSR2);
	for (;;)
		if (sigwait(&signals, &number) == 0)
			cmabulk_request_cancel(request);
	return NULL;
}

static void start_canceller(void)
{
	struct sigaction action = { .sa_handler = handle_signal };
	sigset_t in_thread;
	pthread_t thread;

	sigemptyset(&in_thread);
	sigaddset(&in_thread, SIGUSR1);
	sigaddset(&in_thread, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &in_thread, NULL);
	if (sigaction(SIGUSR1, &action, NULL) < 0 ||
	    pthread_create(&thread, NULL, cancel_in_thread, NULL) != 0)
		err(1, "cannot start the thread");
	sigemptyset(&in_thread);
	sigaddset(&in_thread, SIGUSR1);
	pthread_sigmask(SIG_UNBLOCK, &in_thread, NULL);
}

static void do_open(void)
{
	int r;

	connection = cmabulk_connection_unref(connection);
	r = cmabulk_connection_open(&connection);
	if (r < 0)
		say_error("open", r, cmabulk_error_get_message(r));
	else
		printf("open: %s\n", cmabulk_connection_get_mode(connection));
}

/* allocate COUNT BUFFERS TIMEOUT-USEC: chunks of 64 KiB; 0 is no timeout */
static void do_allow(const char *arguments)
{
	int r = cmabulk_connection_set_allow_interactive_authorization(connection, atoi(arguments));

	if (r < 0)
		say_error("allow", r, cmabulk_error_get_message(r));
	else
		printf("allow: %s\n", arguments);
}

static void do_allocate(const char *arguments)
{
	uint64_t count;
	unsigned int buffers;
	uint64_t timeout;
	int r;

	allocation = cmabulk_allocation_unref(allocation);
	if (sscanf(arguments, "%" SCNu64 " %u %" SCNu64, &count, &buffers, &timeout) != 3)
		errx(1, "allocate COUNT BUFFERS TIMEOUT-USEC");
	if (cmabulk_request_rearm(request) < 0 || cmabulk_request_set_count(request, count) < 0 ||
	    cmabulk_request_set_order(request, CHUNK_ORDER) < 0 ||
	    cmabulk_request_set_buffers(request, buffers) < 0 ||
	    cmabulk_request_set_label(request, "client") < 0 ||
	    cmabulk_request_set_timeout(request,
					timeout ? timeout : CMABULK_REQUEST_TIMEOUT_INFINITE) < 0)
		errx(1, "bad request");
	r = cmabulk_connection_allocate(connection, request, &allocation);
	if (r < 0)
		say_error("allocate", r, cmabulk_connection_get_error_message(connection));
	else
		printf("allocate: %s granted=%" PRIu64 " buffers=%u kind=%s cause=%s %s\n",
		       cmabulk_allocation_get_status_name(allocation),
		       cmabulk_allocation_get_granted(allocation),
		       cmabulk_allocation_get_n_buffers(allocation),
		       cmabulk_allocation_get_kind_name(allocation),
		       cmabulk_allocation_get_cause_name(allocation),
		       cmabulk_allocation_get_reason(allocation));
}

static bool is_filled(const unsigned char *bytes, size_t size, unsigned char value)
{
	return size == 0 || (bytes[0] == value && memcmp(bytes, bytes + 1, size - 1) == 0);
}

/* Expects @before in all of it, and leaves @after. */
static bool change(struct cmabulk_buffer *buffer, unsigned char before, unsigned char after)
{
	size_t size = (size_t)cmabulk_buffer_get_size(buffer);
	void *address;
	bool is_right;

	if (cmabulk_buffer_map(buffer, CMABULK_BUFFER_READ_WRITE, &address) < 0 ||
	    cmabulk_buffer_begin_cpu_access(buffer, CMABULK_BUFFER_READ_WRITE) < 0)
		return false;
	is_right = is_filled(address, size, before);
	memset(address, after, size);
	return cmabulk_buffer_end_cpu_access(buffer, CMABULK_BUFFER_READ_WRITE) >= 0 &&
	       cmabulk_buffer_unmap(buffer, address) >= 0 && is_right;
}

static bool change_all(unsigned char before, unsigned char after)
{
	struct cmabulk_buffer *buffer;
	bool is_right = true;

	for (unsigned int i = 0; (buffer = cmabulk_allocation_get_buffer(allocation, i)); i++)
		is_right = change(buffer, before, after) && is_right;
	return is_right;
}

/* change BEFORE AFTER */
static void do_change(const char *arguments)
{
	unsigned int before;
	unsigned int after;

	if (sscanf(arguments, "%u %u", &before, &after) != 2)
		errx(1, "change BEFORE AFTER");
	printf("change: %s\n",
	       change_all((unsigned char)before, (unsigned char)after) ? "right" : "wrong");
}

static void do_release(void)
{
	allocation = cmabulk_allocation_unref(allocation);
	printf("release: done\n");
}

/* What a child may do with buffers, and may not with a connection. */
static int use_in_child(void)
{
	struct cmabulk_pool **pools;
	struct cmabulk_allocation *other;

	if (cmabulk_connection_list_pools(connection, &pools) != -ECHILD ||
	    cmabulk_connection_allocate(connection, request, &other) != -ECHILD)
		return 1;
	cmabulk_connection_unref(connection);
	return change_all(0, 7) ? 0 : 2;
}

static void do_fork(void)
{
	int status;
	pid_t child = fork();

	if (child == 0)
		_exit(use_in_child());
	if (child < 0 || waitpid(child, &status, 0) != child)
		err(1, "cannot fork");
	printf("fork: %d\n", status);
}

static void do_pools(void)
{
	struct cmabulk_pool **pools;
	int r = cmabulk_connection_list_pools(connection, &pools);

	if (r < 0) {
		say_error("pools", r, cmabulk_connection_get_error_message(connection));
		return;
	}
	printf("pools:");
	for (int i = 0; i < r; i++)
		printf(" %s/%s", cmabulk_pool_get_name(pools[i]),
		       cmabulk_pool_get_kind_name(pools[i]));
	printf("\n");
	cmabulk_pool_array_free(pools);
}

/* wait USEC */
static void do_wait(const char *arguments)
{
	int r = cmabulk_connection_wait(connection, strtoull(arguments, NULL, 10));

	if (r < 0)
		say_error("wait", r, cmabulk_connection_get_error_message(connection));
	else
		printf("wait: %d\n", r);
}

/* listen MASK */
static void do_listen(const char *arguments)
{
	int r = cmabulk_connection_set_event_mask(connection, strtoull(arguments, NULL, 10));

	if (r < 0)
		say_error("listen", r, cmabulk_connection_get_error_message(connection));
	else
		printf("listen: done\n");
}

static uint64_t now_usec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* As an application with a loop of its own waits. */
static int poll_connection(uint64_t deadline_usec)
{
	uint64_t usec;
	uint64_t now = now_usec();
	struct pollfd polled = { .fd = cmabulk_connection_get_fd(connection) };
	int events = cmabulk_connection_get_events(connection);
	int r = cmabulk_connection_get_timeout_usec(connection, &usec);

	if (polled.fd < 0 || events < 0 || r < 0)
		return polled.fd < 0 ? polled.fd : events < 0 ? events : r;
	polled.events = (short)events;
	if (usec > deadline_usec)
		usec = deadline_usec;
	usec = usec > now ? (usec - now) / 1000 + 1 : 0;
	if (poll(&polled, 1, usec > INT_MAX ? -1 : (int)usec) < 0)
		err(1, "poll");
	do
		r = cmabulk_connection_process(connection);
	while (r > 0);
	return r;
}

static void say_event(const struct cmabulk_event *event)
{
	printf("next: %s pool=%s id=%" PRIu64 " level=%d bytes=%" PRIu64 " lost=%" PRIu64 "\n",
	       cmabulk_event_get_type_name(event), cmabulk_event_get_pool(event),
	       cmabulk_event_get_buffer_id(event), (int)cmabulk_event_get_level(event),
	       cmabulk_event_get_bytes(event), cmabulk_event_get_n_lost(event));
}

/* next USEC: the next event, if there is one within that time */
static void do_next(const char *arguments)
{
	uint64_t deadline_usec = now_usec() + strtoull(arguments, NULL, 10);
	struct cmabulk_event *event = NULL;
	int r = cmabulk_connection_next_event(connection, &event);

	while (r == 0) {
		bool is_over = now_usec() >= deadline_usec;

		r = poll_connection(deadline_usec);
		if (r >= 0)
			r = cmabulk_connection_next_event(connection, &event);
		if (is_over)
			break;
	}
	if (r < 0)
		say_error("next", r, cmabulk_connection_get_error_message(connection));
	else if (r == 0)
		printf("next: none\n");
	else
		say_event(event);
	cmabulk_event_unref(event);
}

static unsigned int read_number(const char *arguments)
{
	unsigned long number = strtoul(arguments, NULL, 10);

	if (number >= CALLS)
		errx(1, "there are %d calls", CALLS);
	return (unsigned int)number;
}

/* start NUMBER COUNT BUFFERS: chunks of 64 KiB, and no timeout */
static void do_start(const char *arguments)
{
	struct cmabulk_request *mine;
	unsigned int number;
	unsigned int buffers;
	uint64_t count;
	int r;

	if (sscanf(arguments, "%u %" SCNu64 " %u", &number, &count, &buffers) != 3 ||
	    number >= CALLS || calls[number] || cmabulk_request_new(&mine) < 0)
		errx(1, "start NUMBER COUNT BUFFERS");
	if (cmabulk_request_set_count(mine, count) < 0 ||
	    cmabulk_request_set_order(mine, CHUNK_ORDER) < 0 ||
	    cmabulk_request_set_buffers(mine, buffers) < 0 ||
	    cmabulk_request_set_timeout(mine, CMABULK_REQUEST_TIMEOUT_INFINITE) < 0)
		errx(1, "bad request");
	r = cmabulk_connection_start_allocate(connection, mine, &calls[number]);
	cmabulk_request_unref(mine);
	if (r < 0)
		say_error("start", r, cmabulk_connection_get_error_message(connection));
	else
		printf("start: done\n");
}

/* finish NUMBER: waits for it, and replaces the allocation by what it got */
static void do_finish(const char *arguments)
{
	struct cmabulk_call **call = &calls[read_number(arguments)];
	int r = 0;

	if (!*call)
		errx(1, "finish what?");
	allocation = cmabulk_allocation_unref(allocation);
	while (r >= 0 && !cmabulk_call_is_done(*call))
		r = poll_connection(UINT64_MAX);
	r = cmabulk_call_finish(*call, &allocation);
	if (r < 0)
		say_error("finish", r, cmabulk_call_get_error_message(*call));
	else
		printf("finish: %s granted=%" PRIu64 " buffers=%u\n",
		       cmabulk_allocation_get_status_name(allocation),
		       cmabulk_allocation_get_granted(allocation),
		       cmabulk_allocation_get_n_buffers(allocation));
	*call = cmabulk_call_unref(*call);
}

/* drop NUMBER: of what was started, whatever has come of it */
static void do_drop(const char *arguments)
{
	unsigned int number = read_number(arguments);

	calls[number] = cmabulk_call_unref(calls[number]);
	printf("drop: done\n");
}

/* ids: of the buffers */
static void do_ids(void)
{
	struct cmabulk_buffer *buffer;

	printf("ids:");
	for (unsigned int i = 0; (buffer = cmabulk_allocation_get_buffer(allocation, i)); i++)
		printf(" %" PRIu64, cmabulk_buffer_get_id(buffer));
	printf("\n");
}

static void obey(char *line)
{
	line[strcspn(line, "\n")] = '\0';
	if (strcmp(line, "open") == 0)
		do_open();
	else if (strncmp(line, "allow ", 6) == 0)
		do_allow(line + 6);
	else if (strncmp(line, "allocate ", 9) == 0)
		do_allocate(line + 9);
	else if (strncmp(line, "change ", 7) == 0)
		do_change(line + 7);
	else if (strcmp(line, "release") == 0)
		do_release();
	else if (strcmp(line, "fork") == 0)
		do_fork();
	else if (strcmp(line, "pools") == 0)
		do_pools();
	else if (strncmp(line, "wait ", 5) == 0)
		do_wait(line + 5);
	else if (strncmp(line, "listen ", 7) == 0)
		do_listen(line + 7);
	else if (strncmp(line, "next ", 5) == 0)
		do_next(line + 5);
	else if (strncmp(line, "start ", 6) == 0)
		do_start(line + 6);
	else if (strncmp(line, "finish ", 7) == 0)
		do_finish(line + 7);
	else if (strncmp(line, "drop ", 5) == 0)
		do_drop(line + 5);
	else if (strcmp(line, "ids") == 0)
		do_ids();
	else
		errx(1, "what is '%s'?", line);
	fflush(stdout);
}

int main(void)
{
	char *line = NULL;
	size_t size = 0;

	if (cmabulk_request_new(&request) < 0)
		errx(1, "no memory");
	start_canceller();
	while (getline(&line, &size, stdin) >= 0)
		obey(line);
	free(line);
	cmabulk_allocation_unref(allocation);
	cmabulk_connection_unref(connection);
	for (unsigned int i = 0; i < CALLS; i++)
		cmabulk_call_unref(calls[i]);
	cmabulk_request_unref(request);
	return 0;
}
