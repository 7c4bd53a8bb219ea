/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A client as somebody would write it who has GLib and the XML in dbus/ and nothing else of
 * ours: 64 buffers, all mapped, all zero, all closed.
 */
#include <gio/gio.h>
#include <gio/gunixfdlist.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define CHUNKS	     128
#define BUFFERS	     64
#define TIMEOUT_MSEC 25000

struct answer {
	char *allocation;
	guint64 chunk_size;
	guint64 serial;
	GVariant *layout;
	int fds[BUFFERS];
	unsigned int n_fds;
};

static GVariant *call(GDBusConnection *bus, const char *path, const char *interface,
		      const char *method, GVariant *arguments, GUnixFDList **ret_fds)
{
	g_autoptr(GError) error = NULL;
	GVariant *reply = g_dbus_connection_call_with_unix_fd_list_sync(
		bus, "org.cmabulk1", path, interface, method, arguments, NULL,
		G_DBUS_CALL_FLAGS_NONE, TIMEOUT_MSEC, NULL, ret_fds, NULL, &error);

	if (!reply)
		g_error("%s: %s", method, error->message);
	return reply;
}

static void take_fds(struct answer *answer, GVariant *handles, GUnixFDList *fds)
{
	for (gsize i = 0; i < g_variant_n_children(handles); i++) {
		gint32 handle;
		int fd;

		g_variant_get_child(handles, i, "h", &handle);
		fd = g_unix_fd_list_get(fds, handle, NULL);
		g_assert_cmpint(fd, >=, 0);
		g_assert_cmpuint(answer->n_fds, <, BUFFERS);
		answer->fds[answer->n_fds++] = fd;
	}
}

static void allocate(GDBusConnection *bus, struct answer *answer)
{
	g_autoptr(GUnixFDList) fds = NULL;
	g_autoptr(GVariant) reply = NULL;
	g_autoptr(GVariant) report = NULL;
	g_autoptr(GVariant) handles = NULL;
	GVariantBuilder request;
	const char *status;
	guint64 granted;
	guint32 buffers;

	g_variant_builder_init(&request, G_VARIANT_TYPE_VARDICT);
	g_variant_builder_add(&request, "{sv}", "count", g_variant_new_uint64(CHUNKS));
	g_variant_builder_add(&request, "{sv}", "buffers", g_variant_new_uint32(BUFFERS));
	g_variant_builder_add(&request, "{sv}", "order", g_variant_new_uint32(2));
	g_variant_builder_add(&request, "{sv}", "label", g_variant_new_string("foreign"));
	reply = call(bus, "/org/cmabulk1", "org.cmabulk1.Manager", "Allocate",
		     g_variant_new("(sa{sv})", "frames", &request), &fds);
	g_variant_get(reply, "(o&stu@a{sv}@ah)", &answer->allocation, &status, &granted, &buffers,
		      &report, &handles);
	g_assert_cmpstr(status, ==, "complete");
	g_assert_cmpuint(granted, ==, CHUNKS);
	g_assert_cmpuint(buffers, ==, BUFFERS);
	g_assert_true(g_variant_lookup(report, "chunk-size", "t", &answer->chunk_size));
	g_assert_true(g_variant_lookup(report, "serial", "t", &answer->serial));
	g_assert_true(g_variant_lookup(report, "layout", "@a(ttts)", &answer->layout));
	take_fds(answer, handles, fds);
}

static void fetch(GDBusConnection *bus, struct answer *answer)
{
	g_autoptr(GUnixFDList) fds = NULL;
	g_autoptr(GVariant) handles = NULL;
	g_autoptr(GVariant)
		reply = call(bus, answer->allocation, "org.cmabulk1.Allocation", "Fetch",
			     g_variant_new("(ut)", answer->n_fds, answer->serial), &fds);

	g_variant_get(reply, "(@aht)", &handles, &answer->serial);
	take_fds(answer, handles, fds);
}

static void check_buffer(const struct answer *answer, unsigned int index)
{
	guint64 id, inode, chunks;
	unsigned char *memory;
	const char *name;
	gsize size;

	g_variant_get_child(answer->layout, index, "(ttt&s)", &id, &inode, &chunks, &name);
	size = chunks * answer->chunk_size;
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, answer->fds[index], 0);
	g_assert_true(memory != MAP_FAILED);
	for (gsize i = 0; i < size; i++)
		g_assert_cmpuint(memory[i], ==, 0);
	memset(memory, 0xa5, size);
	g_assert_cmpint(munmap(memory, size), ==, 0);
	g_assert_cmpint(close(answer->fds[index]), ==, 0);
}

int main(void)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GDBusConnection) bus = g_bus_get_sync(G_BUS_TYPE_SYSTEM, NULL, &error);
	struct answer answer = {};

	if (!bus)
		g_error("no bus: %s", error->message);
	allocate(bus, &answer);
	while (answer.n_fds < BUFFERS)
		fetch(bus, &answer);
	for (unsigned int i = 0; i < BUFFERS; i++)
		check_buffer(&answer, i);
	g_print("%d chunks of %" G_GUINT64_FORMAT " bytes in %d buffers, all zero\n", CHUNKS,
		answer.chunk_size, BUFFERS);
	g_variant_unref(answer.layout);
	g_free(answer.allocation);
	return 0;
}
