// SPDX-License-Identifier: LGPL-2.1-or-later
/* doctor: what is missing on this machine, and the command that mends it. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "doctor.h"
#include "json.h"
#include "options.h"
#include "patience.h"

/* In the progress line. */
#define CHECKING "checking"

static const struct usage usage = {
	.verb = "doctor",
	.arguments = "",
	.description =
		"Check what this machine has and lacks, from the daemon and the kernel to every\n"
		"pool. Needs no root, no daemon, no module and no pool; fails when something that\n"
		"must be there is not. With --direct the daemon is not looked for.",
	.example = "sudo cmabulkctl doctor",
};

static const char *const result_names[] = {
	[RESULT_OK] = "ok",
	[RESULT_WARN] = "warn",
	[RESULT_FAIL] = "fail",
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

void doctor_report(struct doctor *doctor, enum result result, const char *check, const char *remedy,
		   const char *format, ...)
{
	char message[768];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	if (result > doctor->worst)
		doctor->worst = result;
	/* Whatever is checked next may take its time. */
	patience_end();
	if (doctor->findings)
		keep_finding(doctor, result, check, message, remedy);
	else
		print_finding(doctor, result, message, remedy);
	patience_begin(CHECKING);
}

static void check_all(struct doctor *doctor)
{
	patience_begin(CHECKING);
	if (!doctor->direct)
		doctor_check_daemon(doctor);
	if (!doctor->is_simulated)
		doctor_check_kernel(doctor);
	doctor_check_pools(doctor);
	doctor_check_access(doctor);
	doctor_check_accounts(doctor);
	patience_end();
}

static void print_json(const struct doctor *doctor)
{
	struct json_object *object = json_object_new_object();

	json_add_string(object, "result", result_names[doctor->worst]);
	json_object_object_add(object, "findings", doctor->findings);
	json_print(object, stdout);
}

static void doctor_clear(struct doctor *doctor)
{
	cmabulk_connection_unref(doctor->daemon);
	free(doctor->areas);
}

int verb_doctor(struct context *context, int argc, char **argv)
{
	struct doctor doctor CLEANUP(doctor_clear) = { .worst = RESULT_OK };
	int r = options_parse(&usage, context, argc, argv, NULL, NULL);

	if (r != OPTIONS_GO_ON)
		return r;
	doctor.direct = cli_is_direct(context);
	doctor.colour = cli_wants_colour();
	if (context->json)
		doctor.findings = json_object_new_array();
	check_all(&doctor);
	if (context->json)
		print_json(&doctor);
	return doctor.worst == RESULT_FAIL ? EXIT_FAILED : EXIT_OK;
}
