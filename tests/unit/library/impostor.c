// SPDX-License-Identifier: LGPL-2.1-or-later
/* A bus and a daemon in one, that answers whatever a test tells it to. */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <systemd/sd-bus.h>

#include "impostor.h"

void script_init(struct script *script)
{
	uint64_t page_size = (uint64_t)sysconf(_SC_PAGESIZE);

	*script = (struct script){
		.pool = "video",
		.page_size = page_size,
		.status = "complete",
		.kind = "sim",
		.granted = 20,
		.claimed = 20,
		.buffers = 20,
		.chunk_size = page_size,
		.alignment = page_size,
		.serial = 7,
		.layout = 20,
		.layout_chunks = 1,
		.name = "frames",
		.first = 16,
		.fetched = 4,
		.file_size = page_size,
		.is_sealed = true,
	};
}

/* In the child: no way back to the test but to die and be seen dead. Who has closed it may have left something unread. */
static void must(int r)
{
	if (r == -ECONNRESET || r == -EPIPE)
		_exit(0);
	if (r < 0) {
		fprintf(stderr, "impostor: %s\n", strerror(-r));
		_exit(1);
	}
}

void impostor_signal(sd_bus *bus, const char *sender, const char *path, const char *interface,
		     const char *member, const char *types, ...)
{
	sd_bus_message *signal = NULL;
	va_list arguments;

	must(sd_bus_message_new_signal(bus, &signal, path, interface, member));
	va_start(arguments, types);
	must(sd_bus_message_appendv(signal, types, arguments));
	va_end(arguments);
	if (sender)
		must(sd_bus_message_set_sender(signal, sender));
	must(sd_bus_send(bus, signal, NULL));
	sd_bus_message_unref(signal);
}

struct server {
	const struct script *script;
	FILE *events;
	sd_bus_message *waiting; /* an Allocate */
	unsigned int served; /* of what is refused then */
};

static bool is(const char *left, const char *right)
{
	return left && strcmp(left, right) == 0;
}

static void append_once(sd_bus_message *reply, const struct script *script, const char *name,
			char type, const void *value)
{
	char signature[] = { type, '\0' };

	must(sd_bus_message_open_container(reply, 'e', "sv"));
	must(sd_bus_message_append(reply, "s", name));
	if (is(script->mistyped, name)) {
		must(sd_bus_message_append(reply, "v", "d", 1.5));
	} else {
		must(sd_bus_message_open_container(reply, 'v', signature));
		must(sd_bus_message_append_basic(reply, type, value));
		must(sd_bus_message_close_container(reply));
	}
	must(sd_bus_message_close_container(reply));
}

static void append_basic(sd_bus_message *reply, const struct script *script, const char *name,
			 char type, const void *value)
{
	if (is(script->without, name))
		return;
	append_once(reply, script, name, type, value);
	if (is(script->twice, name))
		append_once(reply, script, name, type, value);
}

static void append_text(sd_bus_message *reply, const struct script *script, const char *name,
			const char *value)
{
	append_basic(reply, script, name, 's', value);
}

static void append_long(sd_bus_message *reply, const struct script *script, const char *name,
			uint64_t value)
{
	append_basic(reply, script, name, 't', &value);
}

static void append_int(sd_bus_message *reply, const struct script *script, const char *name,
		       char type, int value)
{
	append_basic(reply, script, name, type, &value);
}

static void append_later(sd_bus_message *reply, const struct script *script)
{
	if (script->is_later)
		must(sd_bus_message_append(reply, "{sv}{sv}", "later", "a{sas}", 1, "x", 2, "y",
					   "z", "Later", "(dd)", 1.0, 2.0));
}

static void append_manager(sd_bus_message *reply, const struct script *script)
{
	must(sd_bus_message_open_container(reply, 'a', "{sv}"));
	append_text(reply, script, "Version", "0.1.0");
	append_int(reply, script, "Simulated", 'b', 1);
	must(sd_bus_message_append(reply, "{sv}", "ConfigurationProblems", "as", 2, "one", "two"));
	append_later(reply, script);
	must(sd_bus_message_close_container(reply));
}

static void append_pools(sd_bus_message *reply, const struct script *script)
{
	static const char *const sizes[] = { "Size",	 "Free",     "Cached",	"Reserved",
					     "Exported", "Draining", "Buffers", "Reservations" };

	must(sd_bus_message_open_container(reply, 'a', "(oa{sv})"));
	must(sd_bus_message_open_container(reply, 'r', "oa{sv}"));
	must(sd_bus_message_append(reply, "o", "/org/cmabulk1/pool/video"));
	must(sd_bus_message_open_container(reply, 'a', "{sv}"));
	append_text(reply, script, "Name", script->pool);
	append_text(reply, script, "Area", "area");
	append_text(reply, script, "Kind", script->kind);
	append_int(reply, script, "Engine", 'u', 0);
	append_long(reply, script, "Features", 0);
	append_long(reply, script, "PageSize", script->page_size);
	append_int(reply, script, "PageblockOrder", 'u', 9);
	append_int(reply, script, "MinOrder", 'u', 0);
	append_int(reply, script, "MaxOrder", 'u', 10);
	for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++)
		append_long(reply, script, sizes[i], 8192 * (i + 1));
	append_int(reply, script, "Pending", 'u', 3);
	append_later(reply, script);
	must(sd_bus_message_close_container(reply));
	must(sd_bus_message_close_container(reply));
	must(sd_bus_message_close_container(reply));
}

static void append_entries(sd_bus_message *reply, const struct script *script)
{
	must(sd_bus_message_open_container(reply, 'a', "a{sv}"));
	for (uint64_t id = 9; id > 7; id--) {
		must(sd_bus_message_open_container(reply, 'a', "{sv}"));
		append_long(reply, script, "id", id);
		append_long(reply, script, "inode", 100 + id);
		append_text(reply, script, "kind", script->is_later ? "portal" : "buffer");
		append_text(reply, script, "state", script->is_later ? "blue" : "exported");
		append_int(reply, script, "order", 'u', 4);
		append_long(reply, script, "chunks", 2);
		append_long(reply, script, "size", 131072);
		append_long(reply, script, "age-usec", 11);
		append_long(reply, script, "reservation", 5);
		append_text(reply, script, "name", "frames");
		append_int(reply, script, "uid", 'u', 1000);
		append_int(reply, script, "pid", 'u', 77);
		append_long(reply, script, "cookie", 12);
		append_text(reply, script, "account", "media:1000");
		append_text(reply, script, "label", "camera");
		append_text(reply, script, "standing", script->is_later ? "lying" : "orphaned");
		append_later(reply, script);
		must(sd_bus_message_close_container(reply));
	}
	must(sd_bus_message_close_container(reply));
	must(sd_bus_message_append(reply, "b", (int)script->has_more_entries));
}

/* Mistyped it is one key alone. */
static void append_keys(sd_bus_message *reply, const struct script *script, const char *name,
			const char *one, const char *two)
{
	unsigned int times = is(script->twice, name) ? 2 : 1;

	for (; !is(script->without, name) && times > 0; times--) {
		if (is(script->mistyped, name))
			must(sd_bus_message_append(reply, "{sv}", name, "s", one));
		else
			must(sd_bus_message_append(reply, "{sv}", name, "as", 2, one, two));
	}
}

static void append_accounts(sd_bus_message *reply, const struct script *script)
{
	must(sd_bus_message_open_container(reply, 'a', "a{sv}"));
	must(sd_bus_message_open_container(reply, 'a', "{sv}"));
	append_text(reply, script, "account", "media");
	append_int(reply, script, "uid", 'u', 1000);
	append_text(reply, script, "pool", "video");
	append_long(reply, script, "used", 1);
	append_long(reply, script, "minimum", 1);
	append_long(reply, script, "maximum", 2);
	append_long(reply, script, "buffers", 3);
	append_long(reply, script, "maximum-buffers", 4);
	append_long(reply, script, "pending", 5);
	append_long(reply, script, "maximum-pending", 6);
	append_long(reply, script, "weight", 7);
	append_keys(reply, script, "runtime", "MaxBytes", "Weight");
	append_keys(reply, script, "persistent", "Weight", "Shared");
	append_int(reply, script, "default", 'b', 1);
	append_later(reply, script);
	must(sd_bus_message_close_container(reply));
	must(sd_bus_message_close_container(reply));
}

static void append_list(sd_bus_message *reply, const struct script *script, const char *name,
			const char *type, const char *first, const char *second, uint64_t count)
{
	if (is(script->without, name))
		return;
	must(sd_bus_message_open_container(reply, 'e', "sv"));
	must(sd_bus_message_append(reply, "s", name));
	if (is(script->mistyped, name))
		must(sd_bus_message_append(reply, "v", "ad", 0));
	else if (second)
		must(sd_bus_message_append(reply, "v", type, 1, first, second, count));
	else
		must(sd_bus_message_append(reply, "v", type, 1, first, count));
	must(sd_bus_message_close_container(reply));
}

static void append_count(sd_bus_message *reply, const struct script *script, bool is_account)
{
	static const char *const names[] = {
		"admitted",	"complete",    "partial",	 "timed-out",	  "cancelled",
		"chunks-asked", "bytes-asked", "chunks-granted", "bytes-granted", "bytes-released",
		"queued-usec",	"worker-usec", "interrupts",	 "give-backs",
	};

	must(sd_bus_message_open_container(reply, 'a', "{sv}"));
	append_text(reply, script, "pool", "video");
	if (is_account) {
		append_text(reply, script, "account", "media");
		append_int(reply, script, "uid", 'u', 1000);
	} else {
		append_long(reply, script, "resyncs", 100);
		append_long(reply, script, "latency-usec", 101);
		must(sd_bus_message_append(reply, "{sv}", "latency", "a(tt)", 2, UINT64_C(1000),
					   UINT64_C(5), UINT64_MAX, UINT64_C(6)));
	}
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		append_long(reply, script, names[i], i + 1);
	append_list(reply, script, "refused", "a(st)", script->is_later ? "taste" : "quota", NULL,
		    7);
	append_list(reply, script, "fills", "a(sst)", "fast", "busy", 8);
	append_later(reply, script);
	must(sd_bus_message_close_container(reply));
}

static void append_counters(sd_bus_message *reply, const struct script *script)
{
	must(sd_bus_message_open_container(reply, 'a', "a{sv}"));
	append_count(reply, script, false);
	append_count(reply, script, true);
	must(sd_bus_message_close_container(reply));
}

static int make_file(const struct script *script)
{
	int file;

	if (script->is_null)
		return open("/dev/null", O_RDWR | O_CLOEXEC);
	file = memfd_create("impostor", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	must(file);
	must(ftruncate(file, (off_t)script->file_size));
	if (script->is_sealed)
		must(fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW));
	return file;
}

static void append_files(sd_bus_message *reply, const struct script *script, unsigned int count)
{
	must(sd_bus_message_open_container(reply, 'a', "h"));
	for (unsigned int i = 0; i < count; i++) {
		int file = make_file(script);

		must(sd_bus_message_append(reply, "h", file));
		close(file);
	}
	must(sd_bus_message_close_container(reply));
}

static void append_layout(sd_bus_message *reply, const struct script *script)
{
	if (is(script->without, "layout"))
		return;
	must(sd_bus_message_open_container(reply, 'e', "sv"));
	must(sd_bus_message_append(reply, "s", "layout"));
	must(sd_bus_message_open_container(reply, 'v', "a(ttts)"));
	must(sd_bus_message_open_container(reply, 'a', "(ttts)"));
	for (uint32_t i = 0; i < script->layout; i++)
		must(sd_bus_message_append(reply, "(ttts)", UINT64_C(30) + i, UINT64_C(0),
					   script->layout_chunks, script->name));
	must(sd_bus_message_close_container(reply));
	must(sd_bus_message_close_container(reply));
	must(sd_bus_message_close_container(reply));
}

static void append_steps(sd_bus_message *reply, const struct script *script)
{
	must(sd_bus_message_open_container(reply, 'e', "sv"));
	must(sd_bus_message_append(reply, "s", "steps"));
	must(sd_bus_message_open_container(reply, 'v', "aa{sv}"));
	must(sd_bus_message_open_container(reply, 'a', "a{sv}"));
	must(sd_bus_message_open_container(reply, 'a', "{sv}"));
	append_text(reply, script, "effort", script->is_later ? "heroic" : "normal");
	append_int(reply, script, "error", 'i', script->error);
	append_long(reply, script, "requested", 20);
	append_long(reply, script, "granted", script->claimed);
	append_long(reply, script, "elapsed-usec", 15);
	append_long(reply, script, "blocks-surveyed", 16);
	append_long(reply, script, "total-ns", 17);
	append_later(reply, script);
	must(sd_bus_message_close_container(reply));
	must(sd_bus_message_close_container(reply));
	must(sd_bus_message_close_container(reply));
	must(sd_bus_message_close_container(reply));
}

static void append_allocation(sd_bus_message *reply, const struct script *script)
{
	must(sd_bus_message_append(reply, "ostu", "/org/cmabulk1/allocation/1_7/l1", script->status,
				   script->granted, script->buffers));
	must(sd_bus_message_open_container(reply, 'a', "{sv}"));
	append_text(reply, script, "pool", script->pool);
	append_text(reply, script, "kind", script->kind);
	append_text(reply, script, "reason", script->error ? "pages are pinned" : "");
	append_int(reply, script, "error", 'i', script->error);
	if (script->cause)
		append_text(reply, script, "cause", script->cause);
	append_long(reply, script, "claimed", script->claimed);
	if (script->prepared)
		append_long(reply, script, "prepared", script->prepared);
	append_long(reply, script, "queued-usec", 13);
	append_long(reply, script, "chunk-size", script->chunk_size);
	append_long(reply, script, "alignment", script->alignment);
	append_long(reply, script, "serial", script->serial);
	append_layout(reply, script);
	append_steps(reply, script);
	append_later(reply, script);
	must(sd_bus_message_close_container(reply));
	append_files(reply, script, script->first);
}

static void append_survey(sd_bus_message *reply, const struct script *script)
{
	static const char *const names[] = {
		"pages-free",  "pages-movable",	 "pages-suspect",  "pages-taken",  "blocks",
		"blocks-free", "blocks-movable", "blocks-suspect", "blocks-taken",
	};

	must(sd_bus_message_open_container(reply, 'a', "{sv}"));
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		append_long(reply, script, names[i], i + 1);
	append_later(reply, script);
	must(sd_bus_message_close_container(reply));
}

static void append_fetched(sd_bus_message *reply, const struct script *script)
{
	append_files(reply, script, script->fetched);
	must(sd_bus_message_append(reply, "t", script->serial + 1));
}

static void append_device_pools(sd_bus_message *reply, const struct script *script)
{
	must(sd_bus_message_append(reply, "sas", script->pool, 2, "reserve", script->name));
}

static void append_name(sd_bus_message *reply, const struct script *script)
{
	must(sd_bus_message_append(reply, "s", ":1.7"));
}

static void append_owner(sd_bus_message *reply, const struct script *script)
{
	must(sd_bus_message_append(reply, "s", IMPOSTOR_NAME));
}

static void append_nothing(sd_bus_message *reply, const struct script *script)
{
}

static const struct {
	const char *member;
	void (*append)(sd_bus_message *reply, const struct script *script);
} methods[] = {
	{ "Hello", append_name },
	{ "AddMatch", append_nothing },
	{ "RemoveMatch", append_nothing },
	{ "GetNameOwner", append_owner },
	{ "GetAll", append_manager },
	{ "ListPools", append_pools },
	{ "ListBuffers", append_entries },
	{ "ListAccounts", append_accounts },
	{ "GetCounters", append_counters },
	{ "Allocate", append_allocation },
	{ "Survey", append_survey },
	{ "Fetch", append_fetched },
	{ "Release", append_nothing },
	{ "Cancel", append_nothing },
	{ "Prepare", append_nothing },
	{ "Reload", append_nothing },
	{ "GetPoolForDevice", append_device_pools },
	{ "SetAccount", append_nothing },
	{ "UnsetAccount", append_nothing },
};

static void answer(struct server *server, sd_bus_message *call)
{
	const char *member = sd_bus_message_get_member(call);
	const struct script *script = server->script;
	sd_bus_message *reply = NULL;

	if (is(script->refused, member) && server->served++ >= script->served_before) {
		must(sd_bus_reply_method_errorf(call, script->error_name, "%s",
						script->error_message));
		return;
	}
	must(sd_bus_message_new_method_return(call, &reply));
	if (is(script->nonsense, member)) {
		must(sd_bus_message_append(reply, "s", "nonsense"));
	} else {
		for (size_t i = 0; i < G_N_ELEMENTS(methods); i++)
			if (is(methods[i].member, member))
				methods[i].append(reply, script);
	}
	must(sd_bus_send(NULL, reply, NULL));
	sd_bus_message_unref(reply);
}

static void tell(struct server *server, sd_bus_message *call)
{
	const char *member = sd_bus_message_get_member(call);
	const char *token;
	uint64_t serial;

	if (is("Cancel", member) || is("Allocate", member) || is("Prepare", member)) {
		must(sd_bus_message_read(call, "s", &token));
		fprintf(server->events, "%s %s\n", member, token);
	} else if (is("Release", member)) {
		must(sd_bus_message_read(call, "t", &serial));
		fprintf(server->events, "%s %" PRIu64 "\n", member, serial);
	} else if (is("Fetch", member)) {
		uint32_t first;

		must(sd_bus_message_read(call, "ut", &first, &serial));
		fprintf(server->events, "%s %u %" PRIu64 "\n", member, first, serial);
	}
	fflush(server->events);
}

static int handle(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	struct server *server = userdata;
	const char *member = sd_bus_message_get_member(call);

	if (sd_bus_message_is_method_call(call, NULL, NULL) <= 0)
		return 0;
	tell(server, call);
	if (is(server->script->dies_at, member))
		_exit(0);
	if ((is("Allocate", member) || is("Prepare", member)) && server->script->waits) {
		server->waiting = sd_bus_message_ref(call);
		return 1;
	}
	if (is("Fetch", member)) {
		if (server->script->never_fetches)
			return 1;
		sleep(server->script->fetch_seconds);
	}
	if (is(server->script->tells_at, member) && !server->script->tells_later)
		server->script->signals(sd_bus_message_get_bus(call));
	if (sd_bus_message_get_expect_reply(call) > 0)
		answer(server, call);
	if (is(server->script->tells_at, member) && server->script->tells_later)
		server->script->signals(sd_bus_message_get_bus(call));
	if (is("Cancel", member) && server->waiting && !server->script->never_answers)
		answer(server, server->waiting);
	return 1;
}

static void serve(int listening, const struct script *script, FILE *events)
{
	struct server server = { .script = script, .events = events };
	sd_bus *bus = NULL;
	sd_id128_t id;
	struct sockaddr_un peer;
	socklen_t length = sizeof(peer);
	int socket =
		accept4(listening, (struct sockaddr *)&peer, &length, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int r;

	must(socket < 0 ? -errno : 0);
	must(sd_id128_randomize(&id));
	must(sd_bus_new(&bus));
	must(sd_bus_set_fd(bus, socket, socket));
	must(sd_bus_set_server(bus, true, id));
	must(sd_bus_negotiate_fds(bus, true));
	must(sd_bus_add_filter(bus, NULL, handle, &server));
	must(sd_bus_start(bus));
	do {
		r = sd_bus_process(bus, NULL);
		if (r == 0)
			r = sd_bus_wait(bus, UINT64_MAX);
	} while (r >= 0);
	_exit(0);
}

static int listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	g_assert_cmpint(fd, >=, 0);
	g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
	g_assert_cmpint(bind(fd, (struct sockaddr *)&address, sizeof(address)), ==, 0);
	g_assert_cmpint(listen(fd, 1), ==, 0);
	return fd;
}

void impostor_start(struct impostor *impostor, const struct script *script)
{
	g_autofree char *path = NULL;
	g_autofree char *address = NULL;
	int listening;
	int ends[2];

	impostor->directory = g_dir_make_tmp("cmabulk-XXXXXX", NULL);
	g_assert_nonnull(impostor->directory);
	path = g_build_filename(impostor->directory, "bus", NULL);
	address = g_strdup_printf("unix:path=%s", path);
	listening = listen_at(path);
	g_assert_cmpint(pipe2(ends, O_CLOEXEC), ==, 0);
	impostor->pid = fork();
	g_assert_cmpint(impostor->pid, >=, 0);
	if (impostor->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ends[0]);
		serve(listening, script, fdopen(ends[1], "w"));
	}
	close(listening);
	close(ends[1]);
	impostor->events = fdopen(ends[0], "r");
	g_setenv("CMABULK_BUS", address, TRUE);
}

char *impostor_next_event(struct impostor *impostor)
{
	char line[128];

	if (!fgets(line, sizeof(line), impostor->events))
		return NULL;
	return g_strdup(g_strchomp(line));
}

void impostor_stop(struct impostor *impostor)
{
	g_autofree char *path = g_build_filename(impostor->directory, "bus", NULL);
	int status;

	kill(impostor->pid, SIGKILL);
	g_assert_cmpint(waitpid(impostor->pid, &status, 0), ==, impostor->pid);
	g_assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
	fclose(impostor->events);
	g_unlink(path);
	g_rmdir(impostor->directory);
	g_free(impostor->directory);
	g_unsetenv("CMABULK_BUS");
}
