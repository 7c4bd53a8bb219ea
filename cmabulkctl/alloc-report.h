/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What came of a request, for people. */
#ifndef CMABULKCTL_ALLOC_REPORT_H
#define CMABULKCTL_ALLOC_REPORT_H

#include <stdio.h>

#include "cli.h"

void alloc_report_print(const struct cmabulk_allocation *allocation, uint64_t chunk_size,
			FILE *file);

#endif
