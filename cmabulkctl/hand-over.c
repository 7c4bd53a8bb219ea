// SPDX-License-Identifier: LGPL-2.1-or-later
/* Becoming a command that inherits buffers, as sd_listen_fds(3) expects them. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hand-over.h"

#define FIRST_FD 3

static void freep(char **text)
{
	free(*text);
}

/* Put a descriptor that stands where another must go out of the way. */
static int make_way(int *fds, unsigned int count, unsigned int index)
{
	int target = FIRST_FD + (int)index;

	for (unsigned int i = index + 1; i < count; i++) {
		int moved;

		if (fds[i] != target)
			continue;
		moved = fcntl(fds[i], F_DUPFD_CLOEXEC, FIRST_FD + (int)count);
		if (moved < 0)
			return -errno;
		fds[i] = moved;
	}
	return 0;
}

int hand_over_descriptors(int *fds, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		int target = FIRST_FD + (int)i;
		int r = make_way(fds, count, i);

		if (r < 0)
			return r;
		if (fds[i] == target) {
			if (fcntl(target, F_SETFD, 0) < 0)
				return -errno;
			continue;
		}
		if (dup2(fds[i], target) < 0)
			return -errno;
		fds[i] = target;
	}
	return 0;
}

static void set_number(const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	setenv(name, text, 1);
}

static void print_name(FILE *stream, const char *name)
{
	for (; *name; name++)
		fputc(*name == ':' ? '_' : *name, stream);
}

/* The names and the sizes, each joined by colons; so no colon may be in a name. */
static int describe_each(const struct cmabulk_allocation *allocation)
{
	char *names CLEANUP(freep) = NULL;
	char *sizes CLEANUP(freep) = NULL;
	size_t names_length;
	size_t sizes_length;
	FILE *names_stream = open_memstream(&names, &names_length);
	FILE *sizes_stream = open_memstream(&sizes, &sizes_length);
	unsigned int count = cmabulk_allocation_get_n_buffers(allocation);
	int r = 0;

	for (unsigned int i = 0; names_stream && sizes_stream && i < count; i++) {
		const struct cmabulk_buffer *buffer = cmabulk_allocation_get_buffer(allocation, i);

		if (i > 0) {
			fputc(':', names_stream);
			fputc(':', sizes_stream);
		}
		print_name(names_stream, cmabulk_buffer_get_name(buffer));
		fprintf(sizes_stream, "%" PRIu64, cmabulk_buffer_get_size(buffer));
	}
	if (!names_stream || fclose(names_stream) != 0)
		r = -ENOMEM;
	if (!sizes_stream || fclose(sizes_stream) != 0)
		r = -ENOMEM;
	if (r < 0)
		return r;
	setenv("LISTEN_FDNAMES", names, 1);
	setenv("CMABULK_SIZES", sizes, 1);
	return 0;
}

static int describe(const struct cmabulk_allocation *allocation)
{
	const struct cmabulk_buffer *buffer = cmabulk_allocation_get_buffer(allocation, 0);
	int r = describe_each(allocation);

	if (r < 0)
		return r;
	set_number("LISTEN_PID", (uint64_t)getpid());
	set_number("LISTEN_FDS", cmabulk_allocation_get_n_buffers(allocation));
	setenv("CMABULK_POOL", cmabulk_allocation_get_pool(allocation), 1);
	set_number("CMABULK_CHUNK_SIZE", cmabulk_buffer_get_chunk_size(buffer));
	set_number("CMABULK_ALIGNMENT", cmabulk_buffer_get_alignment(buffer));
	return 0;
}

static void free_fdsp(int **fds)
{
	free(*fds);
}

int hand_over(const struct cmabulk_allocation *allocation, char **command)
{
	unsigned int count = cmabulk_allocation_get_n_buffers(allocation);
	int *fds CLEANUP(free_fdsp) = calloc(count, sizeof(*fds));
	int r = fds ? describe(allocation) : -ENOMEM;

	if (r < 0)
		return cli_fail(r, "cannot describe the buffers to %s", command[0]);
	for (unsigned int i = 0; i < count; i++)
		fds[i] = cmabulk_buffer_get_fd(cmabulk_allocation_get_buffer(allocation, i));
	r = hand_over_descriptors(fds, count);
	if (r < 0)
		return cli_fail(r, "cannot hand the buffers to %s", command[0]);
	execvp(command[0], command);
	r = errno;
	fprintf(stderr, "cmabulkctl: cannot run %s: %s; the buffers are given back\n", command[0],
		strerror(r));
	return r == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_EXECUTE;
}
