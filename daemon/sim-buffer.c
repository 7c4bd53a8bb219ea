// SPDX-License-Identifier: LGPL-2.1-or-later
/* Buffers of a simulated pool: sealed memfds, from EXPORT to the end of the last reference. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sim.h"

#define MEMFD_PREFIX "cmabulk-sim:"

/* Linux 6.3; what it asks for is the rule on some systems. */
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U
#endif

static int create_memfd(const char *name, uint64_t size, int *ret, uint64_t *ret_inode)
{
	char full_name[sizeof(MEMFD_PREFIX) + CMABULK_BUFFER_NAME_LEN];
	struct stat status = { 0 };
	int memfd;
	int r = 0;

	g_strlcpy(full_name, MEMFD_PREFIX, sizeof(full_name));
	g_strlcat(full_name, name, sizeof(full_name));
	memfd = memfd_create(full_name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
	if (memfd < 0 && errno == EINVAL)
		memfd = memfd_create(full_name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (memfd < 0)
		return -errno;
	/* Its size is a promise, as a dma-buf's is. No memory is taken before it is used. */
	if (ftruncate(memfd, (off_t)size) < 0 ||
	    fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0 ||
	    fstat(memfd, &status) < 0)
		r = -errno;
	if (r < 0) {
		close(memfd);
		return r;
	}
	*ret = memfd;
	*ret_inode = status.st_ino;
	return 0;
}

/* The point of no return: takes nothing that can fail after the watch. */
static int commit_export(struct backend_reservation *reservation, struct sim_object *buffer,
			 uint64_t chunks, int memfd)
{
	struct sim *sim = reservation->sim;
	int watch;

	if (sim->is_over)
		return -ENODEV;
	if (reservation->object->info.chunks < chunks)
		return -ENODATA;
	/* Under the lock: see on_overflow(). */
	watch = sim_release_watch(sim->release, memfd);
	if (watch < 0)
		return watch;
	g_hash_table_insert(sim->watched, GINT_TO_POINTER(watch), buffer);
	sim_books_export(&sim->books, reservation->object, buffer, chunks);
	sim_wake_loop(sim);
	return 0;
}

static int export_object(struct backend_reservation *reservation, uint64_t chunks, const char *name,
			 struct sim_object *buffer, int *ret_memfd)
{
	const struct cmabulk_buffer_info *info = &reservation->object->info;
	struct sim *sim = reservation->sim;
	uint64_t inode = 0;
	int memfd = -1;
	int r;

	buffer->info.reservation = info->id;
	g_strlcpy(buffer->info.name, name, sizeof(buffer->info.name));
	r = sim_object_reserve(buffer, chunks);
	if (r >= 0)
		r = create_memfd(name, chunks * (sim->page_size << info->order), &memfd, &inode);
	if (r < 0)
		return r;
	buffer->info.inode = inode;
	sim_lock(sim);
	r = commit_export(reservation, buffer, chunks, memfd);
	sim_unlock(sim);
	if (r < 0) {
		close(memfd);
		return r;
	}
	*ret_memfd = memfd;
	return 0;
}

int sim_export(struct backend_reservation *reservation, uint64_t chunks, const char *name,
	       struct backend_buffer *ret)
{
	const struct cmabulk_buffer_info *info = &reservation->object->info;
	struct backend_buffer exported;
	struct sim_object *buffer;
	int r = sim_check_count(reservation, chunks);

	if (chunks == 0 || strlen(name) >= sizeof(info->name))
		return -EINVAL;
	if (r < 0)
		return r;
	buffer = sim_object_new(CMABULK_OBJECT_BUFFER, info->order, info->align, &info->owner);
	if (!buffer)
		return -ENOMEM;
	/* Once it is in the books, it can end at any time. */
	exported.id = buffer->info.id;
	r = export_object(reservation, chunks, name, buffer, &exported.fd);
	if (r < 0) {
		sim_object_free(buffer);
		return r;
	}
	/* Not yet, as long as nobody closed its descriptor. */
	exported.inode = buffer->info.inode;
	*ret = exported;
	return 0;
}

static void end_buffer(struct sim *sim, struct sim_object *buffer)
{
	sim_give_back(sim, buffer);
	sim_books_end(&sim->books, buffer);
	sim_wake_loop(sim);
	sim_object_free(buffer);
}

static void on_released(void *userdata, int watch)
{
	struct sim *sim = userdata;
	struct sim_object *buffer;

	sim_lock(sim);
	buffer = g_hash_table_lookup(sim->watched, GINT_TO_POINTER(watch));
	/* After an overflow it can be known already. */
	if (buffer) {
		g_hash_table_remove(sim->watched, GINT_TO_POINTER(watch));
		end_buffer(sim, buffer);
	}
	sim_unlock(sim);
}

/* Under the lock, so that no buffer is made that the list does not know yet. */
static void on_overflow(void *userdata)
{
	g_autoptr(GHashTable) live = NULL;
	struct sim *sim = userdata;
	GHashTableIter iterator;
	gpointer buffer;
	gpointer watch;

	sim_lock(sim);
	if (sim_release_list(sim->release, &live) >= 0) {
		g_hash_table_iter_init(&iterator, sim->watched);
		while (g_hash_table_iter_next(&iterator, &watch, &buffer))
			if (!g_hash_table_contains(live, watch)) {
				g_hash_table_iter_remove(&iterator);
				end_buffer(sim, buffer);
			}
	}
	sim_unlock(sim);
}

const struct sim_release_listener sim_buffer_listener = {
	.released = on_released,
	.overflow = on_overflow,
};
