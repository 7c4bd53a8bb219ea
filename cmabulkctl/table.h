/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A table for people: columns as wide as their widest cell. */
#ifndef CMABULKCTL_TABLE_H
#define CMABULKCTL_TABLE_H

#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

struct table;

/* @columns titles; one that starts with '>' names a column of numbers, aligned to the right. */
struct table *table_new(const char *const *titles, size_t columns);
void table_freep(struct table **table);

/* The next cell, row by row, made printable. */
void table_add(struct table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A user's name, or number. */
void table_add_user(struct table *table, uid_t uid);

void table_print(const struct table *table, FILE *file);

#endif
