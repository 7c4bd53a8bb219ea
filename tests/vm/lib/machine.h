/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guest a test runs in: its flavour, the random seed, files under /proc and /sys, modules. */
#ifndef VM_MACHINE_H
#define VM_MACHINE_H

#include <glib.h>
#include <pthread.h>
#include <stdbool.h>

/* The pools every test loads the module with, unless it says otherwise. */
#define POOL_MEDIA  "media" /* 400 MiB of the area "reserved" */
#define POOL_CAMERA "camera" /* 64 MiB of the area "numa0" */
#define AREA_MEDIA  "reserved"
#define AREA_CAMERA "numa0"

/*
 * Sets GTest up, and prepares. First call of every main() of a test. Ends the program where the kernel is
 * not one of ours: what tests do to a machine is done to all of it.
 */
void machine_init(int *argc, char ***argv);
/* Does the same but for GTest, prints the seed and mounts what the guest lacks: for programs that are not tests. */
void machine_prepare(void);

/* True on the debug flavour, where everything takes several times as long. */
bool machine_is_debug(void);
/* @plain on the plain flavour, @debug on the debug flavour. */
int machine_scale(int plain, int debug);

/*
 * A generator seeded from CMABULK_SEED, or from the clock; machine_init() printed which. @stream
 * tells the generators of one program apart. Free with g_rand_free().
 */
GRand *machine_random(guint32 stream);

/* A number below @limit, which is at most that of an int. */
guint random_below(GRand *random, guint64 limit);
bool random_chance(GRand *random, guint one_in);

/* Contents of a file without the trailing newline; aborts when it cannot be read. Free it. */
char *machine_read(const char *path);
/* The number @path holds, decimal or 0x. */
guint64 machine_read_number(const char *path);
/* The number behind @key in a file of "key: value" or "key value" lines, like /proc/meminfo. */
guint64 machine_read_key(const char *path, const char *key);
/* Writes @text in one write(); 0 or a negative errno. */
int machine_try_write(const char *path, const char *text);
void machine_write(const char *path, const char *text);

/* pthread_create() that cannot fail. */
void machine_start_thread(pthread_t *thread, void *(*run)(void *data), void *data);

/* Nanoseconds of CLOCK_MONOTONIC. */
gint64 machine_now(void);
/* The same span in milliseconds, for printing. */
double milliseconds(guint64 ns);

/* finit_module() of NAME.ko, built for this kernel; 0 or a negative errno. */
int module_try_load(const char *name, const char *parameters);
void module_load(const char *name, const char *parameters);
/* delete_module(); 0 or a negative errno. */
int module_try_unload(const char *name);
void module_unload(const char *name);
bool module_is_loaded(const char *name);

/* Whether the kernel has the series, which only a stock pool can do without. */
bool machine_has_series(void);
/* What the module says of an area that there is not, or that it could not find. */
int machine_unknown_area(void);
/* Whether pools are those of the stock engine: CMABULK_ENGINE=stock asks for that. */
bool machine_is_stock(void);
/*
 * What the module is told: an area, by its name, or for a stock pool where it lies; a pool as
 * POOL:AREA; the parameter with both pools. Not to be freed.
 */
const char *module_area(const char *area);
const char *module_pool(const char *pool, const char *area);
const char *module_pools(void);

/* Loads the module under test with module_pools(), and @extra parameters unless NULL. */
void module_load_cmabulk(const char *extra);

#endif /* VM_MACHINE_H */
