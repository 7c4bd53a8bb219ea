/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What doctor finds out, and where it tells it. Each part checks one noun. */
#ifndef CMABULKCTL_DOCTOR_H
#define CMABULKCTL_DOCTOR_H

#include <json-c/json.h>

#include "cli.h"
#include "room.h"

enum result {
	RESULT_OK,
	RESULT_WARN,
	RESULT_FAIL,
};

struct doctor {
	enum result worst;
	bool colour;
	struct json_object *findings; /* NULL: print them as they come */
	char *areas; /* NULL when not known */
	bool direct; /* do not look for the daemon */
	struct cmabulk_connection *daemon; /* NULL: there is none */
	bool lacks_series; /* the kernel has CMA, and no cma_alloc_bulk_req() */
	bool is_simulated; /* the daemon does without the kernel's memory */
};

/* One line. The remedy, NULL for none, is a command, or says what to do. */
void doctor_report(struct doctor *doctor, enum result result, const char *check, const char *remedy,
		   const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Connects, if it can: before the others. */
void doctor_check_daemon(struct doctor *doctor);
/* May this user have memory from it? */
void doctor_check_access(struct doctor *doctor);
/* How much of it? */
void doctor_check_accounts(struct doctor *doctor);
/*
 * Bytes that the accounts of this user may still have of a pool, of several the least, UINT64_MAX without a limit, and
 * which account that is; false: none is known.
 */
bool doctor_get_rest(const struct doctor *doctor, const struct cmabulk_pool *pool, uint64_t *ret,
		     char ret_account[ACCOUNT_TEXT]);
void doctor_check_kernel(struct doctor *doctor);
void doctor_check_pools(struct doctor *doctor);
/* What stands for an area in advice: on this kernel it goes by name, or by place. */
const char *doctor_area_placeholder(const struct doctor *doctor);

#endif
