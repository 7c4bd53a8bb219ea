/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The dma-buf as a program sees it: mmap, faults, offsets, fork, protection, who may not pin it. */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/futex.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/books.h"
#include "lib/machine.h"
#include "lib/pool.h"

#define PAGE	    ((size_t)4096)
#define ORDER	    4
#define CHUNKS	    20
#define CHUNK_BYTES (PAGE << ORDER)
#define BYTES	    (CHUNKS * CHUNK_BYTES)

struct fixture {
	int pool;
	int buffer;
};

static void fixture_setup(struct fixture *fixture, gconstpointer data)
{
	fixture->pool = pool_open(POOL_MEDIA);
	fixture->buffer = buffer_new(fixture->pool, ORDER, CHUNKS);
}

static void fixture_teardown(struct fixture *fixture, gconstpointer data)
{
	if (fixture->buffer >= 0)
		close(fixture->buffer);
	books_assert_empty(fixture->pool);
	close(fixture->pool);
}

/* Every page gets bytes of its own, so that a page mapped in a wrong place shows. */
static void page_stamp(char *map, size_t page)
{
	guint64 *words = (guint64 *)(map + page * PAGE);

	for (size_t i = 0; i < PAGE / sizeof(*words); i++)
		words[i] = page * G_GUINT64_CONSTANT(0x9e3779b97f4a7c15) + i;
}

static void page_assert_stamp(const char *map, size_t page)
{
	const guint64 *words = (const guint64 *)map;

	for (size_t i = 0; i < PAGE / sizeof(*words); i++)
		g_assert_cmpuint(words[i], ==, page * G_GUINT64_CONSTANT(0x9e3779b97f4a7c15) + i);
}

static void buffer_stamp(char *map)
{
	for (size_t page = 0; page < BYTES / PAGE; page++)
		page_stamp(map, page);
}

static sigjmp_buf fault_return;

static void fault_caught(int signal)
{
	siglongjmp(fault_return, signal);
}

/* The signal that touching @address raises, 0 if none. */
static int fault_of(volatile char *address, bool write)
{
	struct sigaction catch = { .sa_handler = fault_caught }, segv, bus;
	int raised;

	sigaction(SIGSEGV, &catch, &segv);
	sigaction(SIGBUS, &catch, &bus);
	raised = sigsetjmp(fault_return, 1);
	if (!raised) {
		char byte = *address;

		if (write)
			*address = byte;
	}
	sigaction(SIGSEGV, &segv, NULL);
	sigaction(SIGBUS, &bus, NULL);
	return raised;
}

static void test_write_and_read(struct fixture *fixture, gconstpointer data)
{
	char *map = buffer_map(fixture->buffer);

	g_assert_cmpuint(buffer_size(fixture->buffer), ==, BYTES);
	for (size_t i = 0; i < BYTES; i += sizeof(guint64))
		g_assert_cmpuint(*(guint64 *)(map + i), ==, 0);
	buffer_stamp(map);
	munmap(map, BYTES);
	map = buffer_map(fixture->buffer);
	for (size_t page = 0; page < BYTES / PAGE; page++)
		page_assert_stamp(map + page * PAGE, page);
	munmap(map, BYTES);
}

static void test_offsets(struct fixture *fixture, gconstpointer data)
{
	static const size_t pages[] = { 0, 1, 15, 16, 17, 100, BYTES / PAGE - 1 };
	char *map = buffer_map(fixture->buffer);

	buffer_stamp(map);
	munmap(map, BYTES);
	for (size_t i = 0; i < G_N_ELEMENTS(pages); i++) {
		char *part = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fixture->buffer,
				  (off_t)(pages[i] * PAGE));

		g_assert_true(part != MAP_FAILED);
		page_assert_stamp(part, pages[i]);
		munmap(part, PAGE);
	}
}

static void assert_map_fails(int fd, size_t length, off_t offset, int protection, int flags,
			     int expected)
{
	void *map = mmap(NULL, length, protection, flags, fd, offset);

	g_assert_true(map == MAP_FAILED);
	g_assert_cmpint(errno, ==, expected);
}

static void test_map_refused(struct fixture *fixture, gconstpointer data)
{
	int fd = fixture->buffer;

	assert_map_fails(fd, BYTES, 0, PROT_READ | PROT_WRITE, MAP_PRIVATE, EINVAL);
	assert_map_fails(fd, BYTES, 0, PROT_READ, MAP_PRIVATE, EINVAL);
	assert_map_fails(fd, BYTES + PAGE, 0, PROT_READ, MAP_SHARED, EINVAL);
	assert_map_fails(fd, BYTES, PAGE, PROT_READ, MAP_SHARED, EINVAL);
	assert_map_fails(fd, PAGE, BYTES, PROT_READ, MAP_SHARED, EINVAL);
	assert_map_fails(fd, PAGE, G_MAXINT64 & ~(guint64)4095, PROT_READ, MAP_SHARED, EINVAL);
}

static void test_access_mode(struct fixture *fixture, gconstpointer data)
{
	int reservation = reservation_new(fixture->pool, ORDER, 0);
	struct cmabulk_fill fill;
	void *map;
	int fd;

	g_assert_cmpint(reservation_fill(reservation, CMABULK_EFFORT_NORMAL, 3, 0, &fill), ==, 0);
	fd = reservation_export(reservation, 1, O_RDONLY | O_CLOEXEC, "", NULL);
	g_assert_cmpint(fcntl(fd, F_GETFL) & O_ACCMODE, ==, O_RDONLY);
	g_assert_cmpint(fcntl(fd, F_GETFD) & FD_CLOEXEC, ==, FD_CLOEXEC);
	assert_map_fails(fd, CHUNK_BYTES, 0, PROT_READ | PROT_WRITE, MAP_SHARED, EACCES);
	map = mmap(NULL, CHUNK_BYTES, PROT_READ, MAP_SHARED, fd, 0);
	g_assert_true(map != MAP_FAILED);
	g_assert_cmpint(mprotect(map, CHUNK_BYTES, PROT_READ | PROT_WRITE), <, 0);
	g_assert_cmpint(fault_of(map, false), ==, 0);
	g_assert_cmpint(fault_of(map, true), ==, SIGSEGV);
	munmap(map, CHUNK_BYTES);
	close(fd);

	fd = reservation_export(reservation, 1, O_RDWR, "", NULL);
	g_assert_cmpint(fcntl(fd, F_GETFL) & O_ACCMODE, ==, O_RDWR);
	g_assert_cmpint(fcntl(fd, F_GETFD) & FD_CLOEXEC, ==, 0);
	close(fd);
	fd = reservation_export(reservation, 1, O_WRONLY | O_CLOEXEC, "", NULL);
	g_assert_cmpint(fcntl(fd, F_GETFL) & O_ACCMODE, ==, O_WRONLY);
	assert_map_fails(fd, CHUNK_BYTES, 0, PROT_READ, MAP_SHARED, EACCES);
	close(fd);
	close(reservation);
}

/* Both see each other's writes: there is one buffer, not a copy. */
static void test_fork(struct fixture *fixture, gconstpointer data)
{
	char *map = buffer_map(fixture->buffer);
	int status;
	pid_t child;

	buffer_stamp(map);
	child = fork();
	if (!child) {
		bool same = true;

		for (size_t page = 0; page < BYTES / PAGE; page++)
			same &= *(guint64 *)(map + page * PAGE) ==
				page * G_GUINT64_CONSTANT(0x9e3779b97f4a7c15);
		memset(map, 0x77, BYTES);
		_exit(same ? 0 : 1);
	}
	g_assert_cmpint(waitpid(child, &status, 0), ==, child);
	g_assert_cmpint(status, ==, 0);
	for (size_t i = 0; i < BYTES; i++)
		g_assert_true(map[i] == 0x77);
	munmap(map, BYTES);
}

/* A child's mapping keeps the buffer when the parent has let go of all it had. */
static void test_fork_outlives(struct fixture *fixture, gconstpointer data)
{
	char *map = buffer_map(fixture->buffer);
	struct cmabulk_query query;
	int go[2], status;
	pid_t child;
	char byte;

	g_assert_no_errno(pipe2(go, O_CLOEXEC));
	buffer_stamp(map);
	child = fork();
	if (!child) {
		close(go[1]);
		close(fixture->buffer);
		if (read(go[0], &byte, 1))
			_exit(2);
		page_assert_stamp(map + PAGE, 1);
		_exit(0);
	}
	munmap(map, BYTES);
	close(fixture->buffer);
	fixture->buffer = -1;
	g_assert_cmpint(pool_query(fixture->pool, &query), ==, 0);
	g_assert_cmpuint(query.buffers, ==, 1);
	g_assert_cmpuint(query.states.exported, ==, BYTES / PAGE);
	close(go[1]);
	g_assert_cmpint(waitpid(child, &status, 0), ==, child);
	g_assert_cmpint(status, ==, 0);
	close(go[0]);
}

/* Nothing in the kernel takes a reference on the pages behind the mapping. */
static void test_pin_refused(struct fixture *fixture, gconstpointer data)
{
	char *map = buffer_map(fixture->buffer);
	struct iovec remote = { .iov_base = map, .iov_len = PAGE };
	char page[PAGE] = { 1 };
	int ends[2], file;

	/* Once before the page is there, once after. */
	for (int touched = 0; touched < 2; touched++) {
		g_assert_no_errno(pipe2(ends, O_CLOEXEC));
		g_assert_cmpint(vmsplice(ends[1], &remote, 1, SPLICE_F_NONBLOCK), ==, -1);
		g_assert_cmpint(errno, ==, EFAULT);
		close(ends[0]);
		close(ends[1]);

		/* A shared futex is known by its page. */
		g_assert_cmpint(syscall(SYS_futex, map, FUTEX_WAKE, 1, NULL, NULL, 0), ==, -1);
		g_assert_cmpint(errno, ==, EFAULT);

		file = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
		g_assert_no_errno(file);
		g_assert_cmpint(pread(file, page, sizeof(page), (guintptr)map), ==, -1);
		g_assert_cmpint(errno, ==, EIO);
		close(file);
		map[0] = 0;
	}
	/* The program itself may pass it to system calls that copy. */
	g_assert_no_errno(pipe2(ends, O_CLOEXEC));
	g_assert_cmpint(write(ends[1], map, PAGE), ==, PAGE);
	g_assert_cmpint(read(ends[0], map + PAGE, PAGE), ==, PAGE);
	close(ends[0]);
	close(ends[1]);
	munmap(map, BYTES);
}

/* mlock() and MADV_POPULATE go through the same door as pins. */
static void test_populate_refused(struct fixture *fixture, gconstpointer data)
{
	char *map = buffer_map(fixture->buffer);

	g_assert_cmpint(madvise(map, BYTES, MADV_POPULATE_READ), ==, -1);
	g_assert_cmpint(madvise(map, BYTES, MADV_DOFORK), ==, -1);
	g_assert_cmpint(madvise(map, BYTES, MADV_DODUMP), ==, -1);
	munmap(map, BYTES);
}

/* VM_DONTEXPAND: a mapping moves, but never grows beyond what was checked. */
static void test_mremap(struct fixture *fixture, gconstpointer data)
{
	char *map = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fixture->buffer, 0);
	char *moved, *target;

	g_assert_true(map != MAP_FAILED);
	page_stamp(map, 3);
	g_assert_true(mremap(map, 4 * PAGE, BYTES, MREMAP_MAYMOVE) == MAP_FAILED);
	g_assert_cmpint(errno, ==, EFAULT);
	target = mmap(NULL, 4 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	moved = mremap(map, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, target);
	g_assert_true(moved == target);
	page_assert_stamp(moved + 3 * PAGE, 3);
	page_stamp(moved, 2);
	moved = mremap(moved, 4 * PAGE, 2 * PAGE, 0);
	g_assert_true(moved == target);
	munmap(moved, 2 * PAGE);
	moved = buffer_map(fixture->buffer);
	page_assert_stamp(moved + 2 * PAGE, 2);
	munmap(moved, BYTES);
}

/* Holes in the mapping, parts unmapped, the rest still whole. */
static void test_partial_unmap(struct fixture *fixture, gconstpointer data)
{
	char *map = buffer_map(fixture->buffer);

	buffer_stamp(map);
	munmap(map + 8 * PAGE, 30 * PAGE);
	g_assert_cmpint(fault_of(map + 8 * PAGE, false), ==, SIGSEGV);
	page_assert_stamp(map + 7 * PAGE, 7);
	page_assert_stamp(map + 38 * PAGE, 38);
	g_assert_cmpint(madvise(map + 40 * PAGE, PAGE * 8, MADV_DONTNEED), ==, -1);
	g_assert_cmpint(errno, ==, EINVAL);
	page_assert_stamp(map + 41 * PAGE, 41);
	munmap(map, BYTES);
}

static void test_close_before_unmap(struct fixture *fixture, gconstpointer data)
{
	char *map = buffer_map(fixture->buffer);
	struct cmabulk_query query;

	close(fixture->buffer);
	fixture->buffer = -1;
	buffer_stamp(map);
	page_assert_stamp(map + 5 * PAGE, 5);
	g_assert_cmpint(pool_query(fixture->pool, &query), ==, 0);
	g_assert_cmpuint(query.buffers, ==, 1);
	munmap(map, BYTES);
}

static void test_sync(struct fixture *fixture, gconstpointer data)
{
	static const guint64 flags[] = { DMA_BUF_SYNC_READ, DMA_BUF_SYNC_WRITE, DMA_BUF_SYNC_RW };
	char *map = buffer_map(fixture->buffer);

	for (size_t i = 0; i < G_N_ELEMENTS(flags); i++) {
		g_assert_cmpint(buffer_sync(fixture->buffer, DMA_BUF_SYNC_START | flags[i]), ==, 0);
		map[i * PAGE] = (char)i;
		g_assert_cmpint(buffer_sync(fixture->buffer, DMA_BUF_SYNC_END | flags[i]), ==, 0);
	}
	g_assert_cmpint(buffer_sync(fixture->buffer, G_MAXUINT64), ==, -EINVAL);
	munmap(map, BYTES);
}

/* The name and the exporter, as /proc and the debugfs of dma-buf show them. */
static void test_names(struct fixture *fixture, gconstpointer data)
{
	g_autofree char *path = g_strdup_printf("/proc/self/fdinfo/%d", fixture->buffer);
	g_autofree char *info = machine_read(path);

	g_assert_nonnull(strstr(info, "exp_name:\tcmabulk"));
	g_assert_nonnull(strstr(info, "name:\ttest"));
}

static void send_fd(int socket, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 }, byte = 0;
	struct iovec part = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	g_assert_cmpint(sendmsg(socket, &message, 0), ==, 1);
}

static int receive_fd(int socket)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 }, byte;
	struct iovec part = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *header;
	int fd;

	g_assert_cmpint(recvmsg(socket, &message, 0), ==, 1);
	header = CMSG_FIRSTHDR(&message);
	g_assert_nonnull(header);
	memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	return fd;
}

/* In flight between two processes nobody has it open, and it lives all the same. */
static void test_passed_on(struct fixture *fixture, gconstpointer data)
{
	char *map = buffer_map(fixture->buffer);
	struct cmabulk_query query;
	int ends[2];

	buffer_stamp(map);
	g_assert_no_errno(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
	send_fd(ends[0], fixture->buffer);
	munmap(map, BYTES);
	close(fixture->buffer);
	g_assert_cmpint(pool_query(fixture->pool, &query), ==, 0);
	g_assert_cmpuint(query.states.exported, ==, BYTES / PAGE);

	fixture->buffer = receive_fd(ends[1]);
	map = buffer_map(fixture->buffer);
	page_assert_stamp(map + 9 * PAGE, 9);
	munmap(map, BYTES);
	send_fd(ends[0], fixture->buffer);
	close(fixture->buffer);
	fixture->buffer = -1;
	/* Never received: goes with the socket. */
	close(ends[0]);
	close(ends[1]);
}

#define ADD(name, function)                                                          \
	g_test_add("/exporter/" name, struct fixture, NULL, fixture_setup, function, \
		   fixture_teardown)

int main(int argc, char **argv)
{
	machine_init(&argc, &argv);
	module_load_cmabulk(NULL);
	ADD("write-and-read", test_write_and_read);
	ADD("offsets", test_offsets);
	ADD("map-refused", test_map_refused);
	ADD("access-mode", test_access_mode);
	ADD("fork", test_fork);
	ADD("fork-outlives", test_fork_outlives);
	ADD("pin-refused", test_pin_refused);
	ADD("populate-refused", test_populate_refused);
	ADD("mremap", test_mremap);
	ADD("partial-unmap", test_partial_unmap);
	ADD("close-before-unmap", test_close_before_unmap);
	ADD("sync", test_sync);
	ADD("names", test_names);
	ADD("passed-on", test_passed_on);
	return g_test_run();
}
