/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * cmabulk - bulk allocation of high-order chunks from CMA areas
 *
 * The user API of the cmabulk module: one character device per pool
 * (/dev/cmabulk/NAME), reservation file descriptors made from it, dma-bufs
 * made from those, and the generic netlink family "cmabulk".
 *
 * Rules that hold for every structure here:
 *
 *  - All fields are naturally aligned and 64-bit clean: one layout for 32-bit
 *    and 64-bit callers, no padding that is not named.
 *  - @size is set by the caller to sizeof() of the structure it was compiled
 *    with. A kernel that knows a shorter structure accepts a longer one when
 *    the excess is zero (-E2BIG otherwise); a kernel that knows a longer one
 *    treats what is missing as zero. A size below the first published version
 *    of the structure is -EINVAL.
 *  - Unknown bits in @flags, non-zero @reserved fields and strings without a
 *    terminating NUL are -EINVAL.
 *  - A number too large for what it counts is -EOVERFLOW (arithmetic) or
 *    -E2BIG (more than the pool could ever hold), never silently capped.
 *  - Pages are the kernel's base pages; QUERY tells their size in bytes.
 */
#ifndef _UAPI_LINUX_CMABULK_H
#define _UAPI_LINUX_CMABULK_H

#include <linux/const.h>
#include <linux/ioctl.h>
#include <linux/types.h>

/* Version of this interface; grows when something is added, never breaks. */
#define CMABULK_ABI_VERSION	1

#define CMABULK_POOL_NAME_LEN	32	/* with the terminating NUL */
#define CMABULK_ACCOUNT_LEN	64	/* with the terminating NUL */
#define CMABULK_LABEL_LEN	64	/* with the terminating NUL */
#define CMABULK_BUFFER_NAME_LEN	32	/* with the terminating NUL (DMA_BUF_NAME_LEN) */

/* How expensive the kernel may be on one FILL. */
enum cmabulk_effort {
	/* Never touch suspect pageblocks, never wait for a page, never retry. */
	CMABULK_EFFORT_FAST = 0,
	/* Try suspect pageblocks as a whole too, wait for pages, retry. */
	CMABULK_EFFORT_NORMAL = 1,
	/* Also claim the chunks around pages that do not move. */
	CMABULK_EFFORT_HARD = 2,
};

/* Which engine serves a pool. */
enum cmabulk_engine {
	CMABULK_ENGINE_KERNEL = 1,	/* cma_alloc_bulk_req() of the patch series */
	CMABULK_ENGINE_STOCK = 2,	/* alloc_contig_range(), which every kernel has */
};

/* Bits of cmabulk_query.features. */
/* Pages arrive zeroed from the allocator (init_on_alloc/init_on_free). */
#define CMABULK_FEATURE_KERNEL_ZEROED	_BITULL(0)
/* The engine cannot see the area's bitmap: the area must be private. */
#define CMABULK_FEATURE_BITMAP_UNAWARE	_BITULL(1)

/* Pages of a pool by state. A page the module owns is in exactly one of them. */
struct cmabulk_states {
	__u64 cached;		/* kept for a moment, for the next small FILL */
	__u64 reserved;		/* in a reservation, not yet exported */
	__u64 exported;		/* in a live dma-buf */
	__u64 draining;		/* on the way back to the area */
};

/**
 * struct cmabulk_query - what a pool is (CMABULK_IOC_QUERY)
 * @size:		in: sizeof(struct cmabulk_query)
 * @flags:		in: must be zero
 * @abi_version:	out: CMABULK_ABI_VERSION of the module
 * @engine:		out: enum cmabulk_engine
 * @features:		out: CMABULK_FEATURE_*
 * @page_size:		out: bytes in a page
 * @block_order:	out: pages in a pageblock, as a power of two
 * @max_order:		out: largest order RESERVE accepts
 * @order_per_bit:	out: smallest order RESERVE accepts
 * @pages:		out: pages of the area
 * @free_pages:		out: pages of the area that a FILL may get: in no CMA user's
 *			hands, or cached
 * @states:		out: pages the module owns, by state
 * @buffers:		out: live dma-bufs
 * @reservations:	out: live reservations
 * @sequence:		out: number of the newest event of this pool
 * @stuck:		out: draining pages that somebody still references
 * @name:		out: name of the pool
 * @area:		out: name of the CMA area behind it, or where it lies, as the
 *			pool was made
 * @reserved:		must be zero
 */
struct cmabulk_query {
	__u32 size;
	__u32 flags;
	__u32 abi_version;
	__u32 engine;
	__u64 features;
	__u32 page_size;
	__u32 block_order;
	__u32 max_order;
	__u32 order_per_bit;
	__u64 pages;
	__u64 free_pages;
	struct cmabulk_states states;
	__u64 buffers;
	__u64 reservations;
	__u64 sequence;
	__u64 stuck;
	char name[CMABULK_POOL_NAME_LEN];
	char area[64];
	__u64 reserved[4];
};

/**
 * struct cmabulk_survey - what the engine sees now (CMABULK_IOC_SURVEY)
 * @size:		in: sizeof(struct cmabulk_survey)
 * @flags:		in: must be zero
 * @pages_free:		out: pages on the free lists
 * @pages_movable:	out: pages in use that should move
 * @pages_suspect:	out: pages in use that look pinned or busy
 * @pages_taken:	out: pages handed out by CMA, to anybody
 * @blocks:		out: pageblocks in the area
 * @blocks_free:	out: pageblocks that are free as a whole
 * @blocks_movable:	out: pageblocks that could be had by moving pages
 * @blocks_suspect:	out: pageblocks with a suspect page
 * @blocks_taken:	out: pageblocks of which CMA handed out a part
 * @reserved:		must be zero
 *
 * The pages add up to the area, and so do the pageblocks: a pageblock counts
 * once, as suspect before taken before movable before free. Read
 * without locks: a hint, out of date when it arrives. What is cached goes back
 * to the area before.
 */
struct cmabulk_survey {
	__u32 size;
	__u32 flags;
	__u64 pages_free;
	__u64 pages_movable;
	__u64 pages_suspect;
	__u64 pages_taken;
	__u64 blocks;
	__u64 blocks_free;
	__u64 blocks_movable;
	__u64 blocks_suspect;
	__u64 blocks_taken;
	__u64 reserved[4];
};

enum cmabulk_object {
	CMABULK_OBJECT_RESERVATION = 1,	/* id is the reservation's, inode 0 */
	CMABULK_OBJECT_BUFFER = 2,	/* id is the buffer's, inode the dma-buf's */
};

enum cmabulk_state {
	CMABULK_STATE_CACHED = 1,
	CMABULK_STATE_RESERVED = 2,
	CMABULK_STATE_EXPORTED = 3,
	CMABULK_STATE_DRAINING = 4,
};

/**
 * struct cmabulk_owner - who asked, as the opener of the device says
 * @uid:	user id the memory is for
 * @pid:	process id it is for, 0 if none
 * @cookie:	free for the opener, reported back
 * @account:	name of the account it is charged to, NUL-terminated
 * @label:	what it is for, NUL-terminated
 *
 * The module stores and reports these and never acts on them. Device nodes
 * are 0600, so nobody but the daemon (or root) can forge them.
 */
struct cmabulk_owner {
	__u32 uid;
	__u32 pid;
	__u64 cookie;
	char account[CMABULK_ACCOUNT_LEN];
	char label[CMABULK_LABEL_LEN];
};

/**
 * struct cmabulk_buffer_info - one live object (entry of CMABULK_IOC_BUFFERS)
 * @id:			number of the object, never used twice while the module is loaded
 * @inode:		inode number of the dma-buf, 0 for a reservation
 * @object:		enum cmabulk_object
 * @state:		enum cmabulk_state
 * @order:		order of its chunks
 * @align:		alignment of its chunks, as an order
 * @chunks:		chunks it holds
 * @pages:		pages it holds
 * @age_ns:		nanoseconds since it was made (CLOCK_BOOTTIME)
 * @reservation:	for a buffer: id of the reservation it came from
 * @name:		name given at EXPORT (renames through dma-buf do not show here)
 * @owner:		as given at RESERVE
 * @reserved:		zero
 */
struct cmabulk_buffer_info {
	__u64 id;
	__u64 inode;
	__u32 object;
	__u32 state;
	__u32 order;
	__u32 align;
	__u64 chunks;
	__u64 pages;
	__u64 age_ns;
	__u64 reservation;
	char name[CMABULK_BUFFER_NAME_LEN];
	struct cmabulk_owner owner;
	__u64 reserved[2];
};

/**
 * struct cmabulk_buffers - snapshot of live objects (CMABULK_IOC_BUFFERS)
 * @size:	in: sizeof(struct cmabulk_buffers)
 * @flags:	in: must be zero
 * @entry_size:	in: sizeof(struct cmabulk_buffer_info)
 * @capacity:	in: entries @entries has room for; 0 only counts
 * @count:	out: live objects; -ENOSPC when it is more than @capacity, with
 *		nothing written to @entries
 * @entries:	in: pointer to the array to fill
 * @sequence:	out: number of the newest event the snapshot includes
 * @states:	out: the pool's books at the same moment
 * @reserved:	must be zero
 *
 * The truth about what lives, draining buffers included. Subscribe to the
 * events, take the snapshot, then apply only events with a higher number.
 */
struct cmabulk_buffers {
	__u32 size;
	__u32 flags;
	__u32 entry_size;
	__u32 capacity;
	__u64 count;
	__u64 entries;
	__u64 sequence;
	struct cmabulk_states states;
	__u64 reserved[2];
};

/**
 * struct cmabulk_reserve - make a reservation (CMABULK_IOC_RESERVE)
 * @size:	in: sizeof(struct cmabulk_reserve)
 * @flags:	in: O_CLOEXEC or 0, for the new file descriptor
 * @order:	in: order of every chunk, order_per_bit to max_order of QUERY
 * @align:	in: alignment of every chunk as an order; below @order means @order.
 *		At most max_order of QUERY
 * @fd:		out: the reservation's file descriptor
 * @pad:	must be zero
 * @id:		out: number of the reservation
 * @owner:	in: who it is for
 * @reserved:	must be zero
 *
 * Claims nothing yet. The device may be closed afterwards. On error the out
 * fields may have been written and mean nothing.
 */
struct cmabulk_reserve {
	__u32 size;
	__u32 flags;
	__u32 order;
	__u32 align;
	__s32 fd;
	__u32 pad;
	__u64 id;
	struct cmabulk_owner owner;
	__u64 reserved[4];
};

/**
 * struct cmabulk_report - what one FILL did
 * @blocks_surveyed:	pageblocks looked at
 * @blocks_free:	of those: free as a whole
 * @blocks_movable:	of those: to be had by moving pages
 * @blocks_suspect:	of those: with a page that looks pinned or busy
 * @blocks_taken:	of those: partly or wholly handed out by CMA already
 * @pages_to_migrate:	pages in use in the ranges tried (an estimate)
 * @ranges_planned:	ranges the plan listed
 * @ranges_tried:	ranges claimed
 * @ranges_failed:	ranges that did not come as a whole
 * @chunks_free:	chunks that came from free memory
 * @chunks_moved:	chunks that came after moving pages
 * @chunks_salvaged:	chunks that came from around pages that do not move
 * @skipped_suspect:	chunks left alone because this effort does not touch suspects
 * @skipped_busy:	chunks that were tried and would not come or, with a budget,
 *			left alone because a device was at work
 * @skipped_taken:	chunks in other CMA users' hands
 * @skipped_no_memory:	chunks left alone because there was nowhere to move pages to
 * @skipped_isolated:	chunks whose pageblock somebody else had isolated
 * @survey_ns:		time spent on the survey
 * @plan_ns:		time spent on the plan
 * @drain_ns:		time spent draining per-CPU lists; 0 on a stock pool, as it is
 *			part of @claim_ns
 * @claim_ns:		time spent on isolating, migrating and grabbing
 * @salvage_ns:		part of @claim_ns spent on ranges inside pageblocks
 * @total_ns:		time from start to end; what FILL slept, with nothing locked,
 *			until pages under writeback were done is in none of the others
 * @reserved:		zero; the only room to grow, as struct cmabulk_fill goes on behind
 */
struct cmabulk_report {
	__u64 blocks_surveyed;
	__u64 blocks_free;
	__u64 blocks_movable;
	__u64 blocks_suspect;
	__u64 blocks_taken;
	__u64 pages_to_migrate;
	__u64 ranges_planned;
	__u64 ranges_tried;
	__u64 ranges_failed;
	__u64 chunks_free;
	__u64 chunks_moved;
	__u64 chunks_salvaged;
	__u64 skipped_suspect;
	__u64 skipped_busy;
	__u64 skipped_taken;
	__u64 skipped_no_memory;
	__u64 skipped_isolated;
	__u64 survey_ns;
	__u64 plan_ns;
	__u64 drain_ns;
	__u64 claim_ns;
	__u64 salvage_ns;
	__u64 total_ns;
	__u64 reserved[9];
};

/**
 * struct cmabulk_fill - top a reservation up (CMABULK_IOC_FILL)
 * @size:		in: sizeof(struct cmabulk_fill)
 * @flags:		in: must be zero
 * @effort:		in: enum cmabulk_effort
 * @pad:		must be zero
 * @nr_requests:	in: chunks wanted on top of those already held; 0 only
 *			surveys and reports
 * @budget_ns:		in: nanoseconds this call may take, 0 for no limit; soft:
 *			it is looked at between ranges and, but for stock pools, before
 *			a small page is moved and while writeback is waited for; not
 *			while FILL waits for the lock of a page or of its buffers, for
 *			memory to be reclaimed for one, for others to isolate fewer
 *			pages, for another user of CMA, or for another FILL on a stock
 *			pool
 * @nr_allocated:	out: chunks this call added
 * @total:		out: chunks the reservation holds now, not exported
 * @report:		out: what was done, and why it came up short
 * @reserved:		must be zero
 *
 * Returns 0 when all of @nr_requests came; else -EBUSY (this effort finds no
 * more), -ETIME (budget), -EINTR (INTERRUPT or a fatal signal), -ENOMEM
 * (nowhere to move pages to without taking what others need, or no memory for
 * the books), -ENODEV (the pool is gone). The out fields are filled in
 * whatever of those it returns, and what came stays in the reservation.
 * Refused input (-EINVAL, -E2BIG, -EOVERFLOW, -EFAULT) and -EALREADY (another
 * FILL of the same reservation is running) change and write nothing. Only
 * -EFAULT may come after the work too, when the structure was unmapped
 * meanwhile: a FILL with @nr_requests = 0 tells what is held.
 *
 * A request for less than a pageblock, within 100 ms of another such, takes a
 * whole one if one is free, and the rest is cached: the next such requests get it
 * without a claim, @report says ranges_tried = 0. It goes back to the area after
 * 100 ms without any, when the system is short of memory, and before any other
 * request or a survey.
 *
 * CMABULK_IOC_INTERRUPT makes one FILL with @nr_requests > 0 return -EINTR: the
 * one that runs, at its next range or page moved, or else the next one, at once.
 * It is never lost, and several before that FILL returns count as one.
 */
struct cmabulk_fill {
	__u32 size;
	__u32 flags;
	__u32 effort;
	__u32 pad;
	__u64 nr_requests;
	__u64 budget_ns;
	__u64 nr_allocated;
	__u64 total;
	struct cmabulk_report report;
	__u64 reserved[4];
};

/**
 * struct cmabulk_export - move chunks into a new dma-buf (CMABULK_IOC_EXPORT)
 * @size:	in: sizeof(struct cmabulk_export)
 * @flags:	in: must be zero
 * @nr_chunks:	in: chunks to move, at least 1; -ENODATA when fewer are held
 * @fd_flags:	in: O_CLOEXEC and an access mode (O_RDONLY, O_WRONLY, O_RDWR)
 * @fd:		out: the dma-buf's file descriptor
 * @id:		out: number of the buffer
 * @inode:	out: inode number of the dma-buf
 * @name:	in: name of the dma-buf, NUL-terminated, may be empty
 * @reserved:	must be zero
 *
 * Nothing changes on error, but the out fields may have been written and mean
 * nothing. Zeroing starts in the background some milliseconds later, or as soon
 * as somebody needs the memory, who waits for, and helps with, what it needs.
 */
struct cmabulk_export {
	__u32 size;
	__u32 flags;
	__u64 nr_chunks;
	__u32 fd_flags;
	__s32 fd;
	__u64 id;
	__u64 inode;
	char name[CMABULK_BUFFER_NAME_LEN];
	__u64 reserved[4];
};

/**
 * struct cmabulk_chunks - physical addresses (CMABULK_IOC_CHUNKS)
 * @size:	in: sizeof(struct cmabulk_chunks)
 * @flags:	in: must be zero
 * @first:	in: index of the first chunk
 * @count:	in: entries @addresses has room for; out: entries written
 * @addresses:	in: pointer to an array of __u64, bytes
 * @total:	out: chunks the reservation holds, not exported
 * @reserved:	must be zero
 *
 * Needs CAP_SYS_RAWIO; waits until the chunks named are zeroed. Meant for
 * bring-up: the address of a chunk that is exported later stays the same.
 */
struct cmabulk_chunks {
	__u32 size;
	__u32 flags;
	__u64 first;
	__u64 count;
	__u64 addresses;
	__u64 total;
	__u64 reserved[4];
};

#define CMABULK_IOC_MAGIC	0xCB

/* On /dev/cmabulk/NAME */
#define CMABULK_IOC_QUERY	_IOWR(CMABULK_IOC_MAGIC, 0x00, struct cmabulk_query)
#define CMABULK_IOC_SURVEY	_IOWR(CMABULK_IOC_MAGIC, 0x01, struct cmabulk_survey)
#define CMABULK_IOC_BUFFERS	_IOWR(CMABULK_IOC_MAGIC, 0x02, struct cmabulk_buffers)
#define CMABULK_IOC_RESERVE	_IOWR(CMABULK_IOC_MAGIC, 0x03, struct cmabulk_reserve)

/* On a reservation */
#define CMABULK_IOC_FILL	_IOWR(CMABULK_IOC_MAGIC, 0x10, struct cmabulk_fill)
#define CMABULK_IOC_INTERRUPT	_IO(CMABULK_IOC_MAGIC, 0x11)
#define CMABULK_IOC_EXPORT	_IOWR(CMABULK_IOC_MAGIC, 0x12, struct cmabulk_export)
#define CMABULK_IOC_CHUNKS	_IOWR(CMABULK_IOC_MAGIC, 0x13, struct cmabulk_chunks)

/* Generic netlink */
#define CMABULK_GENL_NAME	"cmabulk"
#define CMABULK_GENL_VERSION	1
#define CMABULK_GENL_GROUP	"events"

enum cmabulk_genl_command {
	CMABULK_CMD_UNSPEC,
	CMABULK_CMD_POOL_GET,		/* dump: one message per pool with counters */
	CMABULK_CMD_EXPORTED,		/* event: a dma-buf was made */
	CMABULK_CMD_RELEASED,		/* event: its last page is back in the area */
	CMABULK_CMD_DROPPED,		/* event: a reservation died and its chunks are back */
	CMABULK_CMD_POOL_ADDED,		/* event */
	CMABULK_CMD_POOL_REMOVED,	/* event */
	__CMABULK_CMD_MAX,
};

#define CMABULK_CMD_MAX (__CMABULK_CMD_MAX - 1)

/*
 * Events carry POOL, SEQUENCE, and but for the pool events ID, PAGES (and for
 * a buffer INODE and RESERVATION); ids and sizes only, no owners. SEQUENCE
 * counts per pool and has no holes: a missing number is a lost event. So is
 * ENOBUFS, after which no later event may come to show it. They come in order,
 * some milliseconds late, and several may be in one datagram.
 */
enum cmabulk_genl_attribute {
	CMABULK_ATTR_UNSPEC,
	CMABULK_ATTR_PAD,
	CMABULK_ATTR_POOL,		/* string: name of the pool */
	CMABULK_ATTR_SEQUENCE,		/* u64 */
	CMABULK_ATTR_ID,		/* u64: number of the buffer or reservation */
	CMABULK_ATTR_PAGES,		/* u64 */
	CMABULK_ATTR_INODE,		/* u64: inode number of the dma-buf */
	CMABULK_ATTR_RESERVATION,	/* u64 */
	CMABULK_ATTR_AREA_PAGES,	/* u64: pages of the area */
	CMABULK_ATTR_CACHED,		/* u64: pages, as are the next three */
	CMABULK_ATTR_RESERVED,		/* u64 */
	CMABULK_ATTR_EXPORTED,		/* u64 */
	CMABULK_ATTR_DRAINING,		/* u64 */
	CMABULK_ATTR_BUFFERS,		/* u64: live dma-bufs */
	CMABULK_ATTR_RESERVATIONS,	/* u64: live reservations */
	CMABULK_ATTR_FILLS,		/* u64: FILLs so far */
	CMABULK_ATTR_FILLS_SHORT,	/* u64: of those, came up short */
	CMABULK_ATTR_CHUNKS_ALLOCATED,	/* u64: chunks so far */
	__CMABULK_ATTR_MAX,
};

#define CMABULK_ATTR_MAX (__CMABULK_ATTR_MAX - 1)

#endif /* _UAPI_LINUX_CMABULK_H */
