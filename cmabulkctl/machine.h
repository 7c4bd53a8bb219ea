/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What /proc, /sys, /dev and the user database say about this machine, with or without the module, root or debugfs. */
#ifndef CMABULKCTL_MACHINE_H
#define CMABULKCTL_MACHINE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#define MACHINE_NODES "/dev/cmabulk"
#define MACHINE_CLASS "/sys/class/cmabulk"

/* Bytes of a line of /proc/meminfo; -ENOENT when it has no such line, or why it cannot be read. */
int machine_read_meminfo(const char *name, uint64_t *ret);

/*
 * The areas' names, with commas and where known their sizes, or SIZE@BASE, and the size of the largest, 0 when it is
 * not known; -ENOENT when they cannot be seen.
 */
int machine_list_areas(char **ret, uint64_t *ret_largest);

/* 1 or 0; -ENOENT without kallsyms. */
int machine_has_symbol(const char *name);

bool machine_has_module(void);

/* Where modprobe finds it: installed for the kernel that runs. */
bool machine_has_module_installed(void);

/* Of /dev/cmabulk/NAME; a negative errno when it is not there. */
int machine_stat_node(const char *name, struct stat *ret);

/* A number in a pool's directory of sysfs; 0 when it cannot be read. */
uint64_t machine_read_attribute(const char *pool_name, const char *attribute);

/*
 * The version of the module's interface, asked of its first pool: -ENOENT
 * without one, -EACCES for who may not open it.
 */
int machine_read_interface(uint32_t *ret);

/* Names below /dev/cmabulk, NULL after the last; the count or a negative errno. */
int machine_list_nodes(char ***ret);

void machine_names_freep(char ***names);

/* A process whose program has this name, 0 if there is none. */
pid_t machine_find_process(const char *name);

/* Is this process a member? 1, 0, or -ENOENT: there is no such group. */
int machine_is_in_group(const char *name);

enum machine_polkit {
	MACHINE_POLKIT_ABSENT,
	MACHINE_POLKIT_UNAWARE, /* it is there, without the actions of org.cmabulk1 */
	MACHINE_POLKIT_AWARE,
};

/* Below this directory, "" for this machine. */
enum machine_polkit machine_find_polkit(const char *root);

/* Of the user this runs as, or its number; static. */
const char *machine_user_name(void);

#endif
