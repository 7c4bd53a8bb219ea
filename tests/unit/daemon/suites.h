/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The groups of tests that make up test-broker. */
#ifndef DAEMON_SUITES_H
#define DAEMON_SUITES_H

#define RANDOM_SEEDS 10

void add_accounts(void);
void add_admission(void);
void add_authorizations(void);
void add_bookings(void);
void add_guarantees(void);
void add_steps(void);
void add_retry(void);
void add_turns(void);
void add_fairness(void);
void add_pressure(void);
void add_ahead(void);
void add_ahead_lacking(void);
void add_books(void);
void add_counters(void);
void add_report_steps(void);
void add_throttle(void);
void add_stall(void);
void add_attempts(void);
void add_pace(void);
void add_random(void);

#endif
