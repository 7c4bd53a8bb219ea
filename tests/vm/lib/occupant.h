/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Memory of this process that lies in an area: movable, until something pins it. */
#ifndef VM_OCCUPANT_H
#define VM_OCCUPANT_H

#include <glib.h>
#include <stdbool.h>

#include "frames.h"

enum occupant_kind {
	OCCUPANT_ANONYMOUS,
	OCCUPANT_SHMEM,
	OCCUPANT_HUGE, /* anonymous, in huge pages as far as there are any */
	OCCUPANT_FILE, /* page cache of a file, by occupant_fill_file() only */
};

struct occupant {
	enum occupant_kind kind;
	int file; /* for OCCUPANT_FILE, whose descriptor is the caller's */
	char *base;
	size_t reserved; /* bytes of address space at @base */
	size_t touched; /* bytes of it that were touched */
	guint64 *frames; /* where its pages were when it was made, 0 for pages outside */
	size_t pages; /* entries of @frames */
	size_t inside; /* pages that lay in the area */
};

/*
 * Touches memory until @pages of it lie in @area and drops what came to lie outside. Aborts when
 * the area has not that much to give. @frames is from frames_open(): the rest of the machine's
 * memory is held back meanwhile, so that little has to be touched.
 */
void occupant_fill(struct occupant *occupant, int frames, const struct area *area,
		   enum occupant_kind kind, size_t pages);
/*
 * The same with clean page cache of @file, which must be as large as the machine's memory, and that
 * is mapped meanwhile only. The occupant has frames, but no addresses then.
 */
void occupant_fill_file(struct occupant *occupant, int frames, const struct area *area, int file,
			size_t pages);
/*
 * Drops pages until @pages are left inside, a random part of those in one random pageblock after
 * the other, so that pageblocks come to be occupied to different degrees.
 */
void occupant_thin(struct occupant *occupant, const struct area *area, GRand *random, size_t pages);
/* Looks up again where the pages are, after something may have moved them. */
void occupant_refresh(struct occupant *occupant, const struct area *area);
void occupant_free(struct occupant *occupant);

/* The address of page number @index of the occupant. */
void *occupant_page(const struct occupant *occupant, size_t index);
/*
 * One random page of the occupant in each of the area's pageblocks, NULL where it has none. As
 * many entries as the area has pageblocks; free with g_free(). @ret_blocks counts the others.
 */
void **occupant_page_per_block(const struct occupant *occupant, const struct area *area,
			       GRand *random, size_t *ret_blocks);

#endif /* VM_OCCUPANT_H */
