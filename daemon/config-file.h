/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One configuration file, as GKeyFile reads it, and the sentences about what is wrong.
 */
#ifndef CMABULKD_CONFIG_FILE_H
#define CMABULKD_CONFIG_FILE_H

#include <glib.h>

/* A larger one is not read. */
#define CONFIG_FILE_MAX_BYTES (1 << 20)

/* Adds a sentence, as one line of valid UTF-8. Beyond a limit they are only counted as "more". */
void config_problem(GPtrArray *problems, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * 0, with *ret NULL when there is no such file; -EBADMSG when it cannot be read or does not
 * parse, with a problem that quotes the line.
 */
int config_file_read(const char *path, GPtrArray *problems, GKeyFile **ret);

/* The files *.conf in @directory by name, as paths; none when it is not there. */
GPtrArray *config_file_list(const char *directory, GPtrArray *problems);

#endif
