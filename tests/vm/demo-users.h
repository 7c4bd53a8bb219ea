/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The users of the demonstration, and cmabulkctl as each of them runs it. */
#ifndef VM_DEMO_USERS_H
#define VM_DEMO_USERS_H

#include <glib.h>
#include <json.h>
#include <stdbool.h>

/* Members of the group whose members may allocate, with no other right. */
#define USER_MEDIA   "games" /* may have all of the pool */
#define USER_VISITOR "man" /* may have 32 MiB */
#define USER_ROOT    "root"

/* Where cmabulkctl and what it hands its buffers to are for every user. */
void users_init(const char *directory);
/* The path of vm-demo-use, which uses buffers. */
const char *users_program(void);

/*
 * Runs `cmabulkctl WORDS`; its exit status. What it writes to standard output and standard error is
 * freed with g_free().
 */
int user_run(const char *user, const char *const *words, char **ret_said, char **ret_errors);

/* A cmabulkctl that holds what it was given. @words asks for --hold and --json. */
struct holder;
struct holder *user_hold(const char *user, const char *const *words);
/* Gives back what it holds; frees it. */
void holder_let_go(struct holder *holder);

/* What `cmabulkctl --json VERB` tells root; json_object_put() it. NULL: no daemon answers. */
struct json_object *daemon_tells(const char *verb);

/* A member that has to be there. */
struct json_object *json_member(struct json_object *object, const char *name);
guint64 json_number(struct json_object *object, const char *name);

#endif /* VM_DEMO_USERS_H */
