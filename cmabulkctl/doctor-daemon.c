// SPDX-License-Identifier: LGPL-2.1-or-later
/* doctor: the daemon, the bus it is on, and whether it serves this user. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doctor.h"
#include "machine.h"
#include "served.h"

/* Unless the configuration names another. */
#define CLIENTS_GROUP "cmabulk-clients"
#define POLICY_FILE   "org.cmabulk1.conf"
#define SYSTEM_SOCKET "/run/dbus/system_bus_socket"

/* Is it the system's bus, where it always is? */
static bool is_system_bus(void)
{
	return cli_is_system_bus() && !getenv("DBUS_SYSTEM_BUS_ADDRESS");
}

static void check_policy(struct doctor *doctor)
{
	static const char *const files[] = {
		"/usr/share/dbus-1/system.d/" POLICY_FILE,
		"/usr/local/share/dbus-1/system.d/" POLICY_FILE,
		"/etc/dbus-1/system.d/" POLICY_FILE,
	};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		if (access(files[i], F_OK) == 0) {
			doctor_report(doctor, RESULT_OK, "policy", NULL,
				      "the bus has the policy %s", files[i]);
			return;
		}
	}
	doctor_report(
		doctor, RESULT_FAIL, "policy",
		"install it: 'sudo meson install -C build', then 'sudo systemctl reload dbus'",
		"the bus has no policy for org.cmabulk1: no daemon may have that name");
}

static void check_absent(struct doctor *doctor)
{
	pid_t process = machine_find_process("cmabulkd");

	if (is_system_bus() && access(SYSTEM_SOCKET, F_OK) < 0)
		doctor_report(
			doctor, RESULT_FAIL, "bus",
			"install and start it: 'sudo apt install dbus && sudo systemctl start "
			"dbus'",
			"there is no system bus at " SYSTEM_SOCKET);
	if (process > 0)
		doctor_report(
			doctor, RESULT_FAIL, "daemon",
			"let CMABULK_BUS here and the options of cmabulkd say the same bus, see "
			"cmabulkd(8)",
			"cmabulkd runs as process %d, but is not on this bus", (int)process);
	else
		doctor_report(
			doctor, RESULT_FAIL, "daemon",
			"sudo systemctl start cmabulkd; or use the pools as root with --direct",
			"the daemon does not run");
	if (is_system_bus())
		check_policy(doctor);
}

static void check_unreachable(struct doctor *doctor, int error)
{
	switch (error) {
	case -EHOSTUNREACH:
		check_absent(doctor);
		return;
	case -EACCES:
		doctor_report(doctor, RESULT_FAIL, "daemon",
			      "see the policy of the bus, " POLICY_FILE " in dbus-1/system.d",
			      "the bus does not let this user speak with the daemon");
		return;
	default:
		doctor_report(doctor, RESULT_FAIL, "daemon", cmabulk_error_get_hint(error),
			      "the daemon cannot be reached: %s", cmabulk_error_get_message(error));
	}
}

static void check_version(struct doctor *doctor, const struct cmabulk_daemon *daemon)
{
	const char *theirs = cmabulk_daemon_get_version(daemon);
	const char *ours = cmabulk_library_get_version();

	if (strcmp(theirs, ours) == 0)
		doctor_report(doctor, RESULT_OK, "daemon", NULL, "the daemon runs, version %s",
			      theirs);
	else
		doctor_report(
			doctor, RESULT_WARN, "version",
			"sudo systemctl restart cmabulkd, after installing both of one version",
			"the daemon is version %s, the library %s", theirs, ours);
}

static void check_configuration(struct doctor *doctor, const struct cmabulk_daemon *daemon)
{
	const char *problem;

	for (unsigned int i = 0; (problem = cmabulk_daemon_get_problem(daemon, i)); i++)
		doctor_report(doctor, RESULT_WARN, "configuration",
			      "mend it, see cmabulkd.conf(5), then 'sudo cmabulkctl reload'", "%s",
			      problem);
}

void doctor_check_daemon(struct doctor *doctor)
{
	struct cmabulk_daemon *daemon CLEANUP(cmabulk_daemon_unrefp) = NULL;
	int r = cmabulk_connection_open(&doctor->daemon);

	if (r >= 0)
		r = cmabulk_connection_get_daemon(doctor->daemon, &daemon);
	if (r < 0) {
		check_unreachable(doctor, r);
		return;
	}
	check_version(doctor, daemon);
	check_configuration(doctor, daemon);
	doctor->is_simulated = cmabulk_daemon_is_simulated(daemon);
	if (doctor->is_simulated)
		doctor_report(
			doctor, RESULT_WARN, "simulated",
			"run cmabulkd without --simulate where devices are to use the memory",
			"the pools are simulated: their buffers are memfds, which no device can "
			"use");
}

/* Of the polkit that a daemon on the system's bus asks: another's bus has it or has not. */
static const char *describe_polkit(void)
{
	return is_system_bus() ? served_describe_polkit(machine_find_polkit("")) : "";
}

static void check_group(struct doctor *doctor)
{
	const char *name = machine_user_name();
	char remedy[256];

	switch (machine_is_in_group(CLIENTS_GROUP)) {
	case 1:
		doctor_report(doctor, RESULT_OK, "access", NULL,
			      "user %s is in group " CLIENTS_GROUP ": the daemon serves it%s", name,
			      describe_polkit());
		return;
	case 0:
		snprintf(remedy, sizeof(remedy),
			 "sudo usermod --append --groups " CLIENTS_GROUP " %s, and log in again",
			 name);
		doctor_report(doctor, RESULT_WARN, "access", remedy,
			      "user %s is not in group " CLIENTS_GROUP
			      ": unless cmabulkd.conf names another, the daemon does not serve it "
			      "unasked%s",
			      name, describe_polkit());
		return;
	default:
		doctor_report(doctor, RESULT_WARN, "access",
			      "sudo groupadd --system " CLIENTS_GROUP
			      ", or name another group in cmabulkd.conf",
			      "there is no group " CLIENTS_GROUP
			      ": unless cmabulkd.conf names another, the daemon serves root "
			      "and system services unasked%s",
			      describe_polkit());
	}
}

/* Who may not allocate may not survey either, and is told why. -ENOENT: there is nothing to survey. */
static int try_survey(struct cmabulk_connection *connection)
{
	struct cmabulk_pool **pools CLEANUP(cmabulk_pool_array_freep) = NULL;
	struct cmabulk_pool_survey survey;
	int r = cmabulk_connection_list_pools(connection, &pools);

	return r < 0 ? r :
		       cmabulk_connection_survey_pool(connection, cmabulk_pool_get_name(pools[0]),
						      &survey, sizeof(survey));
}

static void report_not_served(struct doctor *doctor)
{
	char remedy[256];

	snprintf(remedy, sizeof(remedy),
		 "join that group: 'sudo usermod --append --groups GROUP %s', and log in again",
		 machine_user_name());
	doctor_report(doctor, RESULT_WARN, "access", remedy, "%s",
		      cmabulk_connection_get_error_message(doctor->daemon));
}

static void check_served(struct doctor *doctor)
{
	int r = try_survey(doctor->daemon);

	if (r >= 0)
		doctor_report(doctor, RESULT_OK, "access", NULL, "the daemon serves user %s%s",
			      machine_user_name(), describe_polkit());
	else if (r == -EACCES)
		report_not_served(doctor);
	/* What there is of pools has been said. */
	else if (r != -ENOENT && r != -ENXIO && r != -ENODEV)
		doctor_report(doctor, RESULT_WARN, "access", cmabulk_error_get_hint(r),
			      "whether the daemon serves user %s cannot be told: %s",
			      machine_user_name(),
			      cmabulk_connection_get_error_message(doctor->daemon));
}

void doctor_check_access(struct doctor *doctor)
{
	if (doctor->daemon)
		check_served(doctor);
	else if (geteuid() == 0)
		doctor_report(doctor, RESULT_OK, "access", NULL,
			      "running as root: --direct may use the pools");
	else if (doctor->direct)
		doctor_report(doctor, RESULT_WARN, "access", "sudo cmabulkctl --direct ...",
			      "pools can be used with --direct by root only");
	else if (is_system_bus())
		check_group(doctor);
}
