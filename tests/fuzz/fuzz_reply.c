// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Fuzzes what the library makes of a daemon's reply to Allocate: whatever a daemon says, what is believed adds up, and
 * what is not believed leaves nothing behind. The input says of each field whether it is true, and what it is else.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "buffer.h"
#include "bus-reply.h"

#define ASKED_CHUNKS  20
#define ASKED_BUFFERS 5
/* As many as there may be in a message. */
#define FILES	      16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *data;
	size_t size;
};

static void check(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "does not hold: %s\n", what);
	abort();
}

static void must(int r)
{
	check(r >= 0, "the message can be made");
}

/* 0 when all was read: an empty input is a true reply. */
static uint8_t next(struct input *input)
{
	if (input->size == 0)
		return 0;
	input->size--;
	return *input->data++;
}

/* One that is true, near to it, or anything. */
static uint64_t number(struct input *input, uint64_t right)
{
	uint8_t choice = next(input);
	uint64_t any = 0;

	if (choice < 128)
		return right;
	if (choice < 224)
		return right + (uint64_t)choice - 176;
	for (unsigned int i = 0; i < sizeof(any); i++)
		any = any << 8 | next(input);
	return any;
}

static const char *text(struct input *input, const char *right)
{
	static const char *const others[] = {
		"",	     "complete",
		"partial",   "timed-out",
		"cancelled", "sim",
		"kmod",	     "hard",
		"quota",     "a-name-that-is-longer-than-any-buffer-can-have",
		"../video",  "\xc3\xa4",
	};
	uint8_t choice = next(input);

	return choice < 128 ? right : others[choice % (sizeof(others) / sizeof(*others))];
}

static void append_number(sd_bus_message *message, struct input *input, const char *name,
			  const char *type, uint64_t right)
{
	uint8_t choice = next(input);
	uint64_t value = number(input, right);

	/* Left out, said twice, or of another type. */
	if (choice >= 240)
		return;
	if (choice >= 224)
		must(sd_bus_message_append(message, "{sv}", name, "d", 1.5));
	else if (*type == 'i')
		must(sd_bus_message_append(message, "{sv}", name, type, (int32_t)value));
	else
		must(sd_bus_message_append(message, "{sv}", name, type, value));
	if (choice >= 208 && choice < 224)
		must(sd_bus_message_append(message, "{sv}", name, "t", value));
}

static void append_text(sd_bus_message *message, struct input *input, const char *name,
			const char *right)
{
	uint8_t choice = next(input);

	if (choice < 240)
		must(sd_bus_message_append(message, "{sv}", name, "s", text(input, right)));
}

static void append_layout(sd_bus_message *message, struct input *input)
{
	uint64_t count = number(input, ASKED_BUFFERS) % 64;

	must(sd_bus_message_open_container(message, 'e', "sv"));
	must(sd_bus_message_append(message, "s", "layout"));
	must(sd_bus_message_open_container(message, 'v', "a(ttts)"));
	must(sd_bus_message_open_container(message, 'a', "(ttts)"));
	for (uint64_t i = 0; i < count; i++)
		must(sd_bus_message_append(message, "(ttts)", i, number(input, i),
					   number(input, ASKED_CHUNKS / ASKED_BUFFERS),
					   text(input, "frames")));
	must(sd_bus_message_close_container(message));
	must(sd_bus_message_close_container(message));
	must(sd_bus_message_close_container(message));
}

static void append_steps(sd_bus_message *message, struct input *input)
{
	uint64_t count = number(input, 1) % 8;

	must(sd_bus_message_open_container(message, 'e', "sv"));
	must(sd_bus_message_append(message, "s", "steps"));
	must(sd_bus_message_open_container(message, 'v', "aa{sv}"));
	must(sd_bus_message_open_container(message, 'a', "a{sv}"));
	for (uint64_t i = 0; i < count; i++) {
		must(sd_bus_message_open_container(message, 'a', "{sv}"));
		append_text(message, input, "effort", "fast");
		append_number(message, input, "error", "i", 0);
		append_number(message, input, "requested", "t", ASKED_CHUNKS);
		append_number(message, input, "granted", "t", ASKED_CHUNKS);
		append_number(message, input, "elapsed-usec", "t", 7);
		must(sd_bus_message_close_container(message));
	}
	must(sd_bus_message_close_container(message));
	must(sd_bus_message_close_container(message));
	must(sd_bus_message_close_container(message));
}

static void append_report(sd_bus_message *message, struct input *input, uint64_t page_size)
{
	must(sd_bus_message_open_container(message, 'a', "{sv}"));
	append_text(message, input, "pool", "video");
	append_text(message, input, "kind", "sim");
	append_text(message, input, "reason", "");
	append_text(message, input, "cause", "");
	append_number(message, input, "error", "i", 0);
	append_number(message, input, "claimed", "t", ASKED_CHUNKS);
	append_number(message, input, "prepared", "t", 0);
	append_number(message, input, "chunk-size", "t", page_size);
	append_number(message, input, "alignment", "t", page_size);
	append_number(message, input, "serial", "t", 7);
	append_layout(message, input);
	append_steps(message, input);
	must(sd_bus_message_close_container(message));
}

static void append_files(sd_bus_message *message, struct input *input, uint64_t page_size)
{
	uint64_t count = number(input, ASKED_BUFFERS) % (FILES + 1);

	must(sd_bus_message_open_container(message, 'a', "h"));
	for (uint64_t i = 0; i < count; i++) {
		uint64_t pages = number(input, ASKED_CHUNKS / ASKED_BUFFERS) % 64;
		int file = memfd_create("fuzz-reply", MFD_CLOEXEC | MFD_ALLOW_SEALING);

		must(file);
		must(ftruncate(file, (off_t)(pages * page_size)));
		if (next(input) < 240)
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
				   text(input, "complete"), number(input, ASKED_CHUNKS),
				   (uint32_t)number(input, ASKED_BUFFERS)));
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
