// SPDX-License-Identifier: LGPL-2.1-or-later
/* A file of the daemon's own: written beside the one that is, and then put in its place. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib.h>

#include "config-state.h"

/* Whom the accounts are for is nobody's business who cannot have them listed; what is above the directory is not ours. */
#define PARENT_MODE    0755
#define DIRECTORY_MODE 0700
#define FILE_MODE      0600

static int write_all(int file, const char *text, size_t size)
{
	while (size > 0) {
		ssize_t written = write(file, text, size);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -errno;
		text += written;
		size -= (size_t)written;
	}
	return fsync(file) < 0 ? -errno : 0;
}

static int write_new(int directory, const char *name, const char *text, size_t size)
{
	int file;
	int r;

	/* Of a daemon that did not get to the end. */
	unlinkat(directory, name, 0);
	file = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		      FILE_MODE);
	if (file < 0)
		return -errno;
	r = write_all(file, text, size);
	if (close(file) < 0 && r >= 0)
		r = -errno;
	return r;
}

static int replace(int directory, const char *name, const char *text, size_t size)
{
	g_autofree char *temporary = g_strdup_printf(".%s.new", name);
	int r = write_new(directory, temporary, text, size);

	if (r >= 0 && renameat(directory, temporary, directory, name) < 0)
		r = -errno;
	if (r < 0) {
		unlinkat(directory, temporary, 0);
		return r;
	}
	/* It is there: were this to fail, only a loss of power could bring back the one before. */
	fsync(directory);
	return 0;
}

static int make_directory(const char *directory)
{
	g_autofree char *parent = g_path_get_dirname(directory);

	if (g_mkdir_with_parents(parent, PARENT_MODE) < 0)
		return -errno;
	return mkdir(directory, DIRECTORY_MODE) < 0 && errno != EEXIST ? -errno : 0;
}

int config_state_write(const char *directory, const char *name, const char *text, size_t size)
{
	int r = make_directory(directory);
	int opened;

	if (r < 0)
		return r;
	opened = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (opened < 0)
		return -errno;
	r = replace(opened, name, text, size);
	close(opened);
	return r;
}
