#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What frames.c does, by ctypes: 25 buffers of 192 chunks of 64 KiB each, all written."""
import ctypes

library, WRITE = ctypes.CDLL("libcmabulk.so.1"), 2  # CMABULK_BUFFER_WRITE
library.cmabulk_buffer_get_size.restype = ctypes.c_uint64
library.cmabulk_allocation_get_buffer.restype = ctypes.c_void_p
for name in "error_get_message", "connection_get_error_message", "allocation_get_reason":
    getattr(library, f"cmabulk_{name}").restype = ctypes.c_char_p
connection, request, allocation, address = (ctypes.c_void_p() for _ in range(4))
r = (library.cmabulk_connection_open(ctypes.byref(connection))
     or library.cmabulk_request_new(ctypes.byref(request))
     or library.cmabulk_request_set_order(request, 4)
     or library.cmabulk_request_set_count(request, ctypes.c_uint64(4800))
     or library.cmabulk_request_set_buffers(request, 25))
if r < 0:
    raise SystemExit(library.cmabulk_error_get_message(r).decode())
r = library.cmabulk_connection_allocate(connection, request, ctypes.byref(allocation))
if r:
    raise SystemExit((library.cmabulk_allocation_get_reason(allocation) if r > 0 else
                      library.cmabulk_connection_get_error_message(connection)).decode())
for buffer in [ctypes.c_void_p(library.cmabulk_allocation_get_buffer(allocation, i)) for i in range(25)]:
    if (library.cmabulk_buffer_map(buffer, WRITE, ctypes.byref(address))
            or library.cmabulk_buffer_begin_cpu_access(buffer, WRITE)):
        raise SystemExit("cannot write to a buffer")
    ctypes.memset(address, 0x80, library.cmabulk_buffer_get_size(buffer))
    library.cmabulk_buffer_end_cpu_access(buffer, WRITE)
    library.cmabulk_buffer_unmap(buffer, address)
print("25 buffers")
