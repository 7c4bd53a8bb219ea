// SPDX-License-Identifier: LGPL-2.1-or-later
/* Who has a buffer, as /proc tells of this process. */
#include <glib.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli.h"
#include "holders.h"
#include "pretender.h"
#include "suites.h"

#define N_DUPLICATES 3

/* A memfd that this process has open N_DUPLICATES + 1 times, and mapped. */
static uint64_t open_often(int fds[N_DUPLICATES + 1], void **ret_memory)
{
	struct stat status;

	fds[0] = memfd_create("sought", MFD_CLOEXEC);
	g_assert_cmpint(fds[0], >=, 0);
	g_assert_cmpint(ftruncate(fds[0], 4096), ==, 0);
	for (unsigned int i = 1; i <= N_DUPLICATES; i++)
		fds[i] = dup(fds[0]);
	*ret_memory = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fds[0], 0);
	g_assert_true(*ret_memory != MAP_FAILED);
	g_assert_cmpint(fstat(fds[0], &status), ==, 0);
	return status.st_ino;
}

/* Memory is for what was asked about: of what else somebody has open there may be millions. */
static void only_what_is_sought_is_kept(void)
{
	struct holders holders CLEANUP(holders_clear) = { 0 };
	const struct holder *holder;
	int other = memfd_create("not-sought", MFD_CLOEXEC);
	int fds[N_DUPLICATES + 1];
	void *memory;
	uint64_t inode = open_often(fds, &memory);
	/* A dma-buf's number may be the same: that is another place. */
	struct sought sought[] = {
		{ .inode = inode, .is_simulated = true },
		{ .inode = inode, .is_simulated = false },
		{ .inode = UINT64_MAX, .is_simulated = true },
	};
	size_t count;

	g_assert_cmpint(other, >=, 0);
	g_assert_cmpint(holders_find(NULL, 0, &holders), ==, 0);
	g_assert_cmpuint(holders.count, ==, 0);
	holders_clear(&holders);
	g_assert_cmpint(holders_find(sought, ARRAY_SIZE(sought), &holders), ==, 0);
	g_assert_cmpuint(holders.count, ==, 1);
	holder = holders_of(&holders, true, inode, &count);
	g_assert_cmpuint(count, ==, 1);
	g_assert_cmpint(holder->pid, ==, getpid());
	g_assert_cmpuint(holder->descriptors, ==, N_DUPLICATES + 1);
	g_assert_cmpuint(holder->mappings, ==, 1);
	g_assert_null(holders_of(&holders, false, inode, &count));
	munmap(memory, 4096);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
	close(other);
}

/* Nor is it asked anything, which could take for ever. */
static void a_name_alone_makes_no_dma_buf(void)
{
	struct holders holders CLEANUP(holders_clear) = { 0 };
	struct sought sought = { .inode = UINT64_C(123456789012) };
	struct pretender pretender;

	if (!pretender_start(&pretender, sought.inode)) {
		g_test_skip("no file system of one's own can be mounted here");
		return;
	}
	g_assert_cmpint(holders_find(&sought, 1, &holders), ==, 0);
	g_assert_false(pretender_stop(&pretender));
	g_assert_cmpuint(holders.count, ==, 0);
}

/* As where the kernel has none: its threads' directories are replaced by ours. */
static bool hide_smaps(pid_t pid)
{
	g_autofree char *threads = g_strdup_printf("/proc/%d/task", (int)pid);
	g_autofree char *maps = g_strdup_printf("%s/%d/maps", threads, (int)pid);
	g_autofree char *descriptors = g_strdup_printf("%s/%d/fd", threads, (int)pid);
	g_autofree char *text = NULL;

	return g_file_get_contents(maps, &text, NULL, NULL) && pretender_enter_namespace() &&
	       mount("hidden", threads, "tmpfs", 0, NULL) == 0 &&
	       g_mkdir_with_parents(descriptors, 0700) == 0 &&
	       g_file_set_contents(maps, text, -1, NULL);
}

/* In a process of its own. */
static int find_without_smaps(pid_t pid, uint64_t inode)
{
	struct holders holders CLEANUP(holders_clear) = { 0 };
	struct sought sought = { .inode = inode };

	if (holders_find(&sought, 1, &holders) < 0 || holders.lacks_smaps || !hide_smaps(pid) ||
	    holders_find(&sought, 1, &holders) < 0)
		return EXIT_FAILURE;
	return holders.lacks_smaps && holders.n_unreadable > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Who has it mapped is not known then, and nobody is to think that nobody has. */
static void who_lacks_smaps_has_not_ended(void)
{
	const uint64_t inode = UINT64_C(123456789012);
	struct pretender pretender;
	int status;
	pid_t child;

	if (!pretender_start(&pretender, inode)) {
		g_test_skip("no file system of one's own can be mounted here");
		return;
	}
	child = fork();
	g_assert_cmpint(child, >=, 0);
	if (child == 0)
		_exit(find_without_smaps(pretender.pid, inode));
	g_assert_cmpint(waitpid(child, &status, 0), ==, child);
	pretender_stop(&pretender);
	g_assert_true(WIFEXITED(status));
	g_assert_cmpint(WEXITSTATUS(status), ==, EXIT_SUCCESS);
}

void add_holders(void)
{
	g_test_add_func("/cli/who-lacks-smaps-has-not-ended", who_lacks_smaps_has_not_ended);
	g_test_add_func("/cli/only-what-is-sought-is-kept", only_what_is_sought_is_kept);
	g_test_add_func("/cli/a-name-alone-makes-no-dma-buf", a_name_alone_makes_no_dma_buf);
}
