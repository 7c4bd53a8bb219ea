// SPDX-License-Identifier: LGPL-2.1-or-later
/* What the daemon says of itself: filled in by a backend, then only read. */
#include "daemon.h"

static void daemon_destroy(struct cmabulk_daemon *daemon)
{
	for (unsigned int i = 0; i < daemon->n_problems; i++)
		free(daemon->problems[i]);
	free(daemon->problems);
	free(daemon->version);
	free(daemon);
}

DEFINE_REFERENCE(cmabulk_daemon, daemon_destroy)

static int copy_problems(struct cmabulk_daemon *daemon, char **problems)
{
	unsigned int count = 0;

	while (problems && problems[count])
		count++;
	daemon->problems = calloc((size_t)count + 1, sizeof(char *));
	if (!daemon->problems)
		return -ENOMEM;
	for (; daemon->n_problems < count; daemon->n_problems++) {
		daemon->problems[daemon->n_problems] = strdup(problems[daemon->n_problems]);
		if (!daemon->problems[daemon->n_problems])
			return -ENOMEM;
	}
	return 0;
}

int daemon_new(const char *version, char **problems, struct cmabulk_daemon **ret)
{
	struct cmabulk_daemon *daemon CLEANUP(cmabulk_daemon_unrefp) = calloc(1, sizeof(*daemon));

	if (!daemon)
		return -ENOMEM;
	daemon->references = 1;
	daemon->version = strdup(version);
	if (!daemon->version || copy_problems(daemon, problems) < 0)
		return -ENOMEM;
	*ret = TAKE(daemon);
	return 0;
}

EXPORT const char *cmabulk_daemon_get_version(const struct cmabulk_daemon *daemon)
{
	return daemon->version;
}

EXPORT int cmabulk_daemon_is_simulated(const struct cmabulk_daemon *daemon)
{
	return daemon->is_simulated;
}

EXPORT unsigned int cmabulk_daemon_get_n_problems(const struct cmabulk_daemon *daemon)
{
	return daemon->n_problems;
}

EXPORT const char *cmabulk_daemon_get_problem(const struct cmabulk_daemon *daemon,
					      unsigned int index)
{
	return index < daemon->n_problems ? daemon->problems[index] : NULL;
}
