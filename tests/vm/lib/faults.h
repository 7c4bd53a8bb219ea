/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Allocation failures on request (CONFIG_FAULT_INJECTION): the n-th of a task, or all of them. */
#ifndef VM_FAULTS_H
#define VM_FAULTS_H

#include <glib.h>
#include <stdbool.h>

/* False on a kernel without fault injection. */
bool faults_available(void);
/* Makes every kind of allocation eligible, quietly. Call once. */
void faults_prepare(void);
/* Makes the @nth allocation of the calling thread from now on fail. */
void faults_arm(guint nth);
/* Disarms; true when the failure has happened. */
bool faults_disarm(void);
/*
 * Makes allocations of the pages that others are to be moved to fail, each with @percent
 * probability; 0 ends it. Whatever else is allocated is not hit.
 */
void faults_moving(guint percent);
/*
 * Makes allocations whose stack goes through [@start, @end) fail with @percent probability, in
 * whatever task; 0 ends it.
 */
void faults_stack(guint64 start, guint64 end, guint percent);

#endif /* VM_FAULTS_H */
