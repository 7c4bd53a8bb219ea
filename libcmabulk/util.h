/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What every file of the library uses: export marks, cleanup, reference
 * counts, the clock. Knows nothing of cmabulk.
 */
#ifndef LIBCMABULK_UTIL_H
#define LIBCMABULK_UTIL_H

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define EXPORT		  __attribute__((visibility("default")))
#define CLEANUP(function) __attribute__((cleanup(function)))

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#define NSEC_PER_USEC UINT64_C(1000)
#define NSEC_PER_SEC  UINT64_C(1000000000)

/* Defines the exported ref and unref of a type that has an atomic_uint "references". */
#define DEFINE_REFERENCE(type, destroy)                                                           \
	EXPORT struct type *type##_ref(struct type *object)                                       \
	{                                                                                         \
		atomic_fetch_add_explicit(&object->references, 1, memory_order_relaxed);          \
		return object;                                                                    \
	}                                                                                         \
	EXPORT struct type *type##_unref(struct type *object)                                     \
	{                                                                                         \
		if (object &&                                                                     \
		    atomic_fetch_sub_explicit(&object->references, 1, memory_order_acq_rel) == 1) \
			destroy(object);                                                          \
		return NULL;                                                                      \
	}

/* Hands a pointer over to the caller, so that its cleanup leaves it alone. */
#define TAKE(pointer)                                         \
	({                                                    \
		__typeof__(pointer) *taken_from = &(pointer); \
		__typeof__(pointer) taken = *taken_from;      \
		*taken_from = NULL;                           \
		taken;                                        \
	})

static inline void close_fdp(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

/* NULL after the last, or none at all. */
static inline void strings_free(char **strings)
{
	for (char **string = strings; string && *string; string++)
		free(*string);
	free(strings);
}

static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

/* Why the call before failed: never 0, whatever an analyser thinks of errno. */
static inline int errno_result(void)
{
	int result = -errno;

	return result < 0 ? result : -EIO;
}

static inline void freep(void *pointer)
{
	free(*(void **)pointer);
}

static inline uint64_t now_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

/* Give a caller that was compiled with @to_size what fits, and zero for what is not known here. */
static inline void copy_versioned(void *to, size_t to_size, const void *from, size_t from_size)
{
	size_t common = to_size < from_size ? to_size : from_size;

	memcpy(to, from, common);
	memset((char *)to + common, 0, to_size - common);
}

#endif
