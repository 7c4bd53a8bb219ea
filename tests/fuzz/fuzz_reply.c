// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Fuzzes what the library makes of a daemon's reply to Allocate: whatever a daemon says, what is believed adds up, and
 * what is not believed leaves nothing behind. The input says of each field whether it is true, and what it is else.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "buffer.h"
#include "bus-reply.h"
#include "lie.h"

#define ASKED_CHUNKS  20
#define ASKED_BUFFERS 5
/* As many as there may be in a message. */
#define FILES	      16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void append_layout(sd_bus_message *message, struct input *input)
{
	uint64_t count = lie_number(input, ASKED_BUFFERS) % 64;

	must(sd_bus_message_open_container(message, 'e', "sv"));
	must(sd_bus_message_append(message, "s", "layout"));
	must(sd_bus_message_open_container(message, 'v', "a(ttts)"));
	must(sd_bus_message_open_container(message, 'a', "(ttts)"));
	for (uint64_t i = 0; i < count; i++)
		must(sd_bus_message_append(message, "(ttts)", i, lie_number(input, i),
					   lie_number(input, ASKED_CHUNKS / ASKED_BUFFERS),
					   lie_text(input, "frames")));
	must(sd_bus_message_close_container(message));
	must(sd_bus_message_close_container(message));
	must(sd_bus_message_close_container(message));
}

static void append_steps(sd_bus_message *message, struct input *input)
{
	uint64_t count = lie_number(input, 1) % 8;

	must(sd_bus_message_open_container(message, 'e', "sv"));
	must(sd_bus_message_append(message, "s", "steps"));
	must(sd_bus_message_open_container(message, 'v', "aa{sv}"));
	must(sd_bus_message_open_container(message, 'a', "a{sv}"));
	for (uint64_t i = 0; i < count; i++) {
		must(sd_bus_message_open_container(message, 'a', "{sv}"));
		lie_append_text(message, input, "effort", "fast");
		lie_append_number(message, input, "error", "i", 0);
		lie_append_number(message, input, "requested", "t", ASKED_CHUNKS);
		lie_append_number(message, input, "granted", "t", ASKED_CHUNKS);
		lie_append_number(message, input, "elapsed-usec", "t", 7);
		must(sd_bus_message_close_container(message));
	}
	must(sd_bus_message_close_container(message));
	must(sd_bus_message_close_container(message));
	must(sd_bus_message_close_container(message));
}

static void append_report(sd_bus_message *message, struct input *input, uint64_t page_size)
{
	must(sd_bus_message_open_container(message, 'a', "{sv}"));
	lie_append_text(message, input, "pool", "video");
	lie_append_text(message, input, "kind", "sim");
	lie_append_text(message, input, "reason", "");
	lie_append_text(message, input, "cause", "");
	lie_append_number(message, input, "error", "i", 0);
	lie_append_number(message, input, "claimed", "t", ASKED_CHUNKS);
	lie_append_number(message, input, "prepared", "t", 0);
	lie_append_number(message, input, "chunk-size", "t", page_size);
	lie_append_number(message, input, "alignment", "t", page_size);
	lie_append_number(message, input, "serial", "t", 7);
	append_layout(message, input);
	append_steps(message, input);
	must(sd_bus_message_close_container(message));
}

static void append_files(sd_bus_message *message, struct input *input, uint64_t page_size)
{
	uint64_t count = lie_number(input, ASKED_BUFFERS) % (FILES + 1);

	must(sd_bus_message_open_container(message, 'a', "h"));
	for (uint64_t i = 0; i < count; i++) {
		uint64_t pages = lie_number(input, ASKED_CHUNKS / ASKED_BUFFERS) % 64;
		int file = memfd_create("fuzz-reply", MFD_CLOEXEC | MFD_ALLOW_SEALING);

		must(file);
		must(ftruncate(file, (off_t)(pages * page_size)));
		if (lie_next(input) < 240)
			must(fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW));
		must(sd_bus_message_append(message, "h", file));
		close(file);
	}
	must(sd_bus_message_close_container(message));
}

/* It never gets anywhere: messages have to be of one. */
static sd_bus *make_bus(void)
{
	sd_bus *bus;
	int ends[2];

	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends));
	must(sd_bus_new(&bus));
	must(sd_bus_set_fd(bus, ends[0], ends[0]));
	must(sd_bus_negotiate_fds(bus, true));
	must(sd_bus_start(bus));
	return bus;
}

static sd_bus_message *make_message(sd_bus *bus, struct input *input, uint64_t page_size)
{
	sd_bus_message *message;

	must(sd_bus_message_new_signal(bus, &message, "/org/cmabulk1", "org.cmabulk1.Manager",
				       "Reply"));
	must(sd_bus_message_append(message, "ostu", "/org/cmabulk1/allocation/1_7/l1",
				   lie_text(input, "complete"), lie_number(input, ASKED_CHUNKS),
				   (uint32_t)lie_number(input, ASKED_BUFFERS)));
	append_report(message, input, page_size);
	append_files(message, input, page_size);
	must(sd_bus_message_seal(message, 1, 0));
	must(sd_bus_message_rewind(message, 1));
	return message;
}

static void check_allocation(const struct cmabulk_allocation *allocation, uint64_t page_size)
{
	uint64_t chunks = 0;

	for (unsigned int i = 0; i < cmabulk_allocation_get_n_buffers(allocation); i++) {
		const struct cmabulk_buffer *buffer = cmabulk_allocation_get_buffer(allocation, i);

		chunks += cmabulk_buffer_get_chunks(buffer);
		check(cmabulk_buffer_get_chunk_size(buffer) == page_size, "chunks are as asked");
		check(cmabulk_buffer_get_size(buffer) ==
			      cmabulk_buffer_get_chunks(buffer) * page_size,
		      "a buffer is as large as its chunks");
		check(lseek(cmabulk_buffer_get_fd(buffer), 0, SEEK_END) ==
			      (off_t)cmabulk_buffer_get_size(buffer),
		      "there is as much memory as it says");
		check(cmabulk_buffer_is_simulated(buffer), "a memfd is no dma-buf");
	}
	check(chunks <= ASKED_CHUNKS, "there is no more than asked for");
	check(cmabulk_allocation_get_granted(allocation) == chunks, "buffers add up");
	check(allocation->claimed <= ASKED_CHUNKS, "no more is claimed than asked for");
	check((allocation->status == CMABULK_ALLOCATION_COMPLETE) == (allocation->error == 0),
	      "what is not complete says why");
	check(strlen(cmabulk_allocation_get_status_name(allocation)) > 0, "there is a status");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static sd_bus *bus;
	struct input input = { .data = data, .size = size };
	struct bus_reply reply = { 0 };
	uint64_t page_size = (uint64_t)sysconf(_SC_PAGESIZE);
	sd_bus_message *message;
	int before, after, r;

	if (!bus)
		bus = make_bus();
	before = dup(STDERR_FILENO);
	close(before);
	message = make_message(bus, &input, page_size);
	r = bus_reply_read(&reply, message, ASKED_CHUNKS, 0, ASKED_BUFFERS);
	if (r >= 0)
		r = bus_reply_read_buffers(&reply, message);
	check(size > 0 || r == 0, "a true reply is believed");
	if (r >= 0 && reply.allocation->n_buffers == reply.n_buffers)
		check_allocation(reply.allocation, page_size);
	bus_reply_clear(&reply);
	sd_bus_message_unref(message);
	after = dup(STDERR_FILENO);
	close(after);
	check(before == after, "no descriptor is left");
	return 0;
}
