/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guest: see machine.h. Knows nothing of cmabulk but the name of the module. */
#include "machine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

static guint32 machine_seed;

/* What follows mounts, sets sysctls and loads modules, as root: nobody wants that where he works. */
static void machine_refuse_others(void)
{
	struct utsname name;

	g_assert_no_errno(uname(&name));
	if (!strstr(name.release, "-cmabulk-"))
		g_error("this is no test machine but one with Linux %s, whose settings would be changed: have "
			"tests/vm/vm run it, or ./dev check",
			name.release);
}

static void machine_mount(const char *type, const char *path, const char *probe)
{
	g_autofree char *file = g_build_filename(path, probe, NULL);

	if (g_file_test(file, G_FILE_TEST_EXISTS))
		return;
	if (mount(type, path, type, 0, NULL) < 0)
		g_error("mount %s at %s: %s", type, path, g_strerror(errno));
}

static void machine_choose_seed(void)
{
	const char *text = g_getenv("CMABULK_SEED");

	machine_seed = text ? strtoul(text, NULL, 0) : (guint32)g_get_real_time();
	g_print("# seed: CMABULK_SEED=%u\n", machine_seed);
}

void machine_init(int *argc, char ***argv)
{
	g_test_init(argc, argv, NULL);
	machine_prepare();
}

void machine_prepare(void)
{
	machine_refuse_others();
	setvbuf(stdout, NULL, _IOLBF, 0);
	machine_choose_seed();
	machine_mount("debugfs", "/sys/kernel/debug", "cma");
	machine_mount("tracefs", "/sys/kernel/tracing", "trace");
}

bool machine_is_debug(void)
{
	struct utsname name;

	g_assert_no_errno(uname(&name));
	return g_str_has_suffix(name.release, "-debug");
}

int machine_scale(int plain, int debug)
{
	return machine_is_debug() ? debug : plain;
}

GRand *machine_random(guint32 stream)
{
	const guint32 seed[] = { machine_seed, stream };

	return g_rand_new_with_seed_array(seed, G_N_ELEMENTS(seed));
}

guint random_below(GRand *random, guint64 limit)
{
	g_assert_cmpuint(limit, <=, G_MAXINT32);
	return (guint)g_rand_int_range(random, 0, (gint32)limit);
}

bool random_chance(GRand *random, guint one_in)
{
	return random_below(random, one_in) == 0;
}

char *machine_read(const char *path)
{
	g_autoptr(GError) error = NULL;
	char *text;

	if (!g_file_get_contents(path, &text, NULL, &error))
		g_error("%s", error->message);
	return g_strchomp(text);
}

guint64 machine_read_number(const char *path)
{
	g_autofree char *text = machine_read(path);

	return g_ascii_strtoull(text, NULL, 0);
}

guint64 machine_read_key(const char *path, const char *key)
{
	g_autofree char *text = machine_read(path);
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	size_t length = strlen(key);

	for (char **line = lines; *line; line++)
		if (!strncmp(*line, key, length) && strchr(": \t", (*line)[length]))
			return g_ascii_strtoull(*line + length + 1, NULL, 0);
	g_error("%s: no %s", path, key);
}

int machine_try_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int ret = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

void machine_write(const char *path, const char *text)
{
	int ret = machine_try_write(path, text);

	if (ret < 0)
		g_error("write \"%s\" to %s: %s", text, path, g_strerror(-ret));
}

void machine_start_thread(pthread_t *thread, void *(*run)(void *data), void *data)
{
	int error = pthread_create(thread, NULL, run, data);

	if (error)
		g_error("pthread_create: %s", g_strerror(error));
}

gint64 machine_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (gint64)now.tv_sec * G_GINT64_CONSTANT(1000000000) + now.tv_nsec;
}

double milliseconds(guint64 ns)
{
	return (double)ns / 1e6;
}

/* CMABULK_MODULES, or build/modules/FLAVOUR as seen from build/tests/vm/PROGRAM. */
static char *module_directory(void)
{
	g_autofree char *program = NULL, *directory = NULL;
	const char *chosen = g_getenv("CMABULK_MODULES");

	if (chosen)
		return g_strdup(chosen);
	program = g_file_read_link("/proc/self/exe", NULL);
	g_assert_nonnull(program);
	directory = g_path_get_dirname(program);
	return g_build_filename(directory, "../../modules", machine_is_debug() ? "debug" : "plain",
				NULL);
}

int module_try_load(const char *name, const char *parameters)
{
	g_autofree char *directory = module_directory();
	g_autofree char *file = g_strconcat(name, ".ko", NULL);
	g_autofree char *path = g_build_filename(directory, file, NULL);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int ret = 0;

	/* Anything else may be a failure that a test injects. */
	if (fd < 0 && errno == ENOENT)
		g_error("%s: %s", path, g_strerror(errno));
	if (fd < 0)
		return -errno;
	if (syscall(SYS_finit_module, fd, parameters ?: "", 0) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

void module_load(const char *name, const char *parameters)
{
	int ret = module_try_load(name, parameters);

	if (ret < 0)
		g_error("loading %s %s: %s", name, parameters ?: "", g_strerror(-ret));
}

int module_try_unload(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK) < 0 ? -errno : 0;
}

void module_unload(const char *name)
{
	int ret = module_try_unload(name);

	if (ret < 0)
		g_error("unloading %s: %s", name, g_strerror(-ret));
}

bool module_is_loaded(const char *name)
{
	g_autofree char *path = g_build_filename("/sys/module", name, "initstate", NULL);

	return g_file_test(path, G_FILE_TEST_EXISTS);
}

bool machine_has_series(void)
{
	g_autofree char *symbols = machine_read("/proc/kallsyms");

	return strstr(symbols, " cma_alloc_bulk_req\n");
}

int machine_unknown_area(void)
{
	return machine_has_series() ? -ENOENT : -EOPNOTSUPP;
}

bool machine_is_stock(void)
{
	const char *engine = g_getenv("CMABULK_ENGINE");

	if (engine && !g_str_equal(engine, "kernel") && !g_str_equal(engine, "stock"))
		g_error("CMABULK_ENGINE=%s: kernel or stock", engine);
	return engine && !strcmp(engine, "stock");
}

static guint64 area_bytes(const char *area, const char *file)
{
	g_autofree char *path = g_build_filename("/sys/kernel/debug/cma", area, file, NULL);

	return machine_read_number(path) * (guint64)sysconf(_SC_PAGESIZE);
}

const char *module_area(const char *area)
{
	g_autofree char *place = NULL;

	if (!machine_is_stock())
		return g_intern_string(area);
	place = g_strdup_printf("%" G_GUINT64_FORMAT "K@0x%" G_GINT64_MODIFIER "x",
				area_bytes(area, "count") / 1024, area_bytes(area, "base_pfn"));
	return g_intern_string(place);
}

const char *module_pool(const char *pool, const char *area)
{
	g_autofree char *text = g_strconcat(pool, ":", module_area(area), NULL);

	return g_intern_string(text);
}

const char *module_pools(void)
{
	g_autofree char *text = g_strconcat("pools=", module_pool(POOL_MEDIA, AREA_MEDIA), ",",
					    module_pool(POOL_CAMERA, AREA_CAMERA), NULL);

	return g_intern_string(text);
}

void module_load_cmabulk(const char *extra)
{
	g_autofree char *parameters = g_strjoin(" ", module_pools(), extra, NULL);

	module_load("cmabulk", parameters);
}
