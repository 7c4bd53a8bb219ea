// SPDX-License-Identifier: LGPL-2.1-or-later
/* Which processes have a buffer open or mapped, as /proc tells. Those that end meanwhile hold nothing. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <linux/kcmp.h>

#include "cli.h"
#include "holders.h"
#include "progress.h"

#define KERNEL_THREAD  0x00200000 /* PF_KTHREAD */
#define DMA_BUF_PREFIX "/dmabuf:"
#define MEMFD_PREFIX   "/memfd:"

struct search {
	struct sought *sought; /* sorted */
	size_t n_sought;
	struct holders *found;
	size_t room; /* entries that fit */
	dev_t memfd_device;
	/* The process that is looked into. Its directory stays its own when it ends, and its number another's. */
	pid_t pid;
	int directory;
	/* What was seen of it: threads mostly share these. */
	pid_t files_of; /* the last thread whose descriptors were looked at; 0: none had any */
	bool has_memory;
	bool lacks_smaps; /* no kernel without CONFIG_PROC_PAGE_MONITOR has any */
};

static void fclosep(FILE **file)
{
	if (*file)
		fclose(*file);
}

static void closedirp(DIR **directory)
{
	if (*directory)
		closedir(*directory);
}

static void closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static void freep(char **text)
{
	free(*text);
}

static bool begins_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool is_number(const char *name)
{
	return *name && name[strspn(name, "0123456789")] == '\0';
}

static bool has_ended(int error)
{
	return error == -ENOENT || error == -ESRCH;
}

static bool is_denied(int error)
{
	return error == -EACCES || error == -EPERM;
}

/* --- What was found -------------------------------------------------------------------------- */

static int compare_buffers(const void *left, const void *right)
{
	const struct sought *one = left;
	const struct sought *other = right;

	if (one->is_simulated != other->is_simulated)
		return one->is_simulated ? 1 : -1;
	return (one->inode > other->inode) - (one->inode < other->inode);
}

static struct sought buffer_of(const struct holder *holder)
{
	return (struct sought){ .inode = holder->inode, .is_simulated = holder->is_simulated };
}

/* By buffers, then by processes. */
static int compare(const void *left, const void *right)
{
	const struct holder *one = left;
	const struct holder *other = right;
	const struct sought buffer = buffer_of(one);
	const struct sought other_buffer = buffer_of(other);
	int order = compare_buffers(&buffer, &other_buffer);

	return order != 0 ? order : (one->pid > other->pid) - (one->pid < other->pid);
}

static struct sought *find_sought(const struct search *search, const struct holder *holder)
{
	const struct sought buffer = buffer_of(holder);

	if (search->n_sought == 0)
		return NULL;
	return bsearch(&buffer, search->sought, search->n_sought, sizeof(buffer), compare_buffers);
}

static int append(struct search *search, const struct holder *holder)
{
	struct holders *found = search->found;

	if (found->count == search->room) {
		size_t room = search->room > 0 ? search->room * 2 : 64;
		struct holder *grown = reallocarray(found->all, room, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		found->all = grown;
		search->room = room;
	}
	found->all[found->count++] = *holder;
	return 0;
}

/*
 * One entry for each buffer that a process has, however often it has it, and none for what
 * nobody asked about: everybody may open as many memfds as there is room for, and this would
 * need more of it.
 */
static int add(struct search *search, const struct holder *holder)
{
	struct holders *found = search->found;
	struct sought *sought = find_sought(search, holder);

	if (!sought)
		return 0;
	if (sought->latest < found->count && compare(&found->all[sought->latest], holder) == 0) {
		found->all[sought->latest].descriptors += holder->descriptors;
		found->all[sought->latest].mappings += holder->mappings;
		return 0;
	}
	sought->latest = found->count;
	return append(search, holder);
}

/* Opens a file of the process. */
static int open_file(const struct search *search, const char *path, FILE **ret)
{
	int fd = openat(search->directory, path, O_RDONLY | O_CLOEXEC);
	FILE *file;
	int r;

	if (fd < 0)
		return -errno;
	file = fdopen(fd, "r");
	if (!file) {
		r = -errno;
		close(fd);
		return r;
	}
	*ret = file;
	return 0;
}

/* --- Descriptors ----------------------------------------------------------------------------- */

/*
 * A name alone proves nothing: anybody may call a file so, and have it in a filesystem of
 * his own, which answers when he likes. Such a file is not asked anything here.
 */
static bool is_memfd(const struct search *search, int directory, const char *name,
		     uint64_t *ret_inode)
{
	struct statx status;

	if (statx(directory, name, AT_STATX_DONT_SYNC, STATX_INO, &status) < 0 ||
	    makedev(status.stx_dev_major, status.stx_dev_minor) != search->memfd_device)
		return false;
	*ret_inode = status.stx_ino;
	return true;
}

/* Only a dma-buf has an exporter; what follows that is a name, which anybody may choose. */
static bool is_dma_buf(const struct search *search, const char *thread, const char *name,
		       uint64_t *ret_inode)
{
	FILE *file CLEANUP(fclosep) = NULL;
	char *line CLEANUP(freep) = NULL;
	bool has_inode = false;
	size_t size = 0;
	uint64_t inode;
	char path[64];

	snprintf(path, sizeof(path), "task/%.20s/fdinfo/%.20s", thread, name);
	if (open_file(search, path, &file) < 0)
		return false;
	while (getline(&line, &size, file) >= 0) {
		has_inode |= sscanf(line, "ino: %" SCNu64, &inode) == 1;
		if (has_inode && begins_with(line, "exp_name:")) {
			*ret_inode = inode;
			return true;
		}
	}
	return false;
}

static int look_at_descriptor(struct search *search, const char *thread, int directory,
			      const char *name)
{
	struct holder holder = { .pid = search->pid, .descriptors = 1 };
	char target[64];
	ssize_t length = readlinkat(directory, name, target, sizeof(target) - 1);
	bool is_buffer = false;

	if (length < 0)
		return 0;
	target[length] = '\0';
	holder.is_simulated = begins_with(target, MEMFD_PREFIX);
	if (holder.is_simulated)
		is_buffer = is_memfd(search, directory, name, &holder.inode);
	else if (begins_with(target, DMA_BUF_PREFIX))
		is_buffer = is_dma_buf(search, thread, name, &holder.inode);
	return is_buffer ? add(search, &holder) : 0;
}

/* Of the process looked into: it is the same one, whoever has its number now. */
static int open_directory(const struct search *search, const char *path, DIR **ret)
{
	int fd = openat(search->directory, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int error;

	if (fd < 0)
		return -errno;
	*ret = fdopendir(fd);
	if (*ret)
		return 0;
	error = errno;
	close(fd);
	return -error;
}

/* Whether there was any, or a negative errno. */
static int look_at_descriptors(struct search *search, const char *thread)
{
	DIR *directory CLEANUP(closedirp) = NULL;
	struct dirent *entry;
	char path[64];
	int found = 0;
	int r;

	snprintf(path, sizeof(path), "task/%.20s/fd", thread);
	r = open_directory(search, path, &directory);
	if (!directory)
		return r;
	while (r >= 0 && (entry = readdir(directory))) {
		if (!is_number(entry->d_name))
			continue;
		r = look_at_descriptor(search, thread, dirfd(directory), entry->d_name);
		found = 1;
	}
	return r < 0 ? r : found;
}

/* --- Mappings -------------------------------------------------------------------------------- */

/* A line of maps, or the first of an entry of smaps: false when it is none. */
static bool read_mapping(const struct search *search, const char *line, struct holder *ret,
			 dev_t *ret_device, const char **ret_name)
{
	struct holder holder = { .pid = search->pid, .mappings = 1 };
	unsigned int device_major, device_minor;
	int name = 0;

	if (sscanf(line, "%*x-%*x %*s %*s %x:%x %" SCNu64 " %n", &device_major, &device_minor,
		   &holder.inode, &name) != 3 ||
	    name == 0)
		return false;
	*ret_device = makedev(device_major, device_minor);
	*ret_name = line + name;
	holder.is_simulated = begins_with(*ret_name, MEMFD_PREFIX);
	*ret = holder;
	return true;
}

/* 1 when it may be a dma-buf's that is sought, which look_at_dma_bufs() finds out. */
static int look_at_mapping(struct search *search, const char *line)
{
	struct holder holder;
	const char *name;
	dev_t device;

	if (!read_mapping(search, line, &holder, &device, &name))
		return 0;
	if (holder.is_simulated)
		return device == search->memfd_device ? add(search, &holder) : 0;
	return begins_with(name, DMA_BUF_PREFIX) && find_sought(search, &holder);
}

/*
 * A file may have such a name and number, too. What the module maps has pages without books, as only memory of
 * devices has: no file of a file system can be mapped so. The file itself, or its file system, is not asked: behind
 * it may be a program of its owner's, which answers when he likes.
 */
static bool is_of_device(const char *flags)
{
	return strstr(flags, " pf") && strstr(flags, " io");
}

static bool is_there(const struct search *search, const char *thread)
{
	char path[64];

	snprintf(path, sizeof(path), "task/%.20s", thread);
	return faccessat(search->directory, path, F_OK, 0) == 0;
}

/* It costs the kernel a look at each page, so only of a process that may have one. */
static int look_at_dma_bufs(struct search *search, const char *thread)
{
	FILE *file CLEANUP(fclosep) = NULL;
	char *line CLEANUP(freep) = NULL;
	struct holder holder;
	bool is_named = false;
	const char *name;
	size_t size = 0;
	dev_t device;
	char path[64];
	int r;

	snprintf(path, sizeof(path), "task/%.20s/smaps", thread);
	r = open_file(search, path, &file);
	if (r == -ENOENT && is_there(search, thread))
		search->lacks_smaps = true;
	while (r >= 0 && getline(&line, &size, file) >= 0) {
		if (read_mapping(search, line, &holder, &device, &name))
			is_named = begins_with(name, DMA_BUF_PREFIX);
		else if (begins_with(line, "VmFlags:") && is_named && is_of_device(line))
			r = add(search, &holder);
	}
	return r < 0 ? r : 0;
}

/* Whether there was any, or a negative errno. */
static int look_at_mappings(struct search *search, const char *thread)
{
	FILE *file CLEANUP(fclosep) = NULL;
	char *line CLEANUP(freep) = NULL;
	bool has_dma_bufs = false;
	size_t size = 0;
	char path[64];
	int found = 0;
	int r;

	snprintf(path, sizeof(path), "task/%.20s/maps", thread);
	r = open_file(search, path, &file);
	while (r >= 0 && getline(&line, &size, file) >= 0) {
		r = look_at_mapping(search, line);
		has_dma_bufs |= r > 0;
		found = 1;
	}
	if (r >= 0 && has_dma_bufs)
		r = look_at_dma_bufs(search, thread);
	return r < 0 ? r : found;
}

/* --- One process ----------------------------------------------------------------------------- */

/* Kernel threads and who has ended already have nothing. */
static bool has_files(const struct search *search)
{
	FILE *file CLEANUP(fclosep) = NULL;
	char text[512];
	unsigned int flags;
	const char *end;
	char state;

	if (open_file(search, "stat", &file) < 0 || !fgets(text, sizeof(text), file))
		return false;
	end = strrchr(text, ')');
	if (!end || sscanf(end + 1, " %c %*d %*d %*d %*d %*d %u", &state, &flags) != 2)
		return true;
	return state != 'Z' && state != 'X' && !(flags & KERNEL_THREAD);
}

/* A process calls itself as it likes. */
static void copy_command(char command[HOLDER_COMMAND], const char *name)
{
	size_t length = 0;

	for (; *name && *name != '\n' && length < HOLDER_COMMAND - 1; name++) {
		bool is_printable = *name >= 0x20 && *name < 0x7f;

		command[length++] = (char)(is_printable ? *name : '?');
	}
	command[length] = '\0';
}

/* Whose it is, and what it is called; false when it ended. */
static bool read_status(const struct search *search, struct holder *ret)
{
	FILE *file CLEANUP(fclosep) = NULL;
	char *line CLEANUP(freep) = NULL;
	size_t size = 0;
	unsigned int uid;

	if (open_file(search, "status", &file) < 0)
		return false;
	while (getline(&line, &size, file) >= 0) {
		if (begins_with(line, "Name:\t"))
			copy_command(ret->command, line + strlen("Name:\t"));
		if (sscanf(line, "Uid: %*u %u", &uid) == 1) {
			ret->uid = uid;
			return true;
		}
	}
	return false;
}

/* All entries from @first on, which are of one process. */
static void describe(const struct search *search, size_t first)
{
	struct holders *found = search->found;
	struct holder status = { .command = "?" };

	if (found->count == first)
		return;
	if (!read_status(search, &status))
		found->count = first;
	for (size_t i = first; i < found->count; i++) {
		memcpy(found->all[i].command, status.command, sizeof(status.command));
		found->all[i].uid = status.uid;
	}
}

/* Where the kernel does not say it, they share. */
static bool shares_files(const struct search *search, pid_t thread)
{
	return search->files_of > 0 &&
	       syscall(SYS_kcmp, search->files_of, thread, KCMP_FILES, 0, 0) <= 0;
}

static int look_into_thread(struct search *search, const char *name)
{
	pid_t thread = (pid_t)atoi(name);
	int r = 0;

	if (!shares_files(search, thread))
		r = look_at_descriptors(search, name);
	if (r > 0)
		search->files_of = thread;
	if (r >= 0 && !search->has_memory) {
		r = look_at_mappings(search, name);
		search->has_memory = r > 0;
	}
	return has_ended(r) ? 0 : r;
}

/* The first of them may have ended, and the others have all. */
static int look_into_threads(struct search *search)
{
	DIR *directory CLEANUP(closedirp) = NULL;
	struct dirent *entry;
	int r = open_directory(search, "task", &directory);

	if (!directory)
		return r;
	while (r >= 0 && (entry = readdir(directory))) {
		if (!is_number(entry->d_name))
			continue;
		r = look_into_thread(search, entry->d_name);
		if (is_denied(r) && !has_files(search))
			r = 0;
	}
	return r;
}

static int look_into(struct search *search, const char *name)
{
	int directory CLEANUP(closep) = -1;
	size_t first = search->found->count;
	char path[32];
	int r;

	snprintf(path, sizeof(path), "/proc/%.20s", name);
	directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (directory < 0)
		return errno == ENOENT || errno == ESRCH ? 0 : -errno;
	search->pid = (pid_t)atoi(name);
	search->directory = directory;
	search->files_of = 0;
	search->has_memory = false;
	search->lacks_smaps = false;
	r = look_into_threads(search);
	if (is_denied(r) || search->lacks_smaps)
		search->found->n_unreadable++;
	else if (r < 0 && !has_ended(r))
		return r;
	search->found->lacks_smaps |= search->lacks_smaps;
	describe(search, first);
	return 0;
}

/* --- All of them ----------------------------------------------------------------------------- */

/* Where memfds live has no name: one of our own shows it. */
static int find_memfd_device(dev_t *ret)
{
	int memfd = memfd_create("cmabulkctl", MFD_CLOEXEC);
	struct stat status;
	int r;

	if (memfd < 0)
		return -errno;
	r = fstat(memfd, &status) < 0 ? -errno : 0;
	close(memfd);
	if (r < 0)
		return r;
	*ret = status.st_dev;
	return 0;
}

/* There is always a first process, and it is hidden like any other. */
static bool are_processes_hidden(void)
{
	return access("/proc/1", F_OK) < 0;
}

static int look_into_all(struct search *search)
{
	DIR *directory CLEANUP(closedirp) = opendir("/proc");
	struct progress progress;
	unsigned int done = 0;
	struct dirent *entry;
	int r = 0;

	if (!directory)
		return -errno;
	progress_begin(&progress, "looking into processes");
	while (r >= 0 && (entry = readdir(directory))) {
		if (!is_number(entry->d_name))
			continue;
		r = look_into(search, entry->d_name);
		progress_step(&progress, ++done);
	}
	progress_end(&progress);
	return r;
}

int holders_find(struct sought *sought, size_t n_sought, struct holders *ret)
{
	struct holders found CLEANUP(holders_clear) = { 0 };
	struct search search = { .sought = sought, .n_sought = n_sought, .found = &found };
	int r = find_memfd_device(&search.memfd_device);

	found.is_partial = are_processes_hidden();
	if (n_sought > 0)
		qsort(sought, n_sought, sizeof(*sought), compare_buffers);
	if (r >= 0)
		r = look_into_all(&search);
	if (r < 0)
		return r;
	if (found.count > 0)
		qsort(found.all, found.count, sizeof(*found.all), compare);
	*ret = found;
	found = (struct holders){ 0 };
	return 0;
}

void holders_clear(struct holders *holders)
{
	free(holders->all);
	*holders = (struct holders){ 0 };
}

const struct holder *holders_of(const struct holders *holders, bool is_simulated, uint64_t inode,
				size_t *ret_count)
{
	const struct holder sought = { .inode = inode, .is_simulated = is_simulated };
	size_t first = 0;
	size_t end = holders->count;

	/* No process has number 0: it stands before all others of the buffer. */
	while (first < end) {
		size_t middle = first + (end - first) / 2;

		if (compare(&holders->all[middle], &sought) < 0)
			first = middle + 1;
		else
			end = middle;
	}
	while (end < holders->count && holders->all[end].inode == inode &&
	       holders->all[end].is_simulated == is_simulated)
		end++;
	*ret_count = end - first;
	return end > first ? &holders->all[first] : NULL;
}
