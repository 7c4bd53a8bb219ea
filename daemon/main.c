// SPDX-License-Identifier: LGPL-2.1-or-later
/* cmabulkd: the command line. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "log.h"
#include "manager.h"

#define EXIT_USAGE 2

enum {
	OPTION_SYSTEM = 256,
	OPTION_USER,
	OPTION_BUS_ADDRESS,
	OPTION_SIMULATE,
	OPTION_CONFIG,
	OPTION_CONFIG_DIRECTORY,
	OPTION_STATE_DIRECTORY,
	OPTION_VERSION
};

static const struct option long_options[] = {
	{ "system", no_argument, NULL, OPTION_SYSTEM },
	{ "user", no_argument, NULL, OPTION_USER },
	{ "bus-address", required_argument, NULL, OPTION_BUS_ADDRESS },
	{ "simulate", required_argument, NULL, OPTION_SIMULATE },
	{ "config", required_argument, NULL, OPTION_CONFIG },
	{ "config-directory", required_argument, NULL, OPTION_CONFIG_DIRECTORY },
	{ "state-directory", required_argument, NULL, OPTION_STATE_DIRECTORY },
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ "help", no_argument, NULL, 'h' },
	{ NULL },
};

static void print_help(void)
{
	printf("cmabulkd [OPTION...]\n\n"
	       "Hands out thousands of high-order chunks of CMA pools over D-Bus, to each account its share.\n\n"
	       "      --system                  serve on the system bus (default)\n"
	       "      --user                    serve this user alone, on the user's bus, with simulated pools\n"
	       "      --bus-address=ADDRESS     serve on this bus, as on the system's\n"
	       "      --simulate=NAME=SIZE[,KEY=VALUE...]\n"
	       "                                a pool of ordinary memory instead of the module's; may be\n"
	       "                                repeated; keys: see cmabulkd(8)\n"
	       "      --config=FILE             default: %s\n"
	       "      --config-directory=DIR    its drop-ins, *.conf; default: FILE.d\n"
	       "      --state-directory=DIR     what is kept of changes at run time; default: %s\n"
	       "      --version                 print the version\n"
	       "  -h, --help                    print this\n\n"
	       "Example: cmabulkd --user --simulate=video=64M\n",
	       CMABULK_CONFIG_FILE, CMABULK_STATE_DIRECTORY);
}

static int usage(const char *text)
{
	fprintf(stderr, "cmabulkd: %s; try 'cmabulkd --help'\n", text);
	return -1;
}

static int add_simulated(struct manager_options *options, const char *text)
{
	g_autofree char *problem = NULL;
	struct sim_options simulated;

	if (sim_options_parse(text, &simulated, &problem) < 0) {
		g_autofree char *sentence = g_strdup_printf("--simulate: %s", problem);

		return usage(sentence);
	}
	for (unsigned int i = 0; i < options->simulate->len; i++)
		if (g_str_equal(g_array_index(options->simulate, struct sim_options, i).name,
				simulated.name))
			return usage("--simulate: two pools of the same name");
	g_array_append_val(options->simulate, simulated);
	return 0;
}

/* 1: go on, 0: done, -1: said what is wrong. */
static int parse_option(struct manager_options *options, int option)
{
	switch (option) {
	case OPTION_SYSTEM:
		options->is_user = false;
		return 1;
	case OPTION_USER:
		options->is_user = true;
		return 1;
	case OPTION_BUS_ADDRESS:
		options->bus_address = optarg;
		return 1;
	case OPTION_SIMULATE:
		return add_simulated(options, optarg) < 0 ? -1 : 1;
	case OPTION_CONFIG:
		options->config_file = optarg;
		return 1;
	case OPTION_CONFIG_DIRECTORY:
		options->config_directory = optarg;
		return 1;
	case OPTION_STATE_DIRECTORY:
		options->state_directory = optarg;
		return 1;
	case OPTION_VERSION:
		printf("cmabulkd %s\n", CMABULK_VERSION);
		return 0;
	case 'h':
		print_help();
		return 0;
	default:
		fprintf(stderr, "try 'cmabulkd --help'\n");
		return -1;
	}
}

static int parse(struct manager_options *options, int argc, char **argv)
{
	int option;

	while ((option = getopt_long(argc, argv, "h", long_options, NULL)) >= 0) {
		int r = parse_option(options, option);

		if (r <= 0)
			return r;
	}
	if (optind < argc)
		return usage("there are no arguments but options");
	if (options->is_user && options->bus_address)
		return usage("--user and --bus-address exclude each other");
	if (options->is_user && options->simulate->len == 0)
		return usage(
			"--user needs --simulate=NAME=SIZE: the module's pools are the system's");
	return 1;
}

static char *default_config_file(const struct manager_options *options)
{
	if (options->is_user)
		return g_build_filename(g_get_user_config_dir(), "cmabulk", "cmabulkd.conf", NULL);
	return g_strdup(CMABULK_CONFIG_FILE);
}

/* systemd names those of StateDirectory=, with colons in between. */
static char *default_state_directory(const struct manager_options *options)
{
	const char *given = getenv("STATE_DIRECTORY");

	if (given && given[0] == '/')
		return g_strndup(given, strcspn(given, ":"));
	if (options->is_user)
		return g_build_filename(g_get_user_state_dir(), "cmabulk", NULL);
	return g_strdup(CMABULK_STATE_DIRECTORY);
}

/* Each buffer on its way to a client is one; the customary 1024 is for programs that select(2). */
static void raise_fd_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int run(struct manager_options *options)
{
	g_autofree char *file = default_config_file(options);
	g_autofree char *state = default_state_directory(options);
	g_autofree char *directory = NULL;
	struct manager *manager = NULL;
	int code;

	if (!options->config_file)
		options->config_file = file;
	directory = g_strdup_printf("%s.d", options->config_file);
	if (!options->config_directory)
		options->config_directory = directory;
	if (!options->state_directory)
		options->state_directory = state;
	raise_fd_limit();
	if (manager_new(options, &manager) < 0)
		return EXIT_FAILURE;
	code = manager_run(manager);
	manager_free(manager);
	return code;
}

int main(int argc, char **argv)
{
	struct manager_options options = { 0 };
	int r;

	log_open();
	options.simulate = g_array_new(false, true, sizeof(struct sim_options));
	r = parse(&options, argc, argv);
	if (r > 0)
		r = run(&options);
	else
		r = r < 0 ? EXIT_USAGE : EXIT_SUCCESS;
	g_array_unref(options.simulate);
	log_close();
	return r;
}
