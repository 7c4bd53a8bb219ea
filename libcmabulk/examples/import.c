/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Writes to a buffer that it inherited, as by:
 * cmabulkctl alloc 16x64K -- import
 */
#include <cmabulk.h>
#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_INHERITED 3

int main(void)
{
	const char *chunk_size = getenv("CMABULK_CHUNK_SIZE");
	struct cmabulk_buffer *buffer = NULL;
	void *address;
	int r;

	r = cmabulk_buffer_import(FIRST_INHERITED, chunk_size ? strtoull(chunk_size, NULL, 10) : 0,
				  &buffer);
	if (r < 0)
		errx(1, "descriptor %d: %s", FIRST_INHERITED, cmabulk_error_get_message(r));
	r = cmabulk_buffer_map(buffer, CMABULK_BUFFER_WRITE, &address);
	if (r >= 0)
		r = cmabulk_buffer_begin_cpu_access(buffer, CMABULK_BUFFER_WRITE);
	if (r < 0)
		errx(1, "cannot write to it: %s", cmabulk_error_get_message(r));
	memset(address, 0x80, (size_t)cmabulk_buffer_get_size(buffer));
	r = cmabulk_buffer_end_cpu_access(buffer, CMABULK_BUFFER_WRITE);
	if (r < 0)
		errx(1, "devices may not see it: %s", cmabulk_error_get_message(r));
	cmabulk_buffer_unmap(buffer, address);
	printf("%" PRIu64 " chunks of %" PRIu64 " bytes\n", cmabulk_buffer_get_chunks(buffer),
	       cmabulk_buffer_get_chunk_size(buffer));
	cmabulk_buffer_unref(buffer);
	return 0;
}
