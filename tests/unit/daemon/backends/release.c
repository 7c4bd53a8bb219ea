// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Simulated buffers: that the end of the last reference is learnt, whatever it was, and no
 * earlier.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"

static void assert_alive(struct pool *pool, guint told)
{
	pool_settle(pool);
	g_assert_cmpuint(pool->told->len, ==, told);
	g_assert_cmpuint(pool_check(pool), ==, 32);
}

/* Takes what the buffer and its reservation told. */
static struct backend_buffer begin(struct pool *pool)
{
	struct backend_buffer buffer;

	pool_open(pool, "media=8M");
	buffer = pool_make_buffer(pool, 4, 2);
	pool_wait(pool, 2);
	g_assert_cmpint(pool_told(pool, 0)->command, ==, CMABULK_CMD_EXPORTED);
	g_assert_cmpuint(pool_told(pool, 0)->id, ==, buffer.id);
	g_assert_cmpuint(pool_told(pool, 0)->inode, ==, buffer.inode);
	g_assert_cmpuint(pool_told(pool, 0)->pages, ==, 32);
	g_assert_cmpint(pool_told(pool, 1)->command, ==, CMABULK_CMD_DROPPED);
	g_assert_cmpuint(pool_told(pool, 1)->pages, ==, 0);
	assert_alive(pool, 2);
	return buffer;
}

static void end(struct pool *pool, const struct backend_buffer *buffer)
{
	const struct told *told;

	pool_wait(pool, 3);
	told = pool_told(pool, 2);
	g_assert_cmpint(told->command, ==, CMABULK_CMD_RELEASED);
	g_assert_cmpuint(told->sequence, ==, pool_told(pool, 1)->sequence + 1);
	g_assert_cmpuint(told->id, ==, buffer->id);
	g_assert_cmpuint(told->inode, ==, buffer->inode);
	g_assert_cmpuint(told->pages, ==, 32);
	g_assert_cmpuint(pool_check(pool), ==, 0);
	pool_close(pool);
}

static void closing_is_enough(void)
{
	struct pool pool;
	struct backend_buffer buffer = begin(&pool);

	close(buffer.fd);
	end(&pool, &buffer);
}

static void duplicates_count(void)
{
	struct pool pool;
	struct backend_buffer buffer = begin(&pool);
	char path[64];
	int duplicate = dup(buffer.fd);
	int again;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", duplicate);
	close(buffer.fd);
	assert_alive(&pool, 2);
	again = open(path, O_RDONLY | O_CLOEXEC);
	g_assert_cmpint(again, >=, 0);
	close(duplicate);
	assert_alive(&pool, 2);
	close(again);
	end(&pool, &buffer);
}

static void mappings_count(void)
{
	struct pool pool;
	struct backend_buffer buffer = begin(&pool);
	char *mapped = mmap(NULL, 131072, PROT_READ | PROT_WRITE, MAP_SHARED, buffer.fd, 0);

	g_assert_true(mapped != MAP_FAILED);
	close(buffer.fd);
	memset(mapped, 1, 131072);
	assert_alive(&pool, 2);
	/* The half of a mapping is one, too. */
	munmap(mapped, 65536);
	assert_alive(&pool, 2);
	munmap(mapped + 65536, 65536);
	end(&pool, &buffer);
}

static void send_descriptor(int socket, int descriptor)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	char nothing = 0;
	struct iovec data = { .iov_base = &nothing, .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &descriptor, sizeof(descriptor));
	g_assert_cmpint(sendmsg(socket, &message, 0), ==, 1);
}

static void descriptors_in_flight_count(void)
{
	struct pool pool;
	struct backend_buffer buffer = begin(&pool);
	int sockets[2];

	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), ==, 0);
	send_descriptor(sockets[0], buffer.fd);
	close(buffer.fd);
	close(sockets[0]);
	assert_alive(&pool, 2);
	/* Whoever should have received it is gone. */
	close(sockets[1]);
	end(&pool, &buffer);
}

static void other_processes_count(void)
{
	struct pool pool;
	struct backend_buffer buffer = begin(&pool);
	int hold[2];
	pid_t child;

	g_assert_cmpint(pipe2(hold, O_CLOEXEC), ==, 0);
	child = fork();
	g_assert_cmpint(child, >=, 0);
	if (child == 0) {
		char nothing;

		close(hold[1]);
		if (read(hold[0], &nothing, 1) != 0)
			_exit(1);
		/* Killed, it closes nothing by itself. */
		kill(getpid(), SIGKILL);
		_exit(1);
	}
	close(buffer.fd);
	assert_alive(&pool, 2);
	close(hold[0]);
	close(hold[1]);
	end(&pool, &buffer);
	g_assert_cmpint(waitpid(child, NULL, 0), ==, child);
}

static void a_reservation_gives_back(void)
{
	struct backend_reservation *reservation;
	struct cmabulk_fill fill;
	struct pool pool;

	pool_open(&pool, "media=8M");
	reservation = pool_reserve(&pool, 4, 0);
	g_assert_cmpint(pool_fill(&pool, reservation, 0, 7, &fill), ==, 0);
	pool.ops->close(reservation);
	/* Told on the loop, not from inside the call. */
	g_assert_cmpuint(pool.told->len, ==, 0);
	pool_wait(&pool, 1);
	g_assert_cmpint(pool_told(&pool, 0)->command, ==, CMABULK_CMD_DROPPED);
	g_assert_cmpuint(pool_told(&pool, 0)->pages, ==, 112);
	pool_close(&pool);
}

static void snapshots_include_what_was_not_told(void)
{
	struct backend_snapshot snapshot;
	struct backend_buffer buffer;
	struct pool pool;

	pool_open(&pool, "media=8M");
	buffer = pool_make_buffer(&pool, 4, 2);
	g_assert_cmpint(pool.ops->snapshot(pool.backend, &snapshot), ==, 0);
	free(snapshot.entries);
	close(buffer.fd);
	pool_wait(&pool, 1);
	g_assert_cmpint(pool_told(&pool, 0)->command, ==, CMABULK_CMD_RELEASED);
	g_assert_cmpuint(pool_told(&pool, 0)->sequence, ==, snapshot.sequence + 1);
	pool_close(&pool);
}

static void a_listener_may_free_the_pool(void)
{
	struct backend_buffer buffer;
	struct pool pool;

	pool_open(&pool, "media=8M");
	pool.frees_itself = true;
	buffer = pool_make_buffer(&pool, 4, 2);
	pool_wait(&pool, 1);
	pool_settle(&pool);
	g_assert_cmpuint(pool.told->len, ==, 1);
	close(buffer.fd);
	pool_settle(&pool);
	pool_close(&pool);
}

static void every_order_of_numbers_is_kept(void)
{
	uint64_t newest = 0;
	struct pool pool;

	pool_open(&pool, "media=8M");
	for (int i = 0; i < 200; i++)
		close(pool_make_buffer(&pool, 0, 1).fd);
	pool_wait(&pool, 600);
	for (guint i = 0; i < 600; i++) {
		g_assert_true(newest == 0 || pool_told(&pool, i)->sequence == newest + 1);
		newest = pool_told(&pool, i)->sequence;
	}
	pool_close(&pool);
}

/* More releases than inotify keeps for a loop that does not read: they are found all the same. */
static void missed_releases_are_found(void)
{
	g_autofree char *text = NULL;
	struct backend_buffer kept;
	struct pool pool;
	long limit;

	if (!g_file_get_contents("/proc/sys/fs/inotify/max_queued_events", &text, NULL, NULL) ||
	    (limit = strtol(text, NULL, 10)) > 100000) {
		g_test_skip("inotify keeps too many events to make it lose one");
		return;
	}
	pool_open(&pool, "media=64M");
	kept = pool_make_buffer(&pool, 0, 1);
	/* Two events each. */
	for (long i = 0; i < limit / 2 + 100; i++)
		close(pool_make_buffer(&pool, 0, 1).fd);
	while (pool_check(&pool) > 1)
		loop_once(pool.loop);
	pool_settle(&pool);
	g_assert_cmpuint(pool_check(&pool), ==, 1);
	close(kept.fd);
	while (pool_check(&pool) > 0)
		loop_once(pool.loop);
	pool_close(&pool);
}

void add_release_tests(void)
{
	g_test_add_func("/release/closing-is-enough", closing_is_enough);
	g_test_add_func("/release/duplicates-count", duplicates_count);
	g_test_add_func("/release/mappings-count", mappings_count);
	g_test_add_func("/release/descriptors-in-flight-count", descriptors_in_flight_count);
	g_test_add_func("/release/other-processes-count", other_processes_count);
	g_test_add_func("/release/a-reservation-gives-back", a_reservation_gives_back);
	g_test_add_func("/release/snapshots-include-what-was-not-told",
			snapshots_include_what_was_not_told);
	g_test_add_func("/release/a-listener-may-free-the-pool", a_listener_may_free_the_pool);
	g_test_add_func("/release/every-order-of-numbers-is-kept", every_order_of_numbers_is_kept);
	g_test_add_func("/release/missed-releases-are-found", missed_releases_are_found);
}
