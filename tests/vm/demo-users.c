/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* cmabulkctl, run by users: see demo-users.h. */
#include "demo-users.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

/* Whose members may allocate, as the daemon is configured. */
#define CLIENTS_GROUP "users"

static char *cmabulkctl, *program;

struct identity {
	uid_t uid;
	gid_t gid;
	gid_t clients;
};

void users_init(const char *directory)
{
	cmabulkctl = g_build_filename(directory, "cmabulkctl", "cmabulkctl", NULL);
	program = g_build_filename(directory, "vm-demo-use", NULL);
}

const char *users_program(void)
{
	return program;
}

static struct identity identity_of(const char *user)
{
	const struct passwd *entry = getpwnam(user);
	const struct group *group = getgrnam(CLIENTS_GROUP);

	if (!entry || !group)
		g_error("there is no user \"%s\", or no group \"%s\"", user, CLIENTS_GROUP);
	return (struct identity){ entry->pw_uid, entry->pw_gid, group->gr_gid };
}

/* In the child. */
static void become(gpointer data)
{
	const struct identity *identity = data;

	if (setgroups(1, &identity->clients) || setgid(identity->gid) || setuid(identity->uid))
		_exit(126);
}

static GPtrArray *command(const char *const *words)
{
	GPtrArray *arguments = g_ptr_array_new();

	g_ptr_array_add(arguments, cmabulkctl);
	for (; *words; words++)
		g_ptr_array_add(arguments, (char *)*words);
	g_ptr_array_add(arguments, NULL);
	return arguments;
}

int user_run(const char *user, const char *const *words, char **ret_said, char **ret_errors)
{
	g_autoptr(GPtrArray) arguments = command(words);
	struct identity identity = identity_of(user);
	g_autoptr(GError) error = NULL;
	int status;

	if (!g_spawn_sync("/", (char **)arguments->pdata, NULL, G_SPAWN_DEFAULT, become, &identity,
			  ret_said, ret_errors, &status, &error))
		g_error("%s", error->message);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

struct holder {
	GPid pid;
	int input; /* it holds until this is closed */
	int output;
};

struct holder *user_hold(const char *user, const char *const *words)
{
	g_autoptr(GPtrArray) arguments = command(words);
	struct identity identity = identity_of(user);
	struct holder *holder = g_new0(struct holder, 1);
	g_autoptr(GError) error = NULL;
	char byte;

	if (!g_spawn_async_with_pipes("/", (char **)arguments->pdata, NULL,
				      G_SPAWN_DO_NOT_REAP_CHILD, become, &identity, &holder->pid,
				      &holder->input, &holder->output, NULL, &error))
		g_error("%s", error->message);
	/* Its report, a line, says that it has them. */
	do {
		if (read(holder->output, &byte, 1) != 1)
			g_error("cmabulkctl holds nothing");
	} while (byte != '\n');
	return holder;
}

void holder_let_go(struct holder *holder)
{
	close(holder->input);
	waitpid(holder->pid, NULL, 0);
	close(holder->output);
	g_free(holder);
}

struct json_object *daemon_tells(const char *verb)
{
	const char *words[] = { "--json", verb, NULL };
	g_autofree char *said = NULL, *errors = NULL;

	if (user_run(USER_ROOT, words, &said, &errors))
		return NULL;
	return json_tokener_parse(said);
}

struct json_object *json_member(struct json_object *object, const char *name)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, name, &value))
		g_error("the report has no \"%s\"", name);
	return value;
}

guint64 json_number(struct json_object *object, const char *name)
{
	return json_object_get_uint64(json_member(object, name));
}
