// SPDX-License-Identifier: LGPL-2.1-or-later
/* monitor: what changes, a line each, until it is interrupted. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "json.h"
#include "listen.h"
#include "look-take.h"
#include "options.h"
#include "patience.h"
#include "printable.h"
#include "size.h"

#define USEC_PER_SEC	  UINT64_C(1000000)
#define NSEC_PER_USEC	  1000
/* Who looks more often would mostly see himself. */
#define INTERVAL_MIN_USEC UINT64_C(10000)

enum option_index {
	OPTION_INTERVAL,
	OPTION_COUNT,
};

static const struct option_description options[] = {
	[OPTION_INTERVAL] = { "interval", "TIME", "look so often; default: 1s" },
	[OPTION_COUNT] = { NULL, NULL, NULL },
};

static const struct usage usage = {
	.verb = "monitor",
	.arguments = "",
	.description =
		"Print a line whenever a pool, an account or the daemon is not as it was, until\n"
		"interrupted; at first all there is. Who may not manage the daemon sees the own\n"
		"accounts.",
	.options = options,
	.example = "cmabulkctl monitor --interval 200ms",
};

struct monitor {
	struct cmabulk_connection *connection;
	uint64_t interval_usec;
	bool is_json;
	bool is_direct;
	bool is_there; /* the daemon, as was printed */
	bool has_changed; /* since: it may be another */
	bool is_outdated; /* pools came or went while they were looked at */
	struct look last;
};

static void monitor_clear(struct monitor *monitor)
{
	look_clear(&monitor->last);
	cmabulk_connection_unref(monitor->connection);
}

/* --- Lines ----------------------------------------------------------------------------------- */

static void print_time(void)
{
	struct timespec now;
	struct tm local;
	char text[32];

	clock_gettime(CLOCK_REALTIME, &now);
	localtime_r(&now.tv_sec, &local);
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &local);
	printf("%s.%03ld ", text, now.tv_nsec / 1000000);
}

static void format_value(char text[SIZE_TEXT], const struct look_value *value)
{
	if (value->is_size)
		size_format(text, value->value);
	else
		snprintf(text, SIZE_TEXT, "%" PRIu64, value->value);
}

/* What somebody else named must not steer the terminal. */
static void print_text(const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		return;
	printable_make(copy);
	fputs(copy, stdout);
	free(copy);
}

static void print_name(const struct look_object *object)
{
	if (object->account) {
		fputs("account ", stdout);
		print_text(object->account);
		if (object->has_uid)
			printf(" of user %u", object->uid);
		fputs(", ", stdout);
	}
	fputs("pool ", stdout);
	print_text(object->pool);
	putchar(':');
}

static void print_values(const struct look_object *object)
{
	for (size_t i = 0; i < object->n_values; i++) {
		char text[SIZE_TEXT];

		format_value(text, &object->values[i]);
		printf("%s %s %s", i > 0 ? "," : "", object->values[i].name, text);
	}
}

static void print_change(const struct look_value *before, const struct look_value *after)
{
	char old[SIZE_TEXT], new[SIZE_TEXT];

	format_value(old, before);
	format_value(new, after);
	/* Where rounding hides what it is about. */
	if (strcmp(old, new) == 0)
		printf(" %s %" PRIu64 "B -> %" PRIu64 "B", before->name, before->value,
		       after->value);
	else
		printf(" %s %s -> %s", before->name, old, new);
}

static void print_changes(const struct look_object *before, const struct look_object *after)
{
	const char *comma = "";

	for (size_t i = 0; i < before->n_values; i++) {
		if (before->values[i].value == after->values[i].value)
			continue;
		fputs(comma, stdout);
		print_change(&before->values[i], &after->values[i]);
		comma = ",";
	}
}

static void print_difference(const struct look_object *before, const struct look_object *after)
{
	print_time();
	if (!before) {
		print_name(after);
		print_values(after);
	} else {
		print_name(before);
		if (after)
			print_changes(before, after);
		else
			fputs(" gone", stdout);
	}
	putchar('\n');
}

/* --- JSON ------------------------------------------------------------------------------------ */

static struct json_object *json_event(const char *object_name, const char *event)
{
	struct json_object *object = json_object_new_object();
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	json_add_number(object, "time_us",
			(uint64_t)now.tv_sec * USEC_PER_SEC +
				(uint64_t)now.tv_nsec / NSEC_PER_USEC);
	json_add_string(object, "object", object_name);
	json_add_string(object, "event", event);
	return object;
}

/* Of @object, those that @other has not so. */
static struct json_object *json_values(const struct look_object *object,
				       const struct look_object *other)
{
	struct json_object *values = json_object_new_object();

	for (size_t i = 0; object && i < object->n_values; i++)
		if (!other || object->values[i].value != other->values[i].value)
			json_add_number(values, object->values[i].name, object->values[i].value);
	return values;
}

static void print_difference_as_json(const struct look_object *before,
				     const struct look_object *after)
{
	const struct look_object *one = after ? after : before;
	struct json_object *object =
		json_event(one->account ? "account" : "pool", !before ? "there" :
							      !after  ? "gone" :
									"changed");

	json_add_string(object, "pool", one->pool);
	if (one->account) {
		json_add_string(object, "account", one->account);
		json_object_object_add(object, "uid",
				       one->has_uid ? json_object_new_uint64(one->uid) : NULL);
	}
	json_object_object_add(object, "before", json_values(before, after));
	json_object_object_add(object, "values", json_values(after, before));
	json_print_line(object, stdout);
}

static void on_difference(const struct look_object *before, const struct look_object *after,
			  void *userdata)
{
	const struct monitor *monitor = userdata;

	if (monitor->is_json)
		print_difference_as_json(before, after);
	else
		print_difference(before, after);
}

/* --- The daemon ------------------------------------------------------------------------------ */

static void print_daemon(const struct monitor *monitor, const char *version)
{
	struct json_object *object;

	if (!monitor->is_json) {
		print_time();
		printf("daemon: %s%s\n", version ? "there, version " : "gone",
		       version ? version : "");
		return;
	}
	object = json_event("daemon", version ? "there" : "gone");
	if (version)
		json_add_string(object, "version", version);
	json_print_line(object, stdout);
}

static int look_at_daemon(struct monitor *monitor)
{
	struct cmabulk_daemon *daemon CLEANUP(cmabulk_daemon_unrefp) = NULL;
	int r;

	if (monitor->is_direct || (monitor->is_there && !monitor->has_changed))
		return 0;
	r = cmabulk_connection_get_daemon(monitor->connection, &daemon);
	if (r >= 0)
		print_daemon(monitor, cmabulk_daemon_get_version(daemon));
	return r;
}

/* Whether it was before an answer or after the last of them is not known: one more look tells. */
static int forget_changes(struct monitor *monitor)
{
	struct heard heard = { 0 };
	int r = monitor->is_direct ? 0 : listen_look(monitor->connection, &heard);

	monitor->has_changed = false;
	monitor->is_outdated = heard.pools || heard.daemon;
	return r;
}

/* --- Looking --------------------------------------------------------------------------------- */

/* Prints what is different, and keeps the new look. */
static int look_again(struct monitor *monitor)
{
	struct look now CLEANUP(look_clear) = { 0 };
	struct look last;
	int r = look_take(monitor->connection, monitor->is_direct, &now);

	patience_end();
	if (r >= 0)
		r = look_at_daemon(monitor);
	if (r < 0)
		return r;
	monitor->is_there = true;
	look_compare(&monitor->last, &now, on_difference, monitor);
	last = monitor->last;
	monitor->last = now;
	now = last;
	return forget_changes(monitor);
}

static int wait_a_while(struct monitor *monitor)
{
	struct timespec interval = {
		.tv_sec = (time_t)(monitor->interval_usec / USEC_PER_SEC),
		.tv_nsec = (long)(monitor->interval_usec % USEC_PER_SEC) * NSEC_PER_USEC,
	};
	struct heard heard = { .pools = monitor->is_outdated };
	int r;

	if (monitor->is_direct) {
		nanosleep(&interval, NULL);
		return 0;
	}
	r = listen_wait(monitor->connection, monitor->interval_usec, &heard);
	monitor->is_outdated = false;
	monitor->has_changed |= heard.daemon;
	return r;
}

/* Negative when it can go on no more. */
static int monitor_turn(struct monitor *monitor)
{
	int r = look_again(monitor);

	if (look_is_away(r)) {
		if (monitor->is_there)
			print_daemon(monitor, NULL);
		monitor->is_there = false;
		r = 0;
	}
	if (r < 0)
		return r;
	if (fflush(stdout) != 0 || ferror(stdout))
		return -EIO;
	return wait_a_while(monitor);
}

static int handle_option(size_t index, const char *value, void *userdata)
{
	struct monitor *monitor = userdata;

	(void)index;
	if (time_parse(value, &monitor->interval_usec) >= 0 &&
	    monitor->interval_usec >= INTERVAL_MIN_USEC)
		return 1;
	cli_usage("--interval: '%s' is not a time of at least 10ms, as 200ms, 1s or 2min", value);
	return -EINVAL;
}

int verb_monitor(struct context *context, int argc, char **argv)
{
	struct monitor monitor CLEANUP(monitor_clear) = { .interval_usec = USEC_PER_SEC };
	int r = options_parse(&usage, context, argc, argv, handle_option, &monitor);

	if (r != OPTIONS_GO_ON)
		return r;
	/* Until the first look. */
	patience_begin("looking at the pools");
	r = cli_connect(context, &monitor.connection);
	if (r < 0)
		return cli_fail(r, "cannot look at the pools");
	monitor.is_json = context->json;
	monitor.is_direct = strcmp(cmabulk_connection_get_mode(monitor.connection), "direct") == 0;
	if (!monitor.is_direct)
		r = listen_begin(monitor.connection);
	while (r >= 0)
		r = monitor_turn(&monitor);
	/* Standard output takes no more, which main() says. */
	if (r == -EIO && ferror(stdout))
		return EXIT_OK;
	return cli_fail_call(monitor.connection, r, "cannot look at the pools any more");
}
