// SPDX-License-Identifier: LGPL-2.1-or-later
/* The library without a kernel: its pure parts, and what it does when nothing is there, or what is there lies. */
#include <glib.h>

#include "suites.h"

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	add_steps();
	add_calls();
	add_causes();
	add_requests();
	add_texts();
	add_connections();
	add_events();
	add_objects();
	add_replies();
	add_lies();
	add_refusals();
	add_silences();
	return g_test_run();
}
