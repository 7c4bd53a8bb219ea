// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of bulk CMA allocation, on real pages.
 *
 * Each test borrows some pageblocks of the default area: it claims them there
 * and frees their pages, so that they are free CMA memory in which nobody else's
 * cma_alloc() looks, and lays an area of its own over them, of whatever
 * geometry it likes.
 */
#include <kunit/test.h>
#include <linux/bitmap.h>
#include <linux/cma.h>
#include <linux/cma_bulk.h>
#include <linux/delay.h>
#include <linux/dma-map-ops.h>
#include <linux/gfp.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/page-flags.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "cma.h"
#include "cma_bulk.h"
#include "cma_bulk_page.h"
#include "cma_bulk_test.h"

#define NR_BLOCKS	8U
#define NR_PAGES	(NR_BLOCKS << pageblock_order)
#define ORDER		min(4, pageblock_order)
#define NR_CHUNKS	(NR_PAGES >> ORDER)
#define BLOCK_CHUNKS	(NR_CHUNKS / NR_BLOCKS)

struct fixture {
	struct cma *parent;
	struct cma cma;
	unsigned long base_pfn;
	struct page **pages;
	unsigned long pins[NR_BLOCKS];
	unsigned int nr_pins;
	unsigned int calls;
	unsigned long hidden_pfn;
	unsigned long next_pfn;
	bool interrupt;
};

static int setup(struct kunit *test)
{
	struct cma *parent = dev_get_cma_area(NULL);
	unsigned long *bitmap;
	struct fixture *fix;
	struct page *page;

	if (!parent)
		kunit_skip(test, "no default CMA area: boot with cma=64M or more");

	fix = kunit_kzalloc(test, sizeof(*fix), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, fix);
	fix->pages = kunit_kcalloc(test, NR_PAGES + 1, sizeof(*fix->pages), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, fix->pages);
	bitmap = kunit_kcalloc(test, BITS_TO_LONGS(NR_PAGES), sizeof(long), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, bitmap);

	page = cma_alloc(parent, NR_PAGES, pageblock_order + ilog2(NR_BLOCKS), true);
	if (!page)
		kunit_skip(test, "no %u pageblocks to be had from the default area", NR_BLOCKS);
	fix->parent = parent;
	fix->base_pfn = page_to_pfn(page);
	area_init(&fix->cma, fix->base_pfn, NR_PAGES, bitmap);
	free_contig_range(fix->base_pfn, NR_PAGES);
	/* Free pages are where a test's first look is for them. */
	drain_all_pages(page_zone(page));

	test->priv = fix;
	return 0;
}

static void unpin_all(struct fixture *fix)
{
	while (fix->nr_pins)
		free_contig_range(fix->pins[--fix->nr_pins], 1);
}

static void teardown(struct kunit *test)
{
	struct fixture *fix = test->priv;

	if (!fix)
		return;
	unpin_all(fix);
	KUNIT_EXPECT_TRUE_MSG(test, bitmap_empty(area_bitmap(&fix->cma), area_nr_bits(&fix->cma)),
			      "a chunk was not given back");
	KUNIT_EXPECT_TRUE(test, area_is_consistent(&fix->cma));
	area_return(fix->parent, fix->base_pfn, NR_PAGES);
}

/* Make one page of block @block unmovable. */
static void pin(struct kunit *test, unsigned int block, unsigned int page)
{
	struct fixture *fix = test->priv;
	const unsigned long pfn = fix->base_pfn + (block << pageblock_order) + page;

	KUNIT_ASSERT_EQ(test, 0, area_pin(&fix->cma, pfn));
	fix->pins[fix->nr_pins++] = pfn;
}

static struct cma_bulk_req request(struct fixture *fix, enum cma_bulk_effort effort, size_t nr)
{
	return (struct cma_bulk_req){
		.order = ORDER,
		.nr_requests = nr,
		.effort = effort,
		.pages = fix->pages,
	};
}

static size_t bits_taken(struct fixture *fix)
{
	return bitmap_weight(area_bitmap(&fix->cma), area_nr_bits(&fix->cma));
}

/* Chunks must lie in the area, be aligned, owned alone, and not overlap. */
static void expect_sound(struct kunit *test, size_t nr, unsigned int order, unsigned int align)
{
	struct fixture *fix = test->priv;
	unsigned long *seen = kunit_kcalloc(test, BITS_TO_LONGS(NR_PAGES), sizeof(long),
					    GFP_KERNEL);
	unsigned long chunk, i;

	KUNIT_ASSERT_NOT_NULL(test, seen);
	for (chunk = 0; chunk < nr; chunk++) {
		const unsigned long pfn = page_to_pfn(fix->pages[chunk]);
		const unsigned long first = pfn - fix->base_pfn;

		KUNIT_ASSERT_GE(test, pfn, fix->base_pfn);
		KUNIT_ASSERT_LE(test, first + (1UL << order), (unsigned long)NR_PAGES);
		KUNIT_EXPECT_TRUE(test, IS_ALIGNED(pfn, 1UL << max(order, align)));
		for (i = 0; i < 1UL << order; i++) {
			KUNIT_EXPECT_FALSE(test, __test_and_set_bit(first + i, seen));
			KUNIT_EXPECT_EQ(test, 1, page_ref_count(fix->pages[chunk] + i));
		}
	}
	KUNIT_EXPECT_EQ(test, bits_taken(fix), nr << order >> fix->cma.order_per_bit);
	KUNIT_EXPECT_TRUE(test, area_is_consistent(&fix->cma));
}

/* Give @nr chunks back, one by one, each with its own bits and no others'. */
static void release(struct kunit *test, size_t nr, unsigned int order)
{
	struct fixture *fix = test->priv;
	size_t i;

	for (i = 0; i < nr; i++) {
		KUNIT_EXPECT_TRUE(test, cma_release(&fix->cma, fix->pages[i], 1UL << order));
		KUNIT_EXPECT_EQ(test, bits_taken(fix),
				(nr - 1 - i) << order >> fix->cma.order_per_bit);
	}
}

static void whole_area_comes_and_goes_chunk_by_chunk(struct kunit *test)
{
	struct fixture *fix = test->priv;
	size_t got = 1;

	KUNIT_EXPECT_EQ(test, 0, cma_alloc_bulk(&fix->cma, 0, true, ORDER, NR_CHUNKS,
						fix->pages, &got));
	KUNIT_EXPECT_EQ(test, got, NR_CHUNKS);
	expect_sound(test, got, ORDER, 0);
	release(test, got, ORDER);
}

static void more_than_there_is_comes_short_with_ebusy(struct kunit *test)
{
	struct fixture *fix = test->priv;
	size_t got = 0;

	KUNIT_EXPECT_EQ(test, -EBUSY, cma_alloc_bulk(&fix->cma, 0, false, ORDER, NR_CHUNKS + 1,
						     fix->pages, &got));
	KUNIT_EXPECT_EQ(test, got, NR_CHUNKS);
	expect_sound(test, got, ORDER, 0);
	release(test, got, ORDER);
}

static void busy_unit_is_skipped(struct kunit *test)
{
	struct fixture *fix = test->priv;
	size_t got = 0;

	pin(test, 2, 5);
	KUNIT_EXPECT_EQ(test, -EBUSY, cma_alloc_bulk(&fix->cma, 0, true, ORDER, NR_CHUNKS,
						     fix->pages, &got));
	KUNIT_EXPECT_EQ(test, got, NR_CHUNKS - BLOCK_CHUNKS);
	expect_sound(test, got, ORDER, 0);
	release(test, got, ORDER);
}

static void short_call_is_topped_up(struct kunit *test)
{
	struct fixture *fix = test->priv;
	size_t got = 0, more = 0;

	pin(test, 2, 5);
	KUNIT_EXPECT_EQ(test, -EBUSY, cma_alloc_bulk(&fix->cma, 0, true, ORDER, NR_CHUNKS,
						     fix->pages, &got));
	unpin_all(fix);
	KUNIT_EXPECT_EQ(test, 0, cma_alloc_bulk(&fix->cma, 0, false, ORDER, NR_CHUNKS - got,
						fix->pages + got, &more));
	KUNIT_EXPECT_EQ(test, got + more, NR_CHUNKS);
	expect_sound(test, got + more, ORDER, 0);
	release(test, got + more, ORDER);
}

static void pin_in_every_block_costs_hard_one_chunk_each(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct cma_bulk_req req;
	unsigned int block;

	for (block = 0; block < NR_BLOCKS; block++)
		pin(test, block, block * 37 % pageblock_nr_pages);

	req = request(fix, CMA_BULK_NORMAL, NR_CHUNKS);
	KUNIT_EXPECT_EQ(test, -EBUSY, cma_alloc_bulk_req(&fix->cma, &req));
	KUNIT_EXPECT_EQ(test, req.nr_allocated, 0);
	KUNIT_EXPECT_EQ(test, req.report.skipped_busy, NR_CHUNKS);

	req = request(fix, CMA_BULK_HARD, NR_CHUNKS);
	KUNIT_EXPECT_EQ(test, -EBUSY, cma_alloc_bulk_req(&fix->cma, &req));
	KUNIT_EXPECT_EQ(test, req.nr_allocated, NR_CHUNKS - NR_BLOCKS);
	KUNIT_EXPECT_EQ(test, req.report.chunks_salvaged, NR_CHUNKS - NR_BLOCKS);
	KUNIT_EXPECT_EQ(test, req.report.skipped_busy, NR_BLOCKS);
	expect_sound(test, req.nr_allocated, ORDER, 0);
	release(test, req.nr_allocated, ORDER);
}

static void fast_leaves_suspects_alone(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct cma_bulk_req req = request(fix, CMA_BULK_FAST, NR_CHUNKS);

	pin(test, 1, 0);
	KUNIT_EXPECT_EQ(test, -EBUSY, cma_alloc_bulk_req(&fix->cma, &req));
	KUNIT_EXPECT_EQ(test, req.report.skipped_suspect, BLOCK_CHUNKS);
	KUNIT_EXPECT_EQ(test, req.report.skipped_busy, 0);
	KUNIT_EXPECT_EQ(test, req.report.blocks_suspect, 1);
	release(test, req.nr_allocated, ORDER);
}

static void free_only_tries_no_block_in_use(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct cma_bulk_req req = request(fix, CMA_BULK_HARD, NR_BLOCKS);

	pin(test, 1, 0);
	req.order = pageblock_order;
	req.free_only = true;
	KUNIT_EXPECT_EQ(test, -EBUSY, cma_alloc_bulk_req(&fix->cma, &req));
	KUNIT_EXPECT_EQ(test, req.nr_allocated, NR_BLOCKS - 1);
	KUNIT_EXPECT_EQ(test, req.report.chunks_free, NR_BLOCKS - 1);
	KUNIT_EXPECT_EQ(test, req.report.pages_to_migrate, 0);
	expect_sound(test, req.nr_allocated, pageblock_order, 0);
	release(test, req.nr_allocated, pageblock_order);
}

static int grab_once_then_fail(struct cma_bulk_call *call, unsigned long start, unsigned long end)
{
	struct kunit *test = kunit_get_current_test();
	struct fixture *fix = test->priv;
	int ret;

	if (fix->calls++)
		return -EIO;
	kunit_deactivate_static_stub(test, cma_bulk_grab);
	ret = cma_bulk_grab(call, start, end);
	kunit_activate_static_stub(test, cma_bulk_grab, grab_once_then_fail);
	return ret;
}

static void other_errors_end_the_scan(struct kunit *test)
{
	struct fixture *fix = test->priv;
	size_t got = 0;

	/* A taken chunk in the middle makes two ranges of the area. */
	__set_bit((3UL << pageblock_order), area_bitmap(&fix->cma));
	kunit_activate_static_stub(test, cma_bulk_grab, grab_once_then_fail);
	KUNIT_EXPECT_EQ(test, -EIO, cma_alloc_bulk(&fix->cma, 0, false, ORDER, NR_CHUNKS,
						   fix->pages, &got));
	kunit_deactivate_static_stub(test, cma_bulk_grab);
	__clear_bit((3UL << pageblock_order), area_bitmap(&fix->cma));

	KUNIT_EXPECT_EQ(test, fix->calls, 2);
	KUNIT_EXPECT_GT(test, got, 0);
	KUNIT_EXPECT_LT(test, got, NR_CHUNKS - 1);
	expect_sound(test, got, ORDER, 0);
	release(test, got, ORDER);
}

static void invalid_requests_are_refused(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct cma_bulk_req req = request(fix, CMA_BULK_FAST, 1);
	unsigned long *bitmap = area_bitmap(&fix->cma);
	size_t got = 7;

	KUNIT_EXPECT_EQ(test, -EINVAL, cma_alloc_bulk(NULL, 0, true, ORDER, 1, fix->pages, &got));
	KUNIT_EXPECT_EQ(test, got, 0);
	KUNIT_EXPECT_EQ(test, -EINVAL, cma_alloc_bulk(&fix->cma, 0, true, ORDER, 1, NULL, &got));
	KUNIT_EXPECT_EQ(test, -EINVAL,
			cma_alloc_bulk(&fix->cma, 0, true, ORDER, 1, fix->pages, NULL));
	KUNIT_EXPECT_EQ(test, -EINVAL,
			cma_alloc_bulk(&fix->cma, 0, true, BITS_PER_LONG, 1, fix->pages, &got));
	KUNIT_EXPECT_EQ(test, -EINVAL,
			cma_alloc_bulk(&fix->cma, BITS_PER_LONG, true, 0, 1, fix->pages, &got));

	area_deactivate(&fix->cma);
	KUNIT_EXPECT_EQ(test, -EINVAL,
			cma_alloc_bulk(&fix->cma, 0, true, ORDER, 1, fix->pages, &got));
	area_init(&fix->cma, fix->base_pfn, 0, bitmap);
	KUNIT_EXPECT_EQ(test, -EINVAL,
			cma_alloc_bulk(&fix->cma, 0, true, ORDER, 1, fix->pages, &got));
	area_init(&fix->cma, fix->base_pfn, NR_PAGES, bitmap);

	req.effort = CMA_BULK_HARD + 1;
	KUNIT_EXPECT_EQ(test, -EINVAL, cma_alloc_bulk_req(&fix->cma, &req));
	req = request(fix, CMA_BULK_FAST, NR_CHUNKS + 1);
	KUNIT_EXPECT_EQ(test, -E2BIG, cma_alloc_bulk_req(&fix->cma, &req));
}

static void zero_requests_succeed_with_zero_pages(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct cma_bulk_req req = request(fix, CMA_BULK_HARD, 0);
	size_t got = 7;

	KUNIT_EXPECT_EQ(test, 0, cma_alloc_bulk(&fix->cma, 0, true, ORDER, 0, fix->pages, &got));
	KUNIT_EXPECT_EQ(test, got, 0);

	pin(test, 6, 1);
	req.pages = NULL;
	KUNIT_EXPECT_EQ(test, 0, cma_alloc_bulk_req(&fix->cma, &req));
	KUNIT_EXPECT_EQ(test, req.report.blocks_surveyed, NR_BLOCKS);
	KUNIT_EXPECT_EQ(test, req.report.blocks_suspect, 1);
	KUNIT_EXPECT_EQ(test, req.report.pages_suspect, 1);
	KUNIT_EXPECT_EQ(test, req.report.pages_free + req.report.pages_movable, NR_PAGES - 1);
}

static void chunks_are_aligned_beyond_their_size(struct kunit *test)
{
	struct fixture *fix = test->priv;
	const unsigned int align = 6;
	size_t got = 0;

	KUNIT_EXPECT_EQ(test, -EBUSY, cma_alloc_bulk(&fix->cma, align, true, 2, NR_PAGES >> 2,
						     fix->pages, &got));
	KUNIT_EXPECT_EQ(test, got, NR_PAGES >> align);
	expect_sound(test, got, 2, align);
	release(test, got, 2);
}

static void chunks_larger_than_pageblocks(struct kunit *test)
{
	struct fixture *fix = test->priv;
	const unsigned int order = pageblock_order + 1;
	size_t got = 0;

	pin(test, 0, 0);
	KUNIT_EXPECT_EQ(test, -EBUSY, cma_alloc_bulk(&fix->cma, 0, false, order, NR_BLOCKS / 2,
						     fix->pages, &got));
	KUNIT_EXPECT_EQ(test, got, NR_BLOCKS / 2 - 1);
	expect_sound(test, got, order, 0);
	release(test, got, order);
}

static void bits_of_several_pages(struct kunit *test)
{
	struct fixture *fix = test->priv;
	size_t got = 0;

	fix->cma.order_per_bit = ORDER;
	KUNIT_EXPECT_EQ(test, -EINVAL, cma_alloc_bulk(&fix->cma, 0, true, ORDER - 1, 1,
						      fix->pages, &got));
	KUNIT_EXPECT_EQ(test, 0, cma_alloc_bulk(&fix->cma, 0, true, ORDER, NR_CHUNKS,
						fix->pages, &got));
	KUNIT_EXPECT_EQ(test, got, NR_CHUNKS);
	expect_sound(test, got, ORDER, 0);
	release(test, got, ORDER);

	KUNIT_EXPECT_EQ(test, 0, cma_alloc_bulk(&fix->cma, 0, true, ORDER + 2, 3,
						fix->pages, &got));
	expect_sound(test, got, ORDER + 2, 0);
	release(test, got, ORDER + 2);
}

static void chunks_of_others_are_left_alone(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct page *page = cma_alloc(&fix->cma, 3, 0, true);
	size_t got = 0;

	KUNIT_ASSERT_NOT_NULL(test, page);
	KUNIT_EXPECT_EQ(test, -EBUSY, cma_alloc_bulk(&fix->cma, 0, true, ORDER, NR_CHUNKS,
						     fix->pages, &got));
	KUNIT_EXPECT_EQ(test, got, NR_CHUNKS - 1);
	KUNIT_EXPECT_TRUE(test, cma_release(&fix->cma, page, 3));
	expect_sound(test, got, ORDER, 0);
	release(test, got, ORDER);
}

static void blocks_that_others_isolated_are_skipped(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct cma_bulk_req req = request(fix, CMA_BULK_HARD, NR_CHUNKS);
	const unsigned long start = fix->base_pfn + (4UL << pageblock_order);

	KUNIT_ASSERT_EQ(test, 0, cma_bulk_isolate(start, start + pageblock_nr_pages));
	KUNIT_EXPECT_EQ(test, -EBUSY, cma_alloc_bulk_req(&fix->cma, &req));
	cma_bulk_unisolate(start, start + pageblock_nr_pages);

	KUNIT_EXPECT_EQ(test, req.nr_allocated, NR_CHUNKS - BLOCK_CHUNKS);
	KUNIT_EXPECT_EQ(test, req.report.skipped_isolated, BLOCK_CHUNKS);
	expect_sound(test, req.nr_allocated, ORDER, 0);
	release(test, req.nr_allocated, ORDER);
}

static void interrupt_and_deadline_come_before_the_first_range(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct cma_bulk_req req = request(fix, CMA_BULK_NORMAL, NR_CHUNKS);
	const bool interrupt = true;

	req.interrupt = &interrupt;
	KUNIT_EXPECT_EQ(test, -EINTR, cma_alloc_bulk_req(&fix->cma, &req));
	KUNIT_EXPECT_EQ(test, req.nr_allocated, 0);

	req.interrupt = NULL;
	req.deadline = 1;
	KUNIT_EXPECT_EQ(test, -ETIME, cma_alloc_bulk_req(&fix->cma, &req));
	KUNIT_EXPECT_EQ(test, req.nr_allocated, 0);
}

static int grab_and_interrupt(struct cma_bulk_call *call, unsigned long start, unsigned long end)
{
	struct kunit *test = kunit_get_current_test();
	struct fixture *fix = test->priv;

	WRITE_ONCE(fix->interrupt, true);
	fix->calls++;
	kunit_deactivate_static_stub(test, cma_bulk_grab);
	return cma_bulk_grab(call, start, end);
}

static void interrupt_keeps_what_has_come(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct cma_bulk_req req = request(fix, CMA_BULK_HARD, NR_CHUNKS);

	pin(test, 3, 0);
	req.interrupt = &fix->interrupt;
	kunit_activate_static_stub(test, cma_bulk_grab, grab_and_interrupt);
	KUNIT_EXPECT_EQ(test, -EINTR, cma_alloc_bulk_req(&fix->cma, &req));
	KUNIT_EXPECT_EQ(test, fix->calls, 1);
	KUNIT_EXPECT_GT(test, req.nr_allocated, 0);
	KUNIT_EXPECT_LT(test, req.nr_allocated, NR_CHUNKS - 1);
	expect_sound(test, req.nr_allocated, ORDER, 0);
	release(test, req.nr_allocated, ORDER);
}

/* At the third look the second of two pages under writeback has been written, and is free. */
static u64 look_and_end_write(const struct cma_bulk_call *call)
{
	struct kunit *test = kunit_get_current_test();
	struct fixture *fix = test->priv;
	unsigned long pfn;
	u64 pages;

	kunit_deactivate_static_stub(test, cma_bulk_wait_look);
	if (++fix->calls == 3) {
		pfn = fix->pins[--fix->nr_pins];
		TestClearPageWriteback(pfn_to_page(pfn));
		free_contig_range(pfn, 1);
	}
	pages = cma_bulk_wait_look(call);
	if (fix->calls < 3)
		kunit_activate_static_stub(test, cma_bulk_wait_look, look_and_end_write);
	return pages;
}

static void begin_writes(struct kunit *test)
{
	struct fixture *fix = test->priv;
	unsigned int i;

	pin(test, 2, 0);
	pin(test, 5, 0);
	for (i = 0; i < fix->nr_pins; i++)
		TestSetPageWriteback(pfn_to_page(fix->pins[i]));
}

static void end_writes(struct kunit *test)
{
	struct fixture *fix = test->priv;
	unsigned int i;

	for (i = 0; i < fix->nr_pins; i++)
		TestClearPageWriteback(pfn_to_page(fix->pins[i]));
}

static void what_is_written_first_is_taken(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct cma_bulk_req req = request(fix, CMA_BULK_NORMAL, NR_CHUNKS - BLOCK_CHUNKS);

	begin_writes(test);
	kunit_activate_static_stub(test, cma_bulk_wait_look, look_and_end_write);
	KUNIT_EXPECT_EQ(test, 0, cma_alloc_bulk_req(&fix->cma, &req));
	end_writes(test);
	KUNIT_EXPECT_EQ(test, fix->calls, 3);
	KUNIT_EXPECT_EQ(test, req.nr_allocated, NR_CHUNKS - BLOCK_CHUNKS);
	KUNIT_EXPECT_EQ(test, req.report.ranges_failed, 0);
	expect_sound(test, req.nr_allocated, ORDER, 0);
	release(test, req.nr_allocated, ORDER);
}

/* Meanwhile the second of two pages under writeback has been written, and is free. */
static int pause_and_end_write(const struct cma_bulk_call *call)
{
	struct fixture *fix = kunit_get_current_test()->priv;
	const unsigned long pfn = fix->pins[--fix->nr_pins];

	fix->calls++;
	TestClearPageWriteback(pfn_to_page(pfn));
	free_contig_range(pfn, 1);
	return 0;
}

static void what_is_written_late_is_taken(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct cma_bulk_req req = request(fix, CMA_BULK_HARD, NR_CHUNKS - 1);

	begin_writes(test);
	req.deadline = ktime_add_ms(ktime_get(), 60 * MSEC_PER_SEC);
	kunit_activate_static_stub(test, cma_bulk_pause, pause_and_end_write);
	KUNIT_EXPECT_EQ(test, 0, cma_alloc_bulk_req(&fix->cma, &req));
	kunit_deactivate_static_stub(test, cma_bulk_pause);
	end_writes(test);
	KUNIT_EXPECT_EQ(test, fix->calls, 1);
	KUNIT_EXPECT_EQ(test, req.nr_allocated, NR_CHUNKS - 1);
	KUNIT_EXPECT_EQ(test, req.report.ranges_failed, 0);
	release(test, req.nr_allocated, ORDER);
}

static void expect_left_alone(struct kunit *test, enum cma_bulk_effort effort, int error,
			      size_t chunks)
{
	struct fixture *fix = test->priv;
	struct cma_bulk_req req = request(fix, effort, NR_CHUNKS);

	req.deadline = ktime_add_ms(ktime_get(), 1000);
	KUNIT_EXPECT_EQ(test, error, cma_alloc_bulk_req(&fix->cma, &req));
	KUNIT_EXPECT_EQ(test, req.nr_allocated, NR_CHUNKS - chunks);
	KUNIT_EXPECT_EQ(test, req.report.skipped_busy, chunks);
	KUNIT_EXPECT_EQ(test, req.report.ranges_failed, 0);
	release(test, req.nr_allocated, ORDER);
}

static void deadline_leaves_what_is_written_alone(struct kunit *test)
{
	begin_writes(test);
	/* There is a harder one, which has to have its time. */
	expect_left_alone(test, CMA_BULK_NORMAL, -EBUSY, 2 * BLOCK_CHUNKS);
	expect_left_alone(test, CMA_BULK_HARD, -ETIME, 2);
	end_writes(test);
}

static void fast_waits_for_no_writeback(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct cma_bulk_req req = request(fix, CMA_BULK_FAST, NR_CHUNKS);

	begin_writes(test);
	kunit_activate_static_stub(test, cma_bulk_wait_look, look_and_end_write);
	KUNIT_EXPECT_EQ(test, -EBUSY, cma_alloc_bulk_req(&fix->cma, &req));
	kunit_deactivate_static_stub(test, cma_bulk_wait_look);
	end_writes(test);
	KUNIT_EXPECT_EQ(test, fix->calls, 0);
	KUNIT_EXPECT_EQ(test, req.report.skipped_suspect, 2 * BLOCK_CHUNKS);
	release(test, req.nr_allocated, ORDER);
}

/* Whatever is being written, it is always less than before. */
static u64 look_and_interrupt(const struct cma_bulk_call *call)
{
	struct fixture *fix = kunit_get_current_test()->priv;

	if (++fix->calls == 2)
		WRITE_ONCE(fix->interrupt, true);
	return 100 - fix->calls;
}

static void interrupt_ends_the_wait_for_writeback(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct cma_bulk_req req = request(fix, CMA_BULK_NORMAL, NR_CHUNKS);

	pin(test, 2, 0);
	req.interrupt = &fix->interrupt;
	kunit_activate_static_stub(test, cma_bulk_wait_look, look_and_interrupt);
	KUNIT_EXPECT_EQ(test, -EINTR, cma_alloc_bulk_req(&fix->cma, &req));
	kunit_deactivate_static_stub(test, cma_bulk_wait_look);
	KUNIT_EXPECT_EQ(test, fix->calls, 2);
	KUNIT_EXPECT_EQ(test, req.nr_allocated, NR_CHUNKS - BLOCK_CHUNKS);
	release(test, req.nr_allocated, ORDER);
}

static u64 look_in_vain(const struct cma_bulk_call *call)
{
	struct fixture *fix = kunit_get_current_test()->priv;

	fix->calls++;
	return 1;
}

static void what_is_never_written_is_tried(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct cma_bulk_req req = request(fix, CMA_BULK_NORMAL, NR_CHUNKS);

	pin(test, 2, 0);
	kunit_activate_static_stub(test, cma_bulk_wait_look, look_in_vain);
	KUNIT_EXPECT_EQ(test, -EBUSY, cma_alloc_bulk_req(&fix->cma, &req));
	kunit_deactivate_static_stub(test, cma_bulk_wait_look);
	/* Half a second of looks in vain. */
	KUNIT_EXPECT_EQ(test, fix->calls, 51);
	KUNIT_EXPECT_EQ(test, req.report.ranges_failed, 1);
	KUNIT_EXPECT_EQ(test, req.report.skipped_busy, BLOCK_CHUNKS);
	release(test, req.nr_allocated, ORDER);
}

/* Always less than before: time alone ends that. */
static u64 look_at_progress(const struct cma_bulk_call *call)
{
	struct fixture *fix = kunit_get_current_test()->priv;

	return U32_MAX - ++fix->calls;
}

static void wait_leaves_time_for_what_is_pinned(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct cma_bulk_req req = request(fix, CMA_BULK_NORMAL, NR_CHUNKS);

	pin(test, 2, 0);
	req.deadline = ktime_add_ms(ktime_get(), 1800);
	kunit_activate_static_stub(test, cma_bulk_wait_look, look_at_progress);
	KUNIT_EXPECT_EQ(test, -EBUSY, cma_alloc_bulk_req(&fix->cma, &req));
	kunit_deactivate_static_stub(test, cma_bulk_wait_look);
	KUNIT_EXPECT_GT(test, fix->calls, 2);
	KUNIT_EXPECT_EQ(test, req.report.ranges_failed, 1);
	release(test, req.nr_allocated, ORDER);
}

static int migrate_without_memory(struct cma_bulk_call *call, unsigned long start,
				  unsigned long end)
{
	struct fixture *fix = kunit_get_current_test()->priv;

	fix->calls++;
	return -ENOMEM;
}

static void lack_of_memory_is_met_once(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct cma_bulk_req req = request(fix, CMA_BULK_HARD, NR_CHUNKS);

	pin(test, 1, 0);
	pin(test, 4, 7);
	pin(test, 6, 100);
	kunit_activate_static_stub(test, cma_bulk_migrate, migrate_without_memory);
	KUNIT_EXPECT_EQ(test, -ENOMEM, cma_alloc_bulk_req(&fix->cma, &req));
	kunit_deactivate_static_stub(test, cma_bulk_migrate);

	KUNIT_EXPECT_EQ(test, fix->calls, 1);
	KUNIT_EXPECT_EQ(test, req.nr_allocated, NR_CHUNKS - 3);
	KUNIT_EXPECT_EQ(test, req.report.skipped_no_memory, 3);
	expect_sound(test, req.nr_allocated, ORDER, 0);
	release(test, req.nr_allocated, ORDER);
}

static int migrate_until_interrupted(struct cma_bulk_call *call, unsigned long start,
				     unsigned long end)
{
	struct fixture *fix = kunit_get_current_test()->priv;

	fix->calls++;
	WRITE_ONCE(fix->interrupt, true);
	return -EINTR;
}

static void what_is_interrupted_was_not_busy(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct cma_bulk_req req = request(fix, CMA_BULK_HARD, NR_CHUNKS);

	req.interrupt = &fix->interrupt;
	pin(test, 1, 0);
	pin(test, 6, 100);
	kunit_activate_static_stub(test, cma_bulk_migrate, migrate_until_interrupted);
	KUNIT_EXPECT_EQ(test, -EINTR, cma_alloc_bulk_req(&fix->cma, &req));
	kunit_deactivate_static_stub(test, cma_bulk_migrate);

	KUNIT_EXPECT_EQ(test, fix->calls, 1);
	KUNIT_EXPECT_EQ(test, req.nr_allocated, NR_CHUNKS - 2);
	KUNIT_EXPECT_EQ(test, req.report.skipped_busy, 0);
	KUNIT_EXPECT_EQ(test, req.report.skipped_no_memory, 0);
	expect_sound(test, req.nr_allocated, ORDER, 0);
	release(test, req.nr_allocated, ORDER);
}

static void pieces_are_small_near_the_deadline(struct kunit *test)
{
	const unsigned long most = pageblock_nr_pages;
	s64 left_us;

	KUNIT_EXPECT_EQ(test, cma_bulk_ahead_piece(NSEC_PER_SEC), most);
	for (left_us = -1; left_us < USEC_PER_SEC / 10; left_us += 7) {
		const unsigned long pages = cma_bulk_ahead_piece(left_us);
		const unsigned long wanted = clamp_t(s64, left_us >> 5, min(32UL, most), most);

		KUNIT_ASSERT_TRUE(test, is_power_of_2(pages));
		KUNIT_ASSERT_LE(test, pages, wanted);
		KUNIT_ASSERT_GT(test, 2 * pages, wanted);
	}
}

/* Whatever is left of the time, it is little. */
#define NEAR_US		3000

static int migrate_near_the_deadline(struct cma_bulk_call *call, unsigned long start,
				     unsigned long end)
{
	struct kunit *test = kunit_get_current_test();
	struct fixture *fix = test->priv;
	const s64 left_us = fix->calls++ ? NEAR_US : NSEC_PER_SEC;

	KUNIT_EXPECT_EQ(test, start, fix->next_pfn);
	KUNIT_EXPECT_LE(test, end - start, cma_bulk_ahead_piece(left_us));
	fix->next_pfn = end;
	call->req->deadline = ktime_add_us(ktime_get(), NEAR_US);
	return 0;
}

static void hand_out_pieces(struct kunit *test, struct cma_bulk_call *call, unsigned long end)
{
	struct fixture *fix = test->priv;

	fix->calls = 0;
	fix->next_pfn = fix->base_pfn + 1;
	call->req->deadline = ktime_add_ms(ktime_get(), 1000);
	cma_bulk_ahead_begin(call);
	cma_bulk_ahead_add(call, 0, fix->next_pfn, end);
	cma_bulk_ahead_run(call, KTIME_MAX);
	KUNIT_EXPECT_LE(test, fix->next_pfn, end);
}

static void pieces_follow_each_other_to_the_deadline(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct cma_bulk_req req = request(fix, CMA_BULK_HARD, NR_CHUNKS);
	struct cma_bulk_call call = { .req = &req, .task = current };
	const unsigned long end = fix->base_pfn + NR_PAGES - pageblock_nr_pages / 4;
	unsigned int flags, round;

	call.ahead = cma_bulk_ahead_alloc();
	KUNIT_ASSERT_NOT_NULL(test, call.ahead);
	/* In the worker there would be no stub. */
	flags = memalloc_noio_save();
	kunit_activate_static_stub(test, cma_bulk_migrate, migrate_near_the_deadline);
	/* Whoever loses its CPU for 3 ms is over the deadline. */
	for (round = 0; round < 100 && fix->next_pfn != end; round++)
		hand_out_pieces(test, &call, end);
	kunit_deactivate_static_stub(test, cma_bulk_migrate);
	memalloc_noio_restore(flags);
	KUNIT_EXPECT_EQ(test, fix->next_pfn, end);
	kfree(call.ahead);
}

static void borders_cut_no_large_page(struct kunit *test)
{
	const unsigned int order = 3;
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_COMP, order);
	unsigned long start, end, pfn;

	KUNIT_ASSERT_NOT_NULL(test, page);
	start = page_to_pfn(page);
	end = start + (1UL << order);
	KUNIT_EXPECT_EQ(test, cma_bulk_survey_border(start), start);
	for (pfn = start + 1; pfn < end; pfn++)
		KUNIT_EXPECT_EQ(test, cma_bulk_survey_border(pfn), end);
	__free_pages(page, order);
}

static void expect_anonymous(struct kunit *test, unsigned long start, unsigned long end,
			     unsigned long nr, unsigned long largest)
{
	u64 found = 0;

	KUNIT_EXPECT_EQ(test, cma_bulk_survey_anonymous(start, end, &found), nr);
	KUNIT_EXPECT_EQ(test, found, largest);
}

static void anonymous_memory_is_counted(struct kunit *test)
{
	const unsigned int order = 3;
	const unsigned long nr = 1UL << order;
	struct page *large = alloc_pages(GFP_KERNEL | __GFP_COMP, order);
	struct page *small = alloc_pages(GFP_KERNEL, order);
	unsigned long start, i;

	KUNIT_ASSERT_NOT_NULL(test, large);
	KUNIT_ASSERT_NOT_NULL(test, small);
	start = page_to_pfn(large);
	expect_anonymous(test, start, start + nr, 0, 0);
	large->mapping = (void *)CMA_BULK_MAPPING_ANON;
	for (i = 0; i < nr; i++) {
		expect_anonymous(test, start, start + i, i, i);
		expect_anonymous(test, start + i, start + nr, nr - i, nr - i);
		expect_anonymous(test, start + i, start + i + 1, 1, 1);
	}
	large->mapping = NULL;

	start = page_to_pfn(small);
	for (i = 0; i < nr; i++) {
		small[i].mapping = (void *)CMA_BULK_MAPPING_ANON;
		expect_anonymous(test, start, start + nr, i + 1, 1);
	}
	for (i = 0; i < nr; i++)
		small[i].mapping = NULL;
	__free_pages(small, order);
	__free_pages(large, order);
}

static void large_page_alone_is_for_one(struct kunit *test)
{
	KUNIT_EXPECT_FALSE(test, cma_bulk_ahead_is_for_two(0, 0));
	KUNIT_EXPECT_FALSE(test, cma_bulk_ahead_is_for_two(255, 1));
	KUNIT_EXPECT_TRUE(test, cma_bulk_ahead_is_for_two(256, 1));
	KUNIT_EXPECT_FALSE(test, cma_bulk_ahead_is_for_two(512, 512));
	KUNIT_EXPECT_FALSE(test, cma_bulk_ahead_is_for_two(513, 512));
	KUNIT_EXPECT_TRUE(test, cma_bulk_ahead_is_for_two(512 + 128, 512));
	KUNIT_EXPECT_TRUE(test, cma_bulk_ahead_is_for_two(2 * 512, 512));
}

/* As if this page, which looks free, were on no free list. */
static int grab_but_one(struct cma_bulk_call *call, unsigned long start, unsigned long end)
{
	struct kunit *test = kunit_get_current_test();
	struct fixture *fix = test->priv;
	int ret;

	fix->calls++;
	if (start <= fix->hidden_pfn && fix->hidden_pfn < end)
		return -EBUSY;
	kunit_deactivate_static_stub(test, cma_bulk_grab);
	ret = cma_bulk_grab(call, start, end);
	kunit_activate_static_stub(test, cma_bulk_grab, grab_but_one);
	return ret;
}

static void expect_hidden_costs(struct kunit *test, enum cma_bulk_effort effort, size_t chunks)
{
	struct fixture *fix = test->priv;
	struct cma_bulk_req req = request(fix, effort, NR_CHUNKS);

	fix->calls = 0;
	KUNIT_EXPECT_EQ(test, -EBUSY, cma_alloc_bulk_req(&fix->cma, &req));
	KUNIT_EXPECT_EQ(test, req.nr_allocated, NR_CHUNKS - chunks);
	/* Once through the area in the smallest pieces at worst, and some more. */
	KUNIT_EXPECT_LE(test, fix->calls, NR_CHUNKS + 8);
	kunit_deactivate_static_stub(test, cma_bulk_grab);
	expect_sound(test, req.nr_allocated, ORDER, 0);
	release(test, req.nr_allocated, ORDER);
	kunit_activate_static_stub(test, cma_bulk_grab, grab_but_one);
}

static void page_on_no_list_costs_its_piece(struct kunit *test)
{
	struct fixture *fix = test->priv;

	fix->hidden_pfn = fix->base_pfn + (5UL << pageblock_order) + 33;
	kunit_activate_static_stub(test, cma_bulk_grab, grab_but_one);
	expect_hidden_costs(test, CMA_BULK_FAST, BLOCK_CHUNKS);
	expect_hidden_costs(test, CMA_BULK_NORMAL, BLOCK_CHUNKS);
	expect_hidden_costs(test, CMA_BULK_HARD, 1);
	kunit_deactivate_static_stub(test, cma_bulk_grab);
}

/* As if a page was on some CPU's list until the drain. */
static int grab_busy_once(struct cma_bulk_call *call, unsigned long start, unsigned long end)
{
	struct kunit *test = kunit_get_current_test();
	struct fixture *fix = test->priv;

	if (!fix->calls++) {
		KUNIT_EXPECT_FALSE(test, call->drained);
		return -EBUSY;
	}
	KUNIT_EXPECT_TRUE(test, call->drained);
	kunit_deactivate_static_stub(test, cma_bulk_grab);
	return cma_bulk_grab(call, start, end);
}

static void page_on_a_cpu_list_costs_a_drain(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct cma_bulk_req req = request(fix, CMA_BULK_FAST, NR_CHUNKS);

	kunit_activate_static_stub(test, cma_bulk_grab, grab_busy_once);
	KUNIT_EXPECT_EQ(test, 0, cma_alloc_bulk_req(&fix->cma, &req));
	KUNIT_EXPECT_EQ(test, fix->calls, 2);
	KUNIT_EXPECT_EQ(test, req.report.ranges_failed, 0);
	KUNIT_EXPECT_GT(test, req.report.drain_ns, 0);
	expect_sound(test, req.nr_allocated, ORDER, 0);
	release(test, req.nr_allocated, ORDER);
}

static void last_slot_needs_room_for_its_chunk_only(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct cma_bulk_req req = request(fix, CMA_BULK_HARD, NR_BLOCKS);

	/* Slots of two pageblocks each: the last one has room for one. */
	req.align = pageblock_order + 1;
	area_resize(&fix->cma, NR_PAGES - pageblock_nr_pages);
	KUNIT_EXPECT_EQ(test, -EBUSY, cma_alloc_bulk_req(&fix->cma, &req));
	KUNIT_EXPECT_EQ(test, req.nr_allocated, NR_BLOCKS / 2);
	expect_sound(test, req.nr_allocated, ORDER, req.align);
	release(test, req.nr_allocated, ORDER);
	area_resize(&fix->cma, NR_PAGES);
}

/*
 * Chunks that are aligned beyond their size make one range each, so there are
 * several batches. While the first is claimed, somebody takes a chunk of the
 * second, which that has to drop; then that runs out of time.
 */
#define SMALL_ORDER	2U
#define SMALL_ALIGN	5U
#define SMALL_SLOTS	(NR_PAGES >> SMALL_ALIGN)
#define TAKEN_PAGE	((CMA_BULK_BATCH_RANGES + 30UL) << SMALL_ALIGN)

static int grab_among_others(struct cma_bulk_call *call, unsigned long start, unsigned long end)
{
	struct kunit *test = kunit_get_current_test();
	struct fixture *fix = test->priv;
	int ret;

	if (fix->calls == 0)
		__set_bit(TAKEN_PAGE, area_bitmap(&fix->cma));
	if (fix->calls == CMA_BULK_BATCH_RANGES)
		msleep(2 * CMA_BULK_BATCH_NS / NSEC_PER_MSEC);
	fix->calls++;
	kunit_deactivate_static_stub(test, cma_bulk_grab);
	ret = cma_bulk_grab(call, start, end);
	kunit_activate_static_stub(test, cma_bulk_grab, grab_among_others);
	return ret;
}

static void dropped_range_stays_dropped(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct cma_bulk_req req = request(fix, CMA_BULK_FAST, SMALL_SLOTS);

	req.order = SMALL_ORDER;
	req.align = SMALL_ALIGN;
	kunit_activate_static_stub(test, cma_bulk_grab, grab_among_others);
	KUNIT_EXPECT_EQ(test, -EBUSY, cma_alloc_bulk_req(&fix->cma, &req));
	kunit_deactivate_static_stub(test, cma_bulk_grab);
	KUNIT_EXPECT_TRUE(test, __test_and_clear_bit(TAKEN_PAGE, area_bitmap(&fix->cma)));

	KUNIT_EXPECT_EQ(test, fix->calls, SMALL_SLOTS - 1);
	KUNIT_EXPECT_EQ(test, req.nr_allocated, SMALL_SLOTS - 1);
	KUNIT_EXPECT_EQ(test, req.report.skipped_taken, 1);
	expect_sound(test, req.nr_allocated, SMALL_ORDER, SMALL_ALIGN);
	release(test, req.nr_allocated, SMALL_ORDER);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(whole_area_comes_and_goes_chunk_by_chunk),
	KUNIT_CASE(more_than_there_is_comes_short_with_ebusy),
	KUNIT_CASE(busy_unit_is_skipped),
	KUNIT_CASE(short_call_is_topped_up),
	KUNIT_CASE(pin_in_every_block_costs_hard_one_chunk_each),
	KUNIT_CASE(fast_leaves_suspects_alone),
	KUNIT_CASE(free_only_tries_no_block_in_use),
	KUNIT_CASE(other_errors_end_the_scan),
	KUNIT_CASE(invalid_requests_are_refused),
	KUNIT_CASE(zero_requests_succeed_with_zero_pages),
	KUNIT_CASE(chunks_are_aligned_beyond_their_size),
	KUNIT_CASE(chunks_larger_than_pageblocks),
	KUNIT_CASE(bits_of_several_pages),
	KUNIT_CASE(chunks_of_others_are_left_alone),
	KUNIT_CASE(blocks_that_others_isolated_are_skipped),
	KUNIT_CASE(interrupt_and_deadline_come_before_the_first_range),
	KUNIT_CASE(interrupt_keeps_what_has_come),
	KUNIT_CASE(page_on_a_cpu_list_costs_a_drain),
	KUNIT_CASE(what_is_written_first_is_taken),
	KUNIT_CASE(what_is_written_late_is_taken),
	KUNIT_CASE(deadline_leaves_what_is_written_alone),
	KUNIT_CASE(fast_waits_for_no_writeback),
	KUNIT_CASE(interrupt_ends_the_wait_for_writeback),
	KUNIT_CASE(what_is_never_written_is_tried),
	KUNIT_CASE(wait_leaves_time_for_what_is_pinned),
	KUNIT_CASE(lack_of_memory_is_met_once),
	KUNIT_CASE(what_is_interrupted_was_not_busy),
	KUNIT_CASE(pieces_are_small_near_the_deadline),
	KUNIT_CASE(pieces_follow_each_other_to_the_deadline),
	KUNIT_CASE(borders_cut_no_large_page),
	KUNIT_CASE(anonymous_memory_is_counted),
	KUNIT_CASE(large_page_alone_is_for_one),
	KUNIT_CASE(page_on_no_list_costs_its_piece),
	KUNIT_CASE(last_slot_needs_room_for_its_chunk_only),
	KUNIT_CASE(dropped_range_stays_dropped),
	{}
};

static struct kunit_suite suite = {
	.name = "cma_bulk",
	.init = setup,
	.exit = teardown,
	.test_cases = cases,
};

kunit_test_suite(suite);

MODULE_DESCRIPTION("KUnit tests of bulk CMA allocation");
MODULE_LICENSE("GPL");
