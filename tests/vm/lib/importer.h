/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The test importer device, one function per step; all return 0 or a negative errno. */
#ifndef VM_IMPORTER_H
#define VM_IMPORTER_H

#include <glib.h>
#include <stdbool.h>

#include "modules/cmabulk_importer/cmabulk_importer.h"

/* enum dma_data_direction */
enum importer_direction {
	IMPORTER_BIDIRECTIONAL = 0,
	IMPORTER_TO_DEVICE = 1,
	IMPORTER_FROM_DEVICE = 2,
};

/* A new device; loads the module. Closing the file undoes whatever is left. */
int importer_open(void);
int importer_attach(int importer, int buffer, guint32 flags, guint32 max_segment, guint64 boundary);
int importer_detach(int importer);
int importer_map(int importer, enum importer_direction direction);
int importer_unmap(int importer);
int importer_vmap(int importer);
int importer_vunmap(int importer);
int importer_begin(int importer, enum importer_direction direction);
int importer_end(int importer, enum importer_direction direction);
/* The scatterlist; free @ret_segments with g_free(). */
int importer_table(int importer, struct importer_segment **ret_segments, guint32 *ret_count);
int importer_read(int importer, enum importer_path via, guint64 offset, void *data, size_t length);
int importer_write(int importer, enum importer_path via, guint64 offset, const void *data,
		   size_t length);
/* Offset of the first byte in the range that is not @value, or where the range ends. */
int importer_check(int importer, enum importer_path via, guint8 value, guint64 offset,
		   guint64 length, guint64 *ret_mismatch);
int importer_fill(int importer, enum importer_path via, guint8 value, guint64 offset,
		  guint64 length);
int importer_hold(int importer, guint64 offset);
int importer_drop(int importer);

#endif /* VM_IMPORTER_H */
