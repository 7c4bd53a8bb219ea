/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who is asked to give memory back when requests wait for it, and how much: accounts above their
 * guarantee, those most above it first. Pure.
 */
#ifndef CMABULKD_PRESSURE_H
#define CMABULKD_PRESSURE_H

#include "broker-state.h"

/* What waits for less is about to be served, and nobody is troubled for it. */
#define PRESSURE_AFTER_NS   UINT64_C(100000000)
/* Those who were asked have so long before others are asked for the same. */
#define PRESSURE_ROUND_NS   UINT64_C(1000000000)
/* An account is not asked more often than that. */
#define PRESSURE_ACCOUNT_NS (5 * PRESSURE_ROUND_NS)

void pressure_say(struct broker *broker, uint64_t now_ns, struct broker_action *ret);
/* When it will have something to say without a new fact. */
uint64_t pressure_wakeup(const struct broker *broker);

#endif
