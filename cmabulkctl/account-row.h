/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An account in a table. */
#ifndef CMABULKCTL_ACCOUNT_ROW_H
#define CMABULKCTL_ACCOUNT_ROW_H

#include <cmabulk.h>

#include "table.h"

/* Its first six cells, which all tables of accounts have: name, user, pool; used, minimum, maximum. */
void account_row_begin(struct table *table, const struct cmabulk_account *account);

#endif
