// SPDX-License-Identifier: LGPL-2.1-or-later
/* top: pools and accounts as they are, again and again; one look where there is no screen. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "json.h"
#include "listen.h"
#include "look-take.h"
#include "options.h"
#include "patience.h"
#include "screen.h"
#include "size.h"
#include "top-view.h"

#define USEC_PER_SEC	  UINT64_C(1000000)
/* Who looks more often would mostly see himself. */
#define INTERVAL_MIN_USEC UINT64_C(100000)
/* After a look that nobody answered; while there is one, no key is. */
#define HUNG_USEC	  (30 * USEC_PER_SEC)

enum option_index {
	OPTION_INTERVAL,
	OPTION_COUNT,
};

static const struct option_description options[] = {
	[OPTION_INTERVAL] = { "interval", "TIME", "look so often; default: 1s" },
	[OPTION_COUNT] = { NULL, NULL, NULL },
};

static const struct usage usage = {
	.verb = "top",
	.arguments = "",
	.description =
		"Show pools, accounts and how many requests wait, as they change. Keys: q quits, s\n"
		"sorts, p shows one pool, h explains. With --json, or where standard output is no\n"
		"terminal, one look is printed. Who may not manage the daemon sees the own accounts.",
	.options = options,
	.example = "cmabulkctl top --interval 500ms",
};

struct top {
	struct cmabulk_connection *connection;
	struct cmabulk_daemon *daemon; /* as of the last look; NULL in direct mode */
	struct look look; /* the last that succeeded */
	uint64_t interval_usec;
	uint64_t deadline_usec; /* of the next look */
	enum top_sort sort;
	char *pool; /* NULL: all */
	bool is_direct;
	const char *trouble; /* with the daemon, while what is shown is of before */
	bool is_help;
	bool is_outdated; /* what is on the screen */
	bool is_over;
	bool has_lost_terminal; /* by which its -EIO is told from the daemon's */
};

static void top_clear(struct top *top)
{
	look_clear(&top->look);
	free(top->pool);
	cmabulk_daemon_unref(top->daemon);
	cmabulk_connection_unref(top->connection);
}

/* --- Looking --------------------------------------------------------------------------------- */

static int look_at_daemon(struct top *top)
{
	struct cmabulk_daemon *daemon = NULL;
	int r = cmabulk_connection_get_daemon(top->connection, &daemon);

	if (r < 0)
		return r;
	cmabulk_daemon_unref(top->daemon);
	top->daemon = daemon;
	return 0;
}

static void set_deadline(struct top *top, uint64_t interval_usec)
{
	top->deadline_usec = clock_now_usec();
	if (__builtin_add_overflow(top->deadline_usec, interval_usec, &top->deadline_usec))
		top->deadline_usec = UINT64_MAX;
}

static uint64_t interval_after(const struct top *top, int error)
{
	if (error == -ETIMEDOUT && top->interval_usec < HUNG_USEC)
		return HUNG_USEC;
	return top->interval_usec;
}

static int look_again(struct top *top)
{
	struct look now CLEANUP(look_clear) = { 0 };
	struct look last;
	int r = look_take(top->connection, top->is_direct, &now);

	if (r >= 0 && !top->is_direct)
		r = look_at_daemon(top);
	set_deadline(top, interval_after(top, r));
	if (r < 0)
		return r;
	last = top->look;
	top->look = now;
	now = last;
	return 0;
}

static const char *trouble_of(int error)
{
	if (error == -ETIMEDOUT)
		return screen_has_keys() ?
			       "The daemon does not answer, what it had is below; space asks again." :
			       "The daemon does not answer, what it had is below; waiting.";
	if (look_is_away(error))
		return "The daemon is away, what it had is below; waiting.";
	return NULL;
}

/* As often as was asked for, also while the daemon is away; but not while it hangs. */
static int look_if_it_is_time(struct top *top)
{
	int r;

	if (clock_now_usec() < top->deadline_usec)
		return 0;
	r = look_again(top);
	top->is_outdated = true;
	top->trouble = trouble_of(r);
	return top->trouble ? 0 : r;
}

/* --- Showing --------------------------------------------------------------------------------- */

static void set_view(const struct top *top, struct top_view *view, char interval[SIZE_TEXT])
{
	time_t now = time(NULL);

	*view = (struct top_view){
		.look = &top->look,
		.version = top->daemon ? cmabulk_daemon_get_version(top->daemon) : NULL,
		.trouble = top->trouble,
		.pool = top->pool,
		.interval = top->interval_usec == UINT64_MAX ?
				    "change" :
				    time_format(interval, top->interval_usec),
		.sort = top->sort,
		.is_help = top->is_help,
	};
	localtime_r(&now, &view->time);
}

/* As screen.c has it; from the library an -EIO is of the daemon. */
static int see_terminal(struct top *top, int r)
{
	top->has_lost_terminal |= r == -EIO;
	return r;
}

static int show(struct top *top)
{
	char interval[SIZE_TEXT];
	struct top_view view;
	char *text;
	int r;

	top->is_outdated = false;
	set_view(top, &view, interval);
	view.has_keys = screen_has_keys();
	screen_get_size(&view.columns, &view.rows);
	text = top_view_draw(&view);
	if (!text)
		return -ENOMEM;
	r = screen_show(text);
	free(text);
	return see_terminal(top, r);
}

static int print(const struct top *top)
{
	char interval[SIZE_TEXT];
	struct top_view view;
	char *text;

	set_view(top, &view, interval);
	text = top_view_draw(&view);
	if (!text)
		return cli_fail(-ENOMEM, "cannot show the pools");
	fputs(text, stdout);
	free(text);
	return EXIT_OK;
}

static int print_json(const struct top *top)
{
	struct json_object *object = json_object_new_object();
	struct json_object *pools = json_object_new_array();
	struct json_object *accounts = json_object_new_array();
	struct cmabulk_pool **pool = top->look.pools;
	struct cmabulk_account **account = top->look.accounts;

	for (; pool && *pool; pool++)
		json_object_array_add(pools, json_from_pool(*pool));
	for (; account && *account; account++)
		json_object_array_add(accounts, json_from_account(*account));
	json_add_number(object, "time_us", (uint64_t)time(NULL) * USEC_PER_SEC);
	json_object_object_add(
		object, "daemon",
		top->daemon ? json_object_new_string(cmabulk_daemon_get_version(top->daemon)) :
			      NULL);
	json_object_object_add(object, "pools", pools);
	json_object_object_add(object, "accounts", accounts);
	json_print(object, stdout);
	return EXIT_OK;
}

/* --- Keys and events ------------------------------------------------------------------------- */

static void show_next_pool(struct top *top)
{
	const char *next = top_view_next_pool(&top->look, top->pool);
	char *name = next ? strdup(next) : NULL;

	free(top->pool);
	top->pool = name;
}

static void press(struct top *top, int key)
{
	top->is_outdated = true;
	if (key != 'q' && top->is_help) {
		top->is_help = false;
		return;
	}
	switch (key) {
	case 'q':
		top->is_over = true;
		break;
	case 's':
		top->sort = (top->sort + 1) % TOP_SORT_COUNT;
		break;
	case 'p':
		show_next_pool(top);
		break;
	case 'h':
	case '?':
		top->is_help = true;
		break;
	case ' ':
		top->deadline_usec = 0;
		break;
	default:
		break;
	}
}

/* A terminal that hung up has no more keys, and nobody looks at it. */
static int read_keys(struct top *top, const struct pollfd *keyboard)
{
	int key = 0;

	if (keyboard->revents & POLLIN)
		while ((key = screen_read_key()) > 0)
			press(top, key);
	return key < 0 || (keyboard->revents & (POLLERR | POLLHUP | POLLNVAL)) ? -EIO : 0;
}

static int hear(struct top *top)
{
	struct heard heard = { 0 };
	int r = top->is_direct ? 0 : listen_look(top->connection, &heard);

	if (heard.daemon || heard.pools)
		top->deadline_usec = 0;
	return r;
}

/* Until something comes, maybe nothing to show. */
static int wait_for_something(struct top *top)
{
	struct pollfd polled[] = {
		{ .fd = -1 },
		{ .fd = screen_has_keys() ? STDIN_FILENO : -1, .events = POLLIN },
		{ .fd = screen_get_fd(), .events = POLLIN },
	};
	/* What came while it looked is in the library already, and wakes no poll. */
	int r = hear(top);

	if (r >= 0)
		r = listen_poll(top->is_direct ? NULL : top->connection, top->deadline_usec, polled,
				ARRAY_SIZE(polled));
	if (r >= 0)
		r = see_terminal(top, read_keys(top, &polled[1]));
	if (r >= 0)
		r = see_terminal(top, screen_process());
	if (r < 0)
		return r;
	top->is_outdated |= r > 0;
	return hear(top);
}

/* Whoever still reads standard error, as a log does, learns what became of it. */
static int fail_without_terminal(void)
{
	fputs("cmabulkctl: cannot show the pools: the terminal is gone, or others have it and nobody could "
	      "make this go on; run it in the foreground, or with --json for one look\n",
	      stderr);
	return EXIT_FAILED;
}

static int run(struct top *top)
{
	int r = see_terminal(top, screen_begin());

	top->is_outdated = true;
	while (r >= 0 && !top->is_over) {
		if (top->is_outdated)
			r = show(top);
		if (r >= 0)
			r = wait_for_something(top);
		if (r >= 0)
			r = look_if_it_is_time(top);
	}
	screen_end();
	if (top->has_lost_terminal)
		return fail_without_terminal();
	return r < 0 ? cli_fail_call(top->connection, r, "cannot show the pools") : EXIT_OK;
}

static int handle_option(size_t index, const char *value, void *userdata)
{
	struct top *top = userdata;

	(void)index;
	if (time_parse(value, &top->interval_usec) >= 0 && top->interval_usec >= INTERVAL_MIN_USEC)
		return 1;
	cli_usage("--interval: '%s' is not a time of at least 100ms, as 500ms, 1s or 2min", value);
	return -EINVAL;
}

int verb_top(struct context *context, int argc, char **argv)
{
	struct top top CLEANUP(top_clear) = { .interval_usec = USEC_PER_SEC };
	int r = options_parse(&usage, context, argc, argv, handle_option, &top);

	if (r != OPTIONS_GO_ON)
		return r;
	patience_begin("looking at the pools");
	r = cli_connect(context, &top.connection);
	if (r < 0)
		return cli_fail(r, "cannot look at the pools");
	top.is_direct = strcmp(cmabulk_connection_get_mode(top.connection), "direct") == 0;
	/* Heard of from before the first look: nothing is missed in between. */
	if (!top.is_direct)
		r = listen_begin(top.connection);
	if (r >= 0)
		r = look_again(&top);
	if (r < 0)
		return cli_fail_call(top.connection, r, "cannot look at the pools");
	patience_end();
	if (context->json)
		return print_json(&top);
	if (!screen_is_possible())
		return print(&top);
	return run(&top);
}
