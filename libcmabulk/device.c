// SPDX-License-Identifier: LGPL-2.1-or-later
/* The module's devices as C functions: one per ioctl. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include "device.h"
#include "util.h"

/* Objects that may appear between counting and listing them without another round. */
#define OBJECTS_SLACK 16
/* More than a kernel can hold, so that a number gone mad allocates nothing mad. */
#define OBJECTS_LIMIT (UINT32_C(1) << 24)

/* What a device says in its own words, in the library's. */
static int call(int fd, unsigned long request, void *argument)
{
	if (ioctl(fd, request, argument) >= 0)
		return 0;
	return errno == ENOTTY ? -EPROTO : -errno;
}

int device_check_directory(void)
{
	return access(DEVICE_DIRECTORY, X_OK) < 0 ? -errno : 0;
}

int device_open(const char *name, int *ret_fd)
{
	char path[sizeof(DEVICE_DIRECTORY "/") + CMABULK_POOL_NAME_LEN];
	int fd;
	int r;

	r = snprintf(path, sizeof(path), DEVICE_DIRECTORY "/%s", name);
	if (r < 0 || (size_t)r >= sizeof(path))
		return -EINVAL;
	do {
		fd = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY);
	} while (fd < 0 && errno == EINTR);
	if (fd >= 0) {
		*ret_fd = fd;
		return 0;
	}
	if (errno == ENOENT) {
		r = device_check_directory();
		return r < 0 ? r : -ENXIO;
	}
	/* A node whose pool has just gone. */
	return errno == ENXIO ? -ENODEV : -errno;
}

static void closedirp(DIR **directory)
{
	if (*directory)
		closedir(*directory);
}

void device_names_freep(char ***names)
{
	for (char **name = *names; name && *name; name++)
		free(*name);
	free(*names);
}

static int compare_names(const void *left, const void *right)
{
	return strcmp(*(char *const *)left, *(char *const *)right);
}

static int add_name(char ***names, size_t count, const char *name)
{
	char **grown = reallocarray(*names, count + 2, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	*names = grown;
	grown[count + 1] = NULL;
	grown[count] = strdup(name);
	return grown[count] ? 0 : -ENOMEM;
}

int device_list(char ***ret_names)
{
	char **names CLEANUP(device_names_freep) = calloc(1, sizeof(*names));
	DIR *directory CLEANUP(closedirp) = opendir(DEVICE_DIRECTORY);
	size_t count = 0;
	struct dirent *node;

	if (!directory)
		return -errno;
	if (!names)
		return -ENOMEM;
	while ((node = readdir(directory))) {
		int r;

		if (node->d_type != DT_CHR && node->d_type != DT_UNKNOWN)
			continue;
		if (node->d_name[0] == '.')
			continue;
		r = add_name(&names, count, node->d_name);
		if (r < 0)
			return r;
		count++;
	}
	if (count > 0)
		qsort(names, count, sizeof(*names), compare_names);
	*ret_names = TAKE(names);
	return 0;
}

int device_query(int device, struct cmabulk_query *ret)
{
	struct cmabulk_query query = { .size = sizeof(query) };
	int r = call(device, CMABULK_IOC_QUERY, &query);

	if (r < 0)
		return r;
	if (query.abi_version == 0 || query.page_size == 0)
		return -EPROTO;
	query.name[sizeof(query.name) - 1] = '\0';
	query.area[sizeof(query.area) - 1] = '\0';
	*ret = query;
	return 0;
}

int device_survey(int device, struct cmabulk_survey *ret)
{
	struct cmabulk_survey survey = { .size = sizeof(survey) };
	int r = call(device, CMABULK_IOC_SURVEY, &survey);

	if (r < 0)
		return r;
	*ret = survey;
	return 0;
}

int device_list_objects(int device, struct cmabulk_buffer_info **ret, uint64_t *ret_count)
{
	uint64_t capacity = 0;

	for (;;) {
		struct cmabulk_buffer_info *objects CLEANUP(freep) = NULL;
		struct cmabulk_buffers buffers = {
			.size = sizeof(buffers),
			.entry_size = sizeof(*objects),
		};
		int r;

		capacity += OBJECTS_SLACK;
		if (capacity > OBJECTS_LIMIT)
			return -EOVERFLOW;
		objects = calloc(capacity, sizeof(*objects));
		if (!objects)
			return -ENOMEM;
		buffers.capacity = (uint32_t)capacity;
		buffers.entries = (uint64_t)(uintptr_t)objects;
		r = call(device, CMABULK_IOC_BUFFERS, &buffers);
		if (r == -ENOSPC) {
			if (buffers.count > capacity)
				capacity = buffers.count;
			continue;
		}
		if (r < 0)
			return r;
		if (buffers.count > capacity)
			return -EPROTO;
		*ret = TAKE(objects);
		*ret_count = buffers.count;
		return 0;
	}
}

int device_reserve(int device, const struct device_reservation *reservation, int *ret_fd)
{
	struct cmabulk_reserve reserve = {
		.size = sizeof(reserve),
		.flags = O_CLOEXEC,
		.order = reservation->order,
		.align = reservation->align,
		.owner = reservation->owner,
	};
	int r = call(device, CMABULK_IOC_RESERVE, &reserve);

	if (r < 0)
		return r;
	*ret_fd = reserve.fd;
	return 0;
}

int device_fill(int reservation, uint32_t effort, uint64_t chunks, uint64_t budget_ns,
		struct cmabulk_fill *ret)
{
	*ret = (struct cmabulk_fill){
		.size = sizeof(*ret),
		.effort = effort,
		.nr_requests = chunks,
		.budget_ns = budget_ns,
	};
	return call(reservation, CMABULK_IOC_FILL, ret);
}

int device_export(int reservation, uint64_t chunks, const char *name, struct cmabulk_export *ret)
{
	struct cmabulk_export export = {
		.size = sizeof(export),
		.nr_chunks = chunks,
		.fd_flags = O_RDWR | O_CLOEXEC,
		.fd = -1,
	};
	int r;

	snprintf(export.name, sizeof(export.name), "%s", name);
	r = call(reservation, CMABULK_IOC_EXPORT, &export);
	if (r < 0)
		return r;
	*ret = export;
	return 0;
}
