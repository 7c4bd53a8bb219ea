/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Signals to everybody: pools that come and go, and what changes of them. They tell what anybody may look up,
 * and nothing of accounts.
 */
#ifndef CMABULKD_BUS_CHANGE_H
#define CMABULKD_BUS_CHANGE_H

#include "manager.h"

struct bus_changes;

struct bus_changes *bus_changes_new(struct manager *manager);
struct bus_changes *bus_changes_free(struct bus_changes *changes);

/* Anew: what was sent before is on nobody's account any more. */
void bus_changes_connected(struct bus_changes *changes);
/* It is among the manager's pools. */
void bus_changes_add(struct bus_changes *changes, struct pool *pool);
/* It still is, and will not be. */
void bus_changes_remove(struct bus_changes *changes, struct pool *pool);
/* Something of it may be otherwise: what is will be told, some time later, together with what comes until then. */
void bus_changes_look(struct bus_changes *changes, struct pool *pool);

#endif
