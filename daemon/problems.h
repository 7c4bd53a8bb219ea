/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is wrong with the configuration, in sentences: as it is written, and for the pools that are there. */
#ifndef CMABULKD_PROBLEMS_H
#define CMABULKD_PROBLEMS_H

#include <stddef.h>

#include <glib.h>

#include "account.h"

struct problems {
	GPtrArray *of_files; /* sentences, of the last reading */
	GPtrArray *all; /* those, and what does not fit the pools */
	size_t bytes; /* of all of them */
};

void problems_init(struct problems *problems);
void problems_clear(struct problems *problems);

/* The files were read: logs what was wrong. */
void problems_set_files(struct problems *problems, GPtrArray *sentences);
/* They were not, but what is changed over them is something else: logs what is new. */
void problems_set_changed(struct problems *problems, GPtrArray *sentences);
/* The pools (struct pool), or the accounts, are others: logs what is new. */
void problems_set_pools(struct problems *problems, const GPtrArray *pools,
			const struct account_rules *accounts);

#endif
