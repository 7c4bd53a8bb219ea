// SPDX-License-Identifier: LGPL-2.1-or-later
/* What doctor knows of polkit, and of the room in a pool. */
#include <glib.h>
#include <glib/gstdio.h>

#include "machine.h"
#include "room.h"
#include "served.h"
#include "suites.h"

#define MIB (UINT64_C(1) << 20)

static void put(const char *root, const char *directory, const char *name)
{
	g_autofree char *parent = g_build_filename(root, directory, NULL);
	g_autofree char *path = g_build_filename(parent, name, NULL);

	g_assert_cmpint(g_mkdir_with_parents(parent, 0755), ==, 0);
	g_assert_true(g_file_set_contents(path, "", 0, NULL));
}

static void remove_tree(const char *root)
{
	g_autofree char *command = g_strdup_printf("rm -r %s", root);

	g_assert_true(g_spawn_command_line_sync(command, NULL, NULL, NULL, NULL));
}

/* Its actions without itself are of no use; nor are those that Debian's does not look for. */
static void polkit_is_found(void)
{
	g_autofree char *root = g_dir_make_tmp("polkit-XXXXXX", NULL);

	g_assert_cmpint(machine_find_polkit(root), ==, MACHINE_POLKIT_ABSENT);
	put(root, "usr/share/polkit-1/actions", "org.cmabulk1.policy");
	g_assert_cmpint(machine_find_polkit(root), ==, MACHINE_POLKIT_ABSENT);
	put(root, "usr/share/dbus-1/system-services", "org.freedesktop.PolicyKit1.service");
	g_assert_cmpint(machine_find_polkit(root), ==, MACHINE_POLKIT_AWARE);
	remove_tree(root);
	put(root, "usr/share/dbus-1/system-services", "org.freedesktop.PolicyKit1.service");
	put(root, "usr/share/polkit-1/actions", "org.example.policy");
	put(root, "usr/local/share/polkit-1/actions", "org.cmabulk1.policy");
	g_assert_cmpint(machine_find_polkit(root), ==, MACHINE_POLKIT_UNAWARE);
	remove_tree(root);
}

/* Whatever the sentence before says of whoever asks: polkit's answer is not known here. */
static void polkit_is_described(void)
{
	g_assert_cmpstr(served_describe_polkit(MACHINE_POLKIT_AWARE), ==,
			"; polkit is asked about whom the daemon does not serve unasked "
			"(org.cmabulk1.allocate)");
	g_assert_cmpstr(
		served_describe_polkit(MACHINE_POLKIT_UNAWARE), ==,
		"; polkit is there, but in /usr/share/polkit-1/actions nothing of org.cmabulk1");
	g_assert_cmpstr(served_describe_polkit(MACHINE_POLKIT_ABSENT), ==,
			"; there is no polkit to decide on others");
}

static void room_is_told(void)
{
	static const struct {
		struct room room;
		const char *expected;
	} cases[] = {
		{ { 400 * MIB, 300 * MIB, 0, 0, 0, UINT64_MAX, NULL, false },
		  "the reference request of 4800x64K (300M) would fit as it is" },
		{ { 400 * MIB, 299 * MIB, 50 * MIB, 0, 0, UINT64_MAX, NULL, false },
		  "the reference request of 4800x64K (300M) would fit when up to 1M was moved" },
		{ { 400 * MIB, 250 * MIB, 40 * MIB, 10 * MIB, 0, UINT64_MAX, NULL, false },
		  "the reference request of 4800x64K (300M) would fit only if 10M that is suspect "
		  "moved, too" },
		{ { 400 * MIB, 100 * MIB, 40 * MIB, 10 * MIB, 0, UINT64_MAX, NULL, false },
		  "the reference request of 4800x64K (300M) would come short by 150M now" },
		{ { 64 * MIB, 64 * MIB, 0, 0, 0, UINT64_MAX, NULL, false },
		  "too small for the reference request of 4800x64K (300M)" },
		{ { 64 * MIB, 20 * MIB, 0, 0, 0, 16 * MIB, "media:5", false },
		  "all that account media:5 may still have (16M) would fit as it is" },
		{ { 64 * MIB, 8 * MIB, 16 * MIB, 0, 0, 16 * MIB, "media:5", false },
		  "all that account media:5 may still have (16M) would fit when up to 8M was moved" },
		/* Of somebody who has nothing no account is known; nor is what others are guaranteed. */
		{ { 400 * MIB, 300 * MIB, 0, 0, 0, UINT64_MAX, NULL, true },
		  "the reference request of 4800x64K (300M) would fit as it is, as far as the "
		  "account and what others are guaranteed allow" },
		{ { 400 * MIB, 299 * MIB, 50 * MIB, 0, 0, UINT64_MAX, NULL, true },
		  "the reference request of 4800x64K (300M) would fit when up to 1M was moved, as "
		  "far as the account and what others are guaranteed allow" },
		{ { 400 * MIB, 250 * MIB, 40 * MIB, 10 * MIB, 20 * MIB, UINT64_MAX, NULL, true },
		  "the reference request of 4800x64K (300M) would fit only if 10M that is suspect "
		  "moved, too, as far as the account and what others are guaranteed allow; 20M "
		  "more is cached or claimed ahead" },
		{ { 400 * MIB, 100 * MIB, 0, 0, 0, UINT64_MAX, NULL, true },
		  "the reference request of 4800x64K (300M) would come short by 200M now" },
		/* Maybe it is for others. */
		{ { 400 * MIB, 100 * MIB, 0, 0, 200 * MIB, UINT64_MAX, NULL, false },
		  "the reference request of 4800x64K (300M) would come short by 200M now; 200M more "
		  "is cached or claimed ahead" },
		{ { 400 * MIB, 300 * MIB, 0, 0, 100 * MIB, UINT64_MAX, NULL, false },
		  "the reference request of 4800x64K (300M) would fit as it is" },
		{ { 64 * MIB, 64 * MIB, 0, 0, 0, 0, "media@5", true },
		  "account media@5 may have no more of it" },
	};
	char text[ROOM_TEXT];

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
		g_assert_cmpstr(room_describe(text, &cases[i].room), ==, cases[i].expected);
}

void add_advising(void)
{
	g_test_add_func("/cli/polkit-is-found", polkit_is_found);
	g_test_add_func("/cli/polkit-is-described", polkit_is_described);
	g_test_add_func("/cli/room-is-told", room_is_told);
}
