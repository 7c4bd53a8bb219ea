// SPDX-License-Identifier: LGPL-2.1-or-later
/* doctor: what is missing on this machine, and the command that mends it. */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "json.h"
#include "machine.h"
#include "options.h"
#include "size.h"

static const struct usage usage = {
	.verb = "doctor",
	.arguments = "",
	.description =
		"Check what this machine has and lacks, from the kernel to every pool. Needs no\n"
		"root, no module and no pool; fails when something that must be there is not.",
	.example = "sudo cmabulkctl doctor",
};

enum result {
	RESULT_OK,
	RESULT_WARN,
	RESULT_FAIL,
};

static const char *const result_names[] = {
	[RESULT_OK] = "ok",
	[RESULT_WARN] = "warn",
	[RESULT_FAIL] = "fail",
};

struct doctor {
	enum result worst;
	bool colour;
	struct json_object *findings; /* NULL: print them as they come */
	char *areas; /* NULL when not known */
};

static void print_finding(const struct doctor *doctor, enum result result, const char *message,
			  const char *remedy)
{
	static const char *const colours[] = {
		[RESULT_OK] = "\033[32m",
		[RESULT_WARN] = "\033[33m",
		[RESULT_FAIL] = "\033[31m",
	};

	printf("%s%-4s%s  %s\n", doctor->colour ? colours[result] : "", result_names[result],
	       doctor->colour ? "\033[0m" : "", message);
	if (remedy)
		printf("      -> %s\n", remedy);
}

static void keep_finding(const struct doctor *doctor, enum result result, const char *check,
			 const char *message, const char *remedy)
{
	struct json_object *finding = json_object_new_object();

	json_add_string(finding, "check", check);
	json_add_string(finding, "result", result_names[result]);
	json_add_string(finding, "message", message);
	json_object_object_add(finding, "remedy", remedy ? json_object_new_string(remedy) : NULL);
	json_object_array_add(doctor->findings, finding);
}

/* One line. The remedy, NULL for none, is a command, or says what to do. */
__attribute__((format(printf, 5, 6))) static void report(struct doctor *doctor, enum result result,
							 const char *check, const char *remedy,
							 const char *format, ...)
{
	char message[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	if (result > doctor->worst)
		doctor->worst = result;
	if (doctor->findings)
		keep_finding(doctor, result, check, message, remedy);
	else
		print_finding(doctor, result, message, remedy);
}

/* Is there anything further to look for in the kernel? */
static bool check_cma(struct doctor *doctor)
{
	char total_text[SIZE_TEXT];
	char free_text[SIZE_TEXT];
	uint64_t total;
	uint64_t available = 0;

	if (machine_read_meminfo("CmaTotal", &total) < 0) {
		report(doctor, RESULT_FAIL, "cma", "boot a kernel built with CONFIG_CMA=y",
		       "this kernel has no CMA");
		return false;
	}
	if (total == 0) {
		report(doctor, RESULT_FAIL, "cma",
		       "add cma=400M to the kernel's command line and boot again",
		       "this kernel has CMA, but no area");
		return false;
	}
	machine_read_meminfo("CmaFree", &available);
	report(doctor, RESULT_OK, "cma", NULL, "CMA areas of %s in all, %s of it unused",
	       size_format(total_text, total), size_format(free_text, available));
	return true;
}

static void check_areas(struct doctor *doctor)
{
	if (machine_list_areas(&doctor->areas) < 0) {
		report(doctor, RESULT_WARN, "areas",
		       "sudo mount -t debugfs debugfs /sys/kernel/debug, and run this as root",
		       "the names of the areas cannot be seen");
		return;
	}
	report(doctor, RESULT_OK, "areas", NULL, "areas: %s", doctor->areas);
}

static void check_engine(struct doctor *doctor)
{
	int r = machine_has_symbol("cma_alloc_bulk_req");

	if (r > 0)
		report(doctor, RESULT_OK, "kernel", NULL,
		       "this kernel has cma_alloc_bulk_req(): any area can be a pool, by name");
	else if (r == 0)
		report(doctor, RESULT_FAIL, "kernel",
		       "build the kernel with the series in kmod/patches/",
		       "this kernel lacks cma_alloc_bulk_req(), which the module needs");
	else
		report(doctor, RESULT_WARN, "kernel",
		       "mount /proc, or build the kernel with CONFIG_KALLSYMS=y",
		       "without /proc/kallsyms it cannot be told whether the kernel has the series");
}

static void check_module(struct doctor *doctor)
{
	char remedy[256];

	if (machine_has_module()) {
		report(doctor, RESULT_OK, "module", NULL, "the module is loaded");
		return;
	}
	if (!machine_has_module_installed()) {
		report(doctor, RESULT_FAIL, "module",
		       "build and install it for this kernel: 'dkms install cmabulk/" CMABULK_VERSION
		       "', or see HACKING.md",
		       "the module is neither loaded nor installed");
		return;
	}
	snprintf(remedy, sizeof(remedy), "sudo modprobe cmabulk pools=video:%s",
		 doctor->areas ? "AREA, with an area from above" : "AREA");
	report(doctor, RESULT_FAIL, "module", remedy, "the module is not loaded");
}

/* What a node allows to whom. */
static void check_node(struct doctor *doctor, const char *name)
{
	char remedy[128];
	struct stat node;

	if (machine_stat_node(name, &node) < 0 || (node.st_mode & 077) == 0)
		return;
	snprintf(remedy, sizeof(remedy), "sudo chmod 0600 " MACHINE_NODES "/%s", name);
	report(doctor, RESULT_WARN, "permissions", remedy,
	       "pool %s: its device has mode %04o, so others can use it past any limit", name,
	       node.st_mode & 07777);
}

static void check_survey(struct doctor *doctor, struct cmabulk_connection *connection,
			 const struct cmabulk_pool *pool)
{
	const char *name = cmabulk_pool_get_name(pool);
	uint64_t page_size = cmabulk_pool_get_page_size(pool);
	struct cmabulk_pool_survey survey;
	char texts[5][SIZE_TEXT];
	bool pinned;
	int r = cmabulk_connection_survey_pool(connection, name, &survey, sizeof(survey));

	if (r < 0) {
		report(doctor, RESULT_FAIL, "survey", cmabulk_error_get_hint(r),
		       "pool %s cannot be surveyed: %s", name, cmabulk_error_get_message(r));
		return;
	}
	pinned = survey.blocks_suspect > survey.blocks / 2;
	report(doctor, pinned ? RESULT_WARN : RESULT_OK, "survey",
	       pinned ? "allow effort hard, the default of 'cmabulkctl alloc'" : NULL,
	       "pool %s: of %s, %s free, %s movable, %s suspect (in %zu of %zu pageblocks), %s taken",
	       name, size_format(texts[0], cmabulk_pool_get_pages(pool) * page_size),
	       size_format(texts[1], survey.pages_free * page_size),
	       size_format(texts[2], survey.pages_movable * page_size),
	       size_format(texts[3], survey.pages_suspect * page_size),
	       (size_t)survey.blocks_suspect, (size_t)survey.blocks,
	       size_format(texts[4], survey.pages_taken * page_size));
}

static void check_features(struct doctor *doctor, const struct cmabulk_pool *pool)
{
	const char *name = cmabulk_pool_get_name(pool);
	const char *engine = cmabulk_pool_get_engine_name(pool);

	if (cmabulk_pool_get_features(pool) & CMABULK_POOL_FEATURE_BITMAP_UNAWARE)
		report(doctor, RESULT_WARN, "engine",
		       "give the pool an area that nothing else uses (not the default one)",
		       "pool %s: engine %s, bitmap-unaware: it does not see other users of area %s",
		       name, engine, cmabulk_pool_get_area(pool));
	else
		report(doctor, RESULT_OK, "engine", NULL, "pool %s: engine %s on area %s", name,
		       engine, cmabulk_pool_get_area(pool));
}

/* Pages that somebody still references although their buffer is gone. */
static void check_stuck(struct doctor *doctor, const char *name)
{
	uint64_t pages = machine_read_attribute(name, "stuck");

	if (pages > 0)
		report(doctor, RESULT_WARN, "stuck",
		       "find the driver that imported the buffer: 'dmesg | grep cmabulk'",
		       "pool %s: %zu pages of released buffers are still referenced", name,
		       (size_t)pages);
}

static void check_pool(struct doctor *doctor, struct cmabulk_connection *connection,
		       const char *name)
{
	struct cmabulk_pool *pool CLEANUP(cmabulk_pool_unrefp) = NULL;
	int r = cmabulk_connection_get_pool(connection, name, &pool);

	check_node(doctor, name);
	if (r == -EACCES || r == -EPERM) {
		report(doctor, RESULT_WARN, "permissions", "sudo cmabulkctl doctor",
		       "pool %s: only the owner of its device may look at it", name);
		return;
	}
	if (r < 0) {
		report(doctor, RESULT_FAIL, "pool", cmabulk_error_get_hint(r), "pool %s: %s", name,
		       cmabulk_error_get_message(r));
		return;
	}
	check_features(doctor, pool);
	check_survey(doctor, connection, pool);
	check_stuck(doctor, name);
}

static void check_pools(struct doctor *doctor)
{
	struct cmabulk_connection *connection CLEANUP(cmabulk_connection_unrefp) = NULL;
	char **names CLEANUP(machine_names_freep) = NULL;
	int count;

	if (!machine_has_module())
		return;
	count = machine_list_nodes(&names);
	if (count <= 0 || cmabulk_connection_open_direct(&connection) < 0) {
		report(doctor, RESULT_FAIL, "pools",
		       count == -EACCES ? "sudo cmabulkctl doctor" :
					  "echo video:AREA | sudo tee " MACHINE_CLASS "/add",
		       count == -EACCES ? "not permitted to look into " MACHINE_NODES :
					  "the module is loaded without a pool");
		return;
	}
	for (char **name = names; *name; name++)
		check_pool(doctor, connection, *name);
}

static void check_access(struct doctor *doctor)
{
	if (geteuid() == 0)
		report(doctor, RESULT_OK, "access", NULL,
		       "running as root: --direct may use the pools (this version has no daemon)");
	else
		report(doctor, RESULT_WARN, "access", "sudo cmabulkctl --direct ...",
		       "this version has no daemon: pools can be used as root, with --direct");
}

static void check_all(struct doctor *doctor)
{
	if (check_cma(doctor)) {
		check_areas(doctor);
		check_engine(doctor);
	}
	check_module(doctor);
	check_pools(doctor);
	check_access(doctor);
	free(doctor->areas);
}

/* https://no-color.org */
static bool wants_colour(void)
{
	const char *no_color = getenv("NO_COLOR");
	const char *terminal = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(no_color && *no_color) && terminal &&
	       strcmp(terminal, "dumb") != 0;
}

static void print_json(const struct doctor *doctor)
{
	struct json_object *object = json_object_new_object();

	json_add_string(object, "result", result_names[doctor->worst]);
	json_object_object_add(object, "findings", doctor->findings);
	json_print(object, stdout);
}

int verb_doctor(struct context *context, int argc, char **argv)
{
	struct doctor doctor = { .worst = RESULT_OK };
	int r = options_parse(&usage, context, argc, argv, NULL, NULL);

	if (r <= 0)
		return r < 0 ? EXIT_USAGE : EXIT_OK;
	if (optind < argc)
		return cli_usage("doctor takes no arguments");
	doctor.colour = wants_colour();
	if (context->json)
		doctor.findings = json_object_new_array();
	check_all(&doctor);
	if (context->json)
		print_json(&doctor);
	return doctor.worst == RESULT_FAIL ? EXIT_FAILED : EXIT_OK;
}
