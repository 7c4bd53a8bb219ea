/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <cmabulk.h>
#include <err.h>
#include <stdio.h>
#include <string.h>

#define CLEAN(type) __attribute__((cleanup(cmabulk_##type##_unrefp))) struct cmabulk_##type *

int main(void)
{
	CLEAN(connection) connection = NULL;
	CLEAN(request) request = NULL;
	CLEAN(allocation) allocation = NULL;
	struct cmabulk_buffer *buffer;
	void *address;
	int r;

	r = cmabulk_connection_open(&connection);
	if (r < 0)
		errx(1, "%s; %s", cmabulk_error_get_message(r), cmabulk_error_get_hint(r));
	if (cmabulk_request_new(&request) < 0 || cmabulk_request_set_order(request, 4) < 0 ||
	    cmabulk_request_set_count(request, 4800) < 0 ||
	    cmabulk_request_set_buffers(request, 25) < 0)
		errx(1, "bad request");
	r = cmabulk_connection_allocate(connection, request, &allocation);
	if (r < 0)
		errx(1, "%s", cmabulk_connection_get_error_message(connection));
	if (r > 0)
		errx(1, "%s: %s", cmabulk_allocation_get_status_name(allocation),
		     cmabulk_allocation_get_reason(allocation));
	for (unsigned int i = 0; (buffer = cmabulk_allocation_get_buffer(allocation, i)); i++) {
		if (cmabulk_buffer_map(buffer, CMABULK_BUFFER_WRITE, &address) < 0 ||
		    cmabulk_buffer_begin_cpu_access(buffer, CMABULK_BUFFER_WRITE) < 0)
			errx(1, "cannot write to buffer %u", i);
		memset(address, 0x80, (size_t)cmabulk_buffer_get_size(buffer));
		cmabulk_buffer_end_cpu_access(buffer, CMABULK_BUFFER_WRITE);
		cmabulk_buffer_unmap(buffer, address);
	}
	return printf("%u buffers\n", cmabulk_allocation_get_n_buffers(allocation)) < 0;
}
