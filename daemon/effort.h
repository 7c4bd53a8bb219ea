/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The efforts of enum cmabulk_effort, as clients and administrators write them. Pure. */
#ifndef CMABULKD_EFFORT_H
#define CMABULKD_EFFORT_H

/* "unknown" when there is none of that number. */
const char *effort_name(unsigned int effort);
/* 0; -EINVAL: there is none of that name, and *ret is untouched. */
int effort_parse(const char *name, unsigned int *ret);

#endif
