/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * The test importer's interface. Each open of /dev/cmabulk_importer is a device of its own that
 * can be attached to one dma-buf at a time.
 */
#ifndef CMABULK_IMPORTER_H
#define CMABULK_IMPORTER_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define IMPORTER_DEVICE	"cmabulk_importer"

/* struct importer_attach.flags: attach with dynamic importer operations */
#define IMPORTER_DYNAMIC	1

/**
 * struct importer_attach - become an importer of a dma-buf
 * @fd:			the dma-buf; it may be closed afterwards
 * @flags:		IMPORTER_DYNAMIC or 0
 * @max_segment:	longest segment the device takes, bytes; 0 for no limit
 * @boundary:		segments must not cross multiples of this, a power of two; 0 for none
 * @size:		out: size of the dma-buf, bytes
 */
struct importer_attach {
	__s32 fd;
	__u32 flags;
	__u32 max_segment;
	__u32 pad;
	__u64 boundary;
	__u64 size;
};

struct importer_segment {
	__u64 address;	/* physical; the device has no IOMMU */
	__u64 length;	/* bytes */
};

/**
 * struct importer_table - the scatterlist of the mapping
 * @segments:	pointer to an array of struct importer_segment
 * @capacity:	entries it has room for
 * @count:	out: segments there are
 */
struct importer_table {
	__u64 segments;
	__u32 capacity;
	__u32 count;
};

enum importer_path {
	IMPORTER_VIA_VMAP = 0,
	IMPORTER_VIA_DEVICE = 1,	/* through the addresses in the scatterlist */
};

/**
 * struct importer_access - read, write or inspect bytes of the buffer
 * @via:	enum importer_path
 * @value:	for CHECK: what every byte should be; for FILL: what to write
 * @offset:	first byte
 * @length:	bytes
 * @data:	for READ and WRITE: pointer to @length bytes
 * @mismatch:	out of CHECK: offset of the first other byte, or @offset + @length
 */
struct importer_access {
	__u32 via;
	__u32 value;
	__u64 offset;
	__u64 length;
	__u64 data;
	__u64 mismatch;
};

#define IMPORTER_MAGIC	0xCC

#define IMPORTER_ATTACH	_IOWR(IMPORTER_MAGIC, 0, struct importer_attach)
#define IMPORTER_DETACH	_IO(IMPORTER_MAGIC, 1)
#define IMPORTER_MAP	_IOW(IMPORTER_MAGIC, 2, __u32)	/* enum dma_data_direction */
#define IMPORTER_UNMAP	_IO(IMPORTER_MAGIC, 3)
#define IMPORTER_TABLE	_IOWR(IMPORTER_MAGIC, 4, struct importer_table)
#define IMPORTER_BEGIN	_IOW(IMPORTER_MAGIC, 5, __u32)
#define IMPORTER_END	_IOW(IMPORTER_MAGIC, 6, __u32)
#define IMPORTER_VMAP	_IO(IMPORTER_MAGIC, 7)
#define IMPORTER_VUNMAP	_IO(IMPORTER_MAGIC, 8)
#define IMPORTER_READ	_IOWR(IMPORTER_MAGIC, 9, struct importer_access)
#define IMPORTER_WRITE	_IOWR(IMPORTER_MAGIC, 10, struct importer_access)
#define IMPORTER_CHECK	_IOWR(IMPORTER_MAGIC, 11, struct importer_access)
#define IMPORTER_FILL	_IOWR(IMPORTER_MAGIC, 12, struct importer_access)
/* Misbehave: keep a reference on the page at this offset, past unmap and detach. */
#define IMPORTER_HOLD	_IOW(IMPORTER_MAGIC, 13, __u64)
#define IMPORTER_DROP	_IO(IMPORTER_MAGIC, 14)

#endif /* CMABULK_IMPORTER_H */
