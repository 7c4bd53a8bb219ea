// SPDX-License-Identifier: LGPL-2.1-or-later
/* Accounts, queue, books and retry of one pool, without bus, kernel or clock. */
#include <glib.h>

#include "suites.h"

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	add_accounts();
	add_admission();
	add_authorizations();
	add_bookings();
	add_guarantees();
	add_steps();
	add_retry();
	add_turns();
	add_fairness();
	add_pressure();
	add_ahead();
	add_ahead_lacking();
	add_books();
	add_counters();
	add_report_steps();
	add_throttle();
	add_stall();
	add_attempts();
	add_pace();
	add_random();
	return g_test_run();
}
