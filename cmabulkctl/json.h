/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The library's objects as JSON; the fields are documented in cmabulkctl(1). */
#ifndef CMABULKCTL_JSON_H
#define CMABULKCTL_JSON_H

#include <json-c/json.h>
#include <stdio.h>

#include "cli.h"
#include "holders.h"

struct json_object *json_from_pool(const struct cmabulk_pool *pool);
struct json_object *json_from_survey(const struct cmabulk_pool_survey *survey);
struct json_object *json_from_entry(const struct cmabulk_entry *entry, const char *pool_name);
/* Who has it; @holders may be NULL when @count is 0. */
struct json_object *json_from_holders(const struct holder *holders, size_t count);
struct json_object *json_from_allocation(const struct cmabulk_allocation *allocation);
struct json_object *json_from_account(const struct cmabulk_account *account);
struct json_object *json_from_counters(const struct cmabulk_counters *counters);
/* What was wrong with the configuration: an array of sentences. */
struct json_object *json_from_problems(const struct cmabulk_daemon *daemon);

void json_add_string(struct json_object *object, const char *name, const char *value);
void json_add_number(struct json_object *object, const char *name, uint64_t value);

/* Prints in one line, and frees. */
void json_print_line(struct json_object *object, FILE *file);
/* Prints, indented on a terminal, in one line elsewhere, and frees. */
void json_print(struct json_object *object, FILE *file);

/* "fast", "normal", "hard" */
const char *effort_name(unsigned int effort);

/* As errno(3) calls it. */
const char *error_name(int error);

#endif
