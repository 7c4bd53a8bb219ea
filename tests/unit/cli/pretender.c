// SPDX-License-Identifier: LGPL-2.1-or-later
/* A FUSE file system with one file, in a mount namespace of its own and nowhere else. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/fuse.h>

#include "pretender.h"

#define DIRECTORY "/tmp"
#define NAME	  "dmabuf:pretender"
#define FILE_NODE 2
#define FILE_SIZE 4096
/* Seconds: longer than any test. */
#define FOR_EVER  10000

#define READY 'r'
#define ASKED 'a'

/* At least what the kernel wants to have room for. */
static char request[FUSE_MIN_READ_BUFFER + 4096];

struct server {
	int fuse;
	int told;
	uint64_t inode;
};

static void answer(const struct server *server, const void *data, size_t size)
{
	const struct fuse_in_header *in = (const void *)request;
	char reply[512];
	struct fuse_out_header out = { .len = (uint32_t)(sizeof(out) + size),
				       .unique = in->unique };

	memcpy(reply, &out, sizeof(out));
	memcpy(reply + sizeof(out), data, size);
	if (write(server->fuse, reply, out.len) < 0)
		_exit(EXIT_FAILURE);
}

static void answer_init(const struct server *server)
{
	const struct fuse_init_in *in = (const void *)(request + sizeof(struct fuse_in_header));
	struct fuse_init_out out = { .major = FUSE_KERNEL_VERSION,
				     .minor = in->minor < FUSE_KERNEL_MINOR_VERSION ?
						      in->minor :
						      FUSE_KERNEL_MINOR_VERSION,
				     .max_write = FILE_SIZE };

	answer(server, &out, sizeof(out));
}

static void answer_lookup(const struct server *server)
{
	struct fuse_entry_out out = {
		.nodeid = FILE_NODE,
		.entry_valid = FOR_EVER,
		.attr_valid = FOR_EVER,
		.attr = { .ino = server->inode,
			  .size = FILE_SIZE,
			  .mode = S_IFREG | 0444,
			  .nlink = 1 },
	};

	answer(server, &out, sizeof(out));
}

/* What it takes to open the file. Who asks for more gets no answer: it is told of, and with its end he gets an error. */
static void serve(const struct server *server)
{
	const struct fuse_in_header *in = (const void *)request;
	struct fuse_open_out opened = { 0 };
	const char asked = ASKED;

	while (read(server->fuse, request, sizeof(request)) > 0) {
		switch (in->opcode) {
		case FUSE_INIT:
			answer_init(server);
			break;
		case FUSE_LOOKUP:
			answer_lookup(server);
			break;
		case FUSE_OPEN:
			answer(server, &opened, sizeof(opened));
			break;
		default:
			if (write(server->told, &asked, 1) < 0)
				_exit(EXIT_FAILURE);
			_exit(EXIT_SUCCESS);
		}
	}
	_exit(EXIT_FAILURE);
}

static bool write_text(const char *path, const char *text)
{
	int file = open(path, O_WRONLY | O_CLOEXEC);
	bool is_written = file >= 0 && write(file, text, strlen(text)) == (ssize_t)strlen(text);

	if (file >= 0)
		close(file);
	return is_written;
}

/* Root's own mount may be asked by root, which is what matters; others need to be root of something. */
bool pretender_enter_namespace(void)
{
	char uids[32], gids[32];

	if (geteuid() == 0)
		return unshare(CLONE_NEWNS) == 0 &&
		       mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
	snprintf(uids, sizeof(uids), "0 %u 1", geteuid());
	snprintf(gids, sizeof(gids), "0 %u 1", getegid());
	return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 &&
	       write_text("/proc/self/setgroups", "deny") &&
	       write_text("/proc/self/uid_map", uids) && write_text("/proc/self/gid_map", gids);
}

static bool start_server(int told, uint64_t inode)
{
	struct server server = { open("/dev/fuse", O_RDWR | O_CLOEXEC), told, inode };
	char options[128];
	pid_t pid;

	if (server.fuse < 0)
		return false;
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other",
		 server.fuse);
	if (mount("pretender", DIRECTORY, "fuse", MS_NOSUID | MS_NODEV, options) < 0)
		return false;
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		serve(&server);
	}
	close(server.fuse);
	return pid > 0;
}

/* As nothing is above the file system any more, its path begins with the file's name. */
static bool pretend(int told, uint64_t inode)
{
	const char ready = READY;
	int file;

	if (!pretender_enter_namespace() || !start_server(told, inode))
		return false;
	file = open(DIRECTORY "/" NAME, O_RDONLY | O_CLOEXEC);
	return file >= 0 && mmap(NULL, FILE_SIZE, PROT_READ, MAP_SHARED, file, 0) != MAP_FAILED &&
	       umount2(DIRECTORY, MNT_DETACH) == 0 && write(told, &ready, 1) == 1;
}

bool pretender_start(struct pretender *pretender, uint64_t inode)
{
	int ends[2];
	char told;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return false;
	pretender->told = ends[0];
	pretender->pid = fork();
	if (pretender->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		while (pretend(ends[1], inode))
			pause();
		_exit(EXIT_FAILURE);
	}
	close(ends[1]);
	if (pretender->pid > 0 && read(pretender->told, &told, 1) == 1 && told == READY)
		return true;
	pretender_stop(pretender);
	return false;
}

bool pretender_stop(struct pretender *pretender)
{
	struct pollfd polled = { .fd = pretender->told, .events = POLLIN };
	bool is_asked = poll(&polled, 1, 0) > 0 && (polled.revents & POLLIN);

	if (pretender->pid > 0) {
		kill(pretender->pid, SIGKILL);
		waitpid(pretender->pid, NULL, 0);
	}
	close(pretender->told);
	return is_asked;
}
