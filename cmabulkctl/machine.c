// SPDX-License-Identifier: LGPL-2.1-or-later
/* What /proc, /sys, /dev and the user database say about this machine. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <linux/cmabulk.h>

#include "cli.h"
#include "machine.h"
#include "size.h"

#define SYSFS_AREAS   "/sys/kernel/mm/cma"
#define DEBUGFS_AREAS "/sys/kernel/debug/cma"

/* By which the bus starts it, and by which it knows us. */
#define POLKIT_SERVICE "share/dbus-1/system-services/org.freedesktop.PolicyKit1.service"
#define POLKIT_ACTIONS "share/polkit-1/actions/org.cmabulk1.policy"

static void fclosep(FILE **file)
{
	if (*file)
		fclose(*file);
}

static void freep(char **text)
{
	free(*text);
}

int machine_read_meminfo(const char *name, uint64_t *ret)
{
	FILE *file CLEANUP(fclosep) = fopen("/proc/meminfo", "re");
	char *line CLEANUP(freep) = NULL;
	size_t length = strlen(name);
	size_t size = 0;

	if (!file)
		return -errno;
	while (getline(&line, &size, file) >= 0) {
		if (strncmp(line, name, length) == 0 && line[length] == ':') {
			*ret = strtoull(line + length + 1, NULL, 10) * 1024;
			return 0;
		}
	}
	return -ENOENT;
}

/* The number in a file of one number; 0 when there is none. */
static uint64_t read_number(const char *directory, const char *area, const char *name)
{
	char path[512];
	FILE *file CLEANUP(fclosep) = NULL;
	uint64_t number = 0;

	snprintf(path, sizeof(path), "%s/%s/%s", directory, area, name);
	file = fopen(path, "re");
	if (!file || fscanf(file, "%" SCNu64, &number) != 1)
		return 0;
	return number;
}

static int is_visible(const struct dirent *node)
{
	return node->d_name[0] != '.';
}

static void free_nodes(struct dirent **nodes, int count)
{
	for (int i = 0; i < count; i++)
		free(nodes[i]);
	free(nodes);
}

/* As the module takes it, if it is known where the area lies: then without rounding. */
static void print_place(FILE *stream, uint64_t size, uint64_t base)
{
	char text[SIZE_TEXT];

	if (size == 0)
		return;
	if (base == 0)
		fprintf(stream, " (%s)", size_format(text, size));
	else if (size % (1 << 20) == 0)
		fprintf(stream, " (%" PRIu64 "M@0x%" PRIx64 ")", size >> 20, base);
	else
		fprintf(stream, " (%" PRIu64 "K@0x%" PRIx64 ")", size >> 10, base);
}

/* @pages names the file with the area's size; debugfs puts "cma-" before the area's name. */
static int list_areas(const char *directory, const char *pages, const char *prefix, char **ret,
		      uint64_t *ret_largest)
{
	uint64_t page_size = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t largest = 0;
	struct dirent **nodes;
	size_t length;
	FILE *stream;
	int count = scandir(directory, &nodes, is_visible, alphasort);

	if (count <= 0)
		return -ENOENT;
	stream = open_memstream(ret, &length);
	for (int i = 0; stream && i < count; i++) {
		const char *name = nodes[i]->d_name;
		uint64_t size = read_number(directory, name, pages) * page_size;
		uint64_t base = read_number(directory, name, "base_pfn") * page_size;

		if (strncmp(name, prefix, strlen(prefix)) == 0)
			name += strlen(prefix);
		fprintf(stream, "%s%s", i ? ", " : "", name);
		print_place(stream, size, base);
		if (size > largest)
			largest = size;
	}
	free_nodes(nodes, count);
	if (!stream || fclose(stream) != 0)
		return -ENOMEM;
	*ret_largest = largest;
	return 0;
}

int machine_list_areas(char **ret, uint64_t *ret_largest)
{
	int r = list_areas(DEBUGFS_AREAS, "count", "cma-", ret, ret_largest);

	return r < 0 ? list_areas(SYSFS_AREAS, "total_pages", "", ret, ret_largest) : r;
}

int machine_has_symbol(const char *name)
{
	FILE *file CLEANUP(fclosep) = fopen("/proc/kallsyms", "re");
	char *line CLEANUP(freep) = NULL;
	size_t size = 0;

	if (!file)
		return -ENOENT;
	while (getline(&line, &size, file) >= 0) {
		char symbol[128];

		/* There are some 100000 lines: take apart only those that may be it. */
		if (!strstr(line, name))
			continue;
		if (sscanf(line, "%*s %*s %127s", symbol) == 1 && strcmp(symbol, name) == 0)
			return 1;
	}
	return 0;
}

bool machine_has_module(void)
{
	return access("/sys/module/cmabulk", F_OK) == 0;
}

bool machine_has_module_installed(void)
{
	FILE *file CLEANUP(fclosep) = NULL;
	char *line CLEANUP(freep) = NULL;
	struct utsname kernel;
	char path[512];
	size_t size = 0;

	uname(&kernel);
	snprintf(path, sizeof(path), "/lib/modules/%s/modules.dep", kernel.release);
	file = fopen(path, "re");
	if (!file)
		return false;
	while (getline(&line, &size, file) >= 0)
		if (strstr(line, "/cmabulk.ko") && strchr(line, ':') > strstr(line, "/cmabulk.ko"))
			return true;
	return false;
}

int machine_stat_node(const char *name, struct stat *ret)
{
	char path[512];

	snprintf(path, sizeof(path), MACHINE_NODES "/%s", name);
	return stat(path, ret) < 0 ? -errno : 0;
}

uint64_t machine_read_attribute(const char *pool_name, const char *attribute)
{
	return read_number(MACHINE_CLASS, pool_name, attribute);
}

int machine_list_nodes(char ***ret)
{
	struct dirent **nodes;
	int count = scandir(MACHINE_NODES, &nodes, is_visible, alphasort);
	char **names;

	if (count < 0)
		return -errno;
	names = calloc((size_t)count + 1, sizeof(*names));
	for (int i = 0; names && i < count; i++) {
		names[i] = strdup(nodes[i]->d_name);
		if (!names[i])
			machine_names_freep(&names);
	}
	free_nodes(nodes, count);
	if (!names)
		return -ENOMEM;
	*ret = names;
	return count;
}

void machine_names_freep(char ***names)
{
	for (char **name = *names; name && *name; name++)
		free(*name);
	free(*names);
	*names = NULL;
}

static int query_interface(const char *name, uint32_t *ret)
{
	struct cmabulk_query query = { .size = sizeof(query) };
	char path[512];
	int device;
	int r;

	snprintf(path, sizeof(path), MACHINE_NODES "/%s", name);
	device = open(path, O_RDWR | O_CLOEXEC);
	if (device < 0)
		return -errno;
	r = ioctl(device, CMABULK_IOC_QUERY, &query) < 0 ? -errno : 0;
	close(device);
	if (r < 0)
		return r;
	*ret = query.abi_version;
	return 0;
}

int machine_read_interface(uint32_t *ret)
{
	char **names CLEANUP(machine_names_freep) = NULL;
	int count = machine_list_nodes(&names);

	if (count < 0)
		return count;
	return names && names[0] ? query_interface(names[0], ret) : -ENOENT;
}

static bool is_process(const char *number, const char *name)
{
	char path[512];
	char text[32] = "";
	FILE *file CLEANUP(fclosep) = NULL;

	snprintf(path, sizeof(path), "/proc/%s/comm", number);
	file = fopen(path, "re");
	if (!file || !fgets(text, sizeof(text), file))
		return false;
	text[strcspn(text, "\n")] = '\0';
	return strcmp(text, name) == 0;
}

static int is_number(const struct dirent *node)
{
	return node->d_name[strspn(node->d_name, "0123456789")] == '\0';
}

pid_t machine_find_process(const char *name)
{
	struct dirent **nodes;
	int count = scandir("/proc", &nodes, is_number, alphasort);
	pid_t process = 0;

	for (int i = 0; i < count && process == 0; i++)
		if (is_process(nodes[i]->d_name, name))
			process = (pid_t)atoi(nodes[i]->d_name);
	if (count >= 0)
		free_nodes(nodes, count);
	return process;
}

static void free_groups(gid_t **groups)
{
	free(*groups);
}

int machine_is_in_group(const char *name)
{
	const struct group *group = getgrnam(name);
	int count = getgroups(0, NULL);
	gid_t *members CLEANUP(free_groups) = calloc((size_t)count + 1, sizeof(*members));

	if (!group)
		return -ENOENT;
	if (group->gr_gid == getegid())
		return 1;
	count = members ? getgroups(count, members) : 0;
	for (int i = 0; i < count; i++)
		if (members[i] == group->gr_gid)
			return 1;
	return 0;
}

/* Where distributions install it; not all versions of polkit read /usr/local, too. */
static bool is_installed(const char *root, const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/usr/%s", root, name);
	return access(path, F_OK) == 0;
}

enum machine_polkit machine_find_polkit(const char *root)
{
	if (!is_installed(root, POLKIT_SERVICE))
		return MACHINE_POLKIT_ABSENT;
	return is_installed(root, POLKIT_ACTIONS) ? MACHINE_POLKIT_AWARE : MACHINE_POLKIT_UNAWARE;
}

const char *machine_user_name(void)
{
	static char number[16];
	const struct passwd *user = getpwuid(geteuid());

	if (user)
		return user->pw_name;
	snprintf(number, sizeof(number), "%u", geteuid());
	return number;
}
