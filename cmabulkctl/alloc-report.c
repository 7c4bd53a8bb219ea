// SPDX-License-Identifier: LGPL-2.1-or-later
/* What came of a request, for people. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "alloc-report.h"
#include "json.h"
#include "size.h"
#include "table.h"

/* Shorter than this nobody was waited for. */
#define SHOWN_USEC 10000

static bool is_simulated(const struct cmabulk_allocation *allocation)
{
	return strcmp(cmabulk_allocation_get_kind_name(allocation), "sim") == 0;
}

static void print_summary(const struct cmabulk_allocation *allocation, uint64_t chunk_size,
			  FILE *file)
{
	uint64_t claimed = cmabulk_allocation_get_claimed(allocation);
	char chunk[SIZE_TEXT];
	char bytes[SIZE_TEXT];
	char elapsed[SIZE_TEXT];

	fprintf(file, "%s: %" PRIu64 " of %" PRIu64 " chunks of %s (%s) from pool %s%s in %s",
		cmabulk_allocation_get_status_name(allocation), claimed,
		cmabulk_allocation_get_requested(allocation), size_format(chunk, chunk_size),
		size_format(bytes, claimed * chunk_size), cmabulk_allocation_get_pool(allocation),
		is_simulated(allocation) ? " (simulated)" : "",
		time_format(elapsed, cmabulk_allocation_get_elapsed_usec(allocation)));
	if (cmabulk_allocation_get_prepared(allocation) > 0)
		fprintf(file, ", %" PRIu64 " of them prepared",
			cmabulk_allocation_get_prepared(allocation));
	if (cmabulk_allocation_get_queued_usec(allocation) >= SHOWN_USEC)
		fprintf(file, ", %s of it waiting for others",
			time_format(elapsed, cmabulk_allocation_get_queued_usec(allocation)));
	fputc('\n', file);
}

static void print_cause(const struct cmabulk_allocation *allocation, FILE *file)
{
	const char *hint = cmabulk_allocation_get_hint(allocation);

	if (cmabulk_allocation_get_cause(allocation) == CMABULK_ALLOCATION_CAUSE_NONE)
		return;
	fprintf(file, "cause: %s%s%s\n", cmabulk_allocation_get_cause_name(allocation),
		*hint ? "; " : "", hint);
}

/* The first ones may have one chunk more than the others. */
static void print_buffers(const struct cmabulk_allocation *allocation, FILE *file)
{
	unsigned int count = cmabulk_allocation_get_n_buffers(allocation);
	unsigned int larger = 0;
	uint64_t first;
	uint64_t last;
	char text[SIZE_TEXT];

	if (count == 0) {
		if (cmabulk_allocation_get_claimed(allocation) > 0)
			fprintf(file, "buffers: none, the chunks were given back\n");
		return;
	}
	first = cmabulk_buffer_get_size(cmabulk_allocation_get_buffer(allocation, 0));
	last = cmabulk_buffer_get_size(cmabulk_allocation_get_buffer(allocation, count - 1));
	while (larger < count &&
	       cmabulk_buffer_get_size(cmabulk_allocation_get_buffer(allocation, larger)) != last)
		larger++;
	if (larger > 0)
		fprintf(file, "buffers: %u of %s, ", larger, size_format(text, first));
	else
		fprintf(file, "buffers: ");
	fprintf(file, "%u of %s\n", count - larger, size_format(text, last));
}

static void add_left_out(char *text, size_t size, uint64_t chunks, const char *why)
{
	size_t length = strlen(text);

	if (chunks > 0)
		snprintf(text + length, size - length, "%s%" PRIu64 " %s", length ? ", " : "",
			 chunks, why);
}

static void describe_left_out(char *text, size_t size, const struct cmabulk_step *step)
{
	text[0] = '\0';
	add_left_out(text, size, step->skipped_suspect, "suspect");
	add_left_out(text, size, step->skipped_busy, "busy");
	add_left_out(text, size, step->skipped_taken, "taken by others");
	add_left_out(text, size, step->skipped_no_memory, "without room to move to");
	add_left_out(text, size, step->skipped_isolated, "isolated by others");
	if (!text[0])
		snprintf(text, size, "-");
}

static void add_step(struct table *table, const struct cmabulk_step *step)
{
	char elapsed[SIZE_TEXT];
	char left_out[160];

	describe_left_out(left_out, sizeof(left_out), step);
	table_add(table, "%s", effort_name(step->effort));
	table_add(table, "%" PRIu64, step->requested);
	table_add(table, "%" PRIu64, step->granted);
	table_add(table, "%" PRIu64, step->chunks_free);
	table_add(table, "%" PRIu64, step->chunks_moved);
	table_add(table, "%" PRIu64, step->chunks_salvaged);
	table_add(table, "%" PRIu64, step->ranges_tried);
	table_add(table, "%" PRIu64, step->ranges_failed);
	table_add(table, "%s", time_format(elapsed, step->elapsed_usec));
	table_add(table, "%s", step->error ? error_name(step->error) : "ok");
	table_add(table, "%s", left_out);
}

static void print_steps(const struct cmabulk_allocation *allocation, FILE *file)
{
	static const char *const titles[] = {
		"EFFORT",  ">ASKED",  ">GOT",  ">FREE",	 ">MOVED",   ">SALVAGED",
		">RANGES", ">FAILED", ">TIME", "RESULT", "LEFT OUT",
	};
	struct table *table CLEANUP(table_freep) = table_new(titles, ARRAY_SIZE(titles));
	struct cmabulk_step step;

	for (unsigned int i = 0;
	     cmabulk_allocation_get_step(allocation, i, &step, sizeof(step)) >= 0; i++)
		add_step(table, &step);
	fputc('\n', file);
	table_print(table, file);
}

void alloc_report_print(const struct cmabulk_allocation *allocation, uint64_t chunk_size,
			FILE *file)
{
	print_summary(allocation, chunk_size, file);
	print_cause(allocation, file);
	print_buffers(allocation, file);
	if (cmabulk_allocation_get_n_steps(allocation) > 0)
		print_steps(allocation, file);
	fflush(file);
}
