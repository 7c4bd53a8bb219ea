/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What bad input gets: every field of every ioctl out of range, each in a call that is right
 * otherwise. Each gets the errno the header names, and after each the books are what they were.
 */
#include "bad-input.h"

int main(int argc, char **argv)
{
	machine_init(&argc, &argv);
	module_load_cmabulk(NULL);
	bad_input_add_structures();
	bad_input_add_values();
	bad_input_add_files();
	return g_test_run();
}
