// SPDX-License-Identifier: LGPL-2.1-or-later
/* doctor: the pools, their devices, and what of them could be had. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "doctor.h"
#include "machine.h"
#include "size.h"

/* What a node allows to whom. */
static void check_node(struct doctor *doctor, const char *name)
{
	char remedy[128];
	struct stat node;

	if (machine_stat_node(name, &node) < 0 || (node.st_mode & 077) == 0)
		return;
	snprintf(remedy, sizeof(remedy), "sudo chmod 0600 " MACHINE_NODES "/%s", name);
	doctor_report(doctor, RESULT_WARN, "permissions", remedy,
		      "pool %s: its device has mode %04o, so others can use it past any limit",
		      name, node.st_mode & 07777);
}

/* Chunks are made of it without moving anything; of single free pages maybe not. */
static uint64_t count_whole_pages(const struct cmabulk_pool *pool,
				  const struct cmabulk_pool_survey *survey)
{
	uint64_t pages = survey->blocks_free << cmabulk_pool_get_pageblock_order(pool);

	return pages < survey->pages_free ? pages : survey->pages_free;
}

static const char *describe_room(const struct doctor *doctor, const struct cmabulk_pool *pool,
				 const struct cmabulk_pool_survey *survey, char text[ROOM_TEXT])
{
	uint64_t page_size = cmabulk_pool_get_page_size(pool);
	uint64_t whole = count_whole_pages(pool, survey);
	char account[ACCOUNT_TEXT];
	struct room room = {
		.size = cmabulk_pool_get_pages(pool) * page_size,
		.free = whole * page_size,
		.movable = (survey->pages_movable + survey->pages_free - whole) * page_size,
		.suspect = survey->pages_suspect * page_size,
		.ahead = (cmabulk_pool_get_cached_pages(pool) +
			  cmabulk_pool_get_reserved_pages(pool)) *
			 page_size,
		.rest = UINT64_MAX,
		.is_through_daemon = doctor->daemon != NULL,
	};

	if (doctor_get_rest(doctor, pool, &room.rest, account))
		room.account = account;
	return room_describe(text, &room);
}

static void check_survey(struct doctor *doctor, struct cmabulk_connection *connection,
			 const struct cmabulk_pool *pool)
{
	const char *name = cmabulk_pool_get_name(pool);
	uint64_t page_size = cmabulk_pool_get_page_size(pool);
	struct cmabulk_pool_survey survey;
	char texts[5][SIZE_TEXT];
	char room[ROOM_TEXT];
	bool pinned;
	int r = cmabulk_connection_survey_pool(connection, name, &survey, sizeof(survey));

	/* See doctor_check_access(). */
	if (r == -EACCES)
		return;
	if (r < 0) {
		doctor_report(doctor, RESULT_FAIL, "survey", cmabulk_error_get_hint(r),
			      "pool %s cannot be surveyed: %s", name,
			      cmabulk_connection_get_error_message(connection));
		return;
	}
	pinned = survey.blocks_suspect > survey.blocks / 2;
	doctor_report(
		doctor, pinned ? RESULT_WARN : RESULT_OK, "survey",
		pinned ? "allow effort hard, the default of 'cmabulkctl alloc'" : NULL,
		"pool %s: of %s, %s free, %s movable, %s suspect (in %zu of %zu pageblocks), %s taken; "
		"%s",
		name, size_format(texts[0], cmabulk_pool_get_pages(pool) * page_size),
		size_format(texts[1], survey.pages_free * page_size),
		size_format(texts[2], survey.pages_movable * page_size),
		size_format(texts[3], survey.pages_suspect * page_size),
		(size_t)survey.blocks_suspect, (size_t)survey.blocks,
		size_format(texts[4], survey.pages_taken * page_size),
		describe_room(doctor, pool, &survey, room));
}

static void check_features(struct doctor *doctor, const struct cmabulk_pool *pool)
{
	const char *name = cmabulk_pool_get_name(pool);
	const char *engine = cmabulk_pool_get_engine_name(pool);

	if (cmabulk_pool_get_features(pool) & CMABULK_POOL_FEATURE_BITMAP_UNAWARE)
		doctor_report(
			doctor, RESULT_WARN, "engine",
			"give the pool an area that nothing else uses (not the default one), "
			"or leave the others a RESERVE, see cmabulk(4)",
			"pool %s: engine %s, bitmap-unaware: it does not see other users of area %s",
			name, engine, cmabulk_pool_get_area(pool));
	else
		doctor_report(doctor, RESULT_OK, "engine", NULL, "pool %s: engine %s on area %s",
			      name, engine, cmabulk_pool_get_area(pool));
}

/* What somebody was promised is not there, and nobody is told before he asks for it. */
static void check_guarantees(struct doctor *doctor, const struct cmabulk_pool *pool)
{
	if (cmabulk_pool_is_guarantee_at_risk(pool))
		doctor_report(
			doctor, RESULT_WARN, "guarantee",
			"see who has it with 'sudo cmabulkctl buffers'; or lower MinBytes, see "
			"cmabulkd.conf(5)",
			"pool %s: not all that accounts are guaranteed is there, as others have it",
			cmabulk_pool_get_name(pool));
}

/* Pages that somebody still references although their buffer is gone. */
static void check_stuck(struct doctor *doctor, const char *name)
{
	uint64_t pages = machine_read_attribute(name, "stuck");

	if (pages > 0)
		doctor_report(doctor, RESULT_WARN, "stuck",
			      "find the driver that imported the buffer: 'dmesg | grep cmabulk'",
			      "pool %s: %zu pages of released buffers are still referenced", name,
			      (size_t)pages);
}

static void check_pool(struct doctor *doctor, struct cmabulk_connection *connection,
		       const char *name)
{
	struct cmabulk_pool *pool CLEANUP(cmabulk_pool_unrefp) = NULL;
	int r = cmabulk_connection_get_pool(connection, name, &pool);

	if (!doctor->is_simulated)
		check_node(doctor, name);
	if (r == -EACCES || r == -EPERM) {
		doctor_report(doctor, RESULT_WARN, "permissions", "sudo cmabulkctl doctor",
			      "pool %s: only the owner of its device may look at it", name);
		return;
	}
	if (r == -ENXIO && connection == doctor->daemon) {
		doctor_report(doctor, RESULT_WARN, "pool",
			      "let " MACHINE_NODES " belong to the daemon's user, and see its log",
			      "pool %s: the daemon does not have it", name);
		return;
	}
	if (r < 0) {
		doctor_report(doctor, RESULT_FAIL, "pool", cmabulk_error_get_hint(r), "pool %s: %s",
			      name, cmabulk_connection_get_error_message(connection));
		return;
	}
	check_features(doctor, pool);
	check_survey(doctor, connection, pool);
	check_guarantees(doctor, pool);
	if (!doctor->is_simulated)
		check_stuck(doctor, name);
}

/* Through the daemon if there is one, else through the devices. */
static int connect(const struct doctor *doctor, struct cmabulk_connection **ret)
{
	if (!doctor->daemon)
		return cmabulk_connection_open_direct(ret);
	*ret = cmabulk_connection_ref(doctor->daemon);
	return 0;
}

static void check_devices(struct doctor *doctor)
{
	struct cmabulk_connection *connection CLEANUP(cmabulk_connection_unrefp) = NULL;
	char **names CLEANUP(machine_names_freep) = NULL;
	int count = machine_list_nodes(&names);
	char remedy[128];

	snprintf(remedy, sizeof(remedy), "echo video:%s | sudo tee " MACHINE_CLASS "/add",
		 doctor_area_placeholder(doctor));
	if (count <= 0 || connect(doctor, &connection) < 0) {
		doctor_report(doctor, RESULT_FAIL, "pools",
			      count == -EACCES ? "sudo cmabulkctl doctor" : remedy,
			      count == -EACCES ? "not permitted to look into " MACHINE_NODES :
						 "the module is loaded without a pool");
		return;
	}
	for (char **name = names; *name; name++)
		check_pool(doctor, connection, *name);
}

static void check_simulated(struct doctor *doctor)
{
	struct cmabulk_pool **pools CLEANUP(cmabulk_pool_array_freep) = NULL;
	int r = cmabulk_connection_list_pools(doctor->daemon, &pools);

	if (r < 0)
		doctor_report(doctor, RESULT_FAIL, "pools", cmabulk_error_get_hint(r),
			      "the pools cannot be listed: %s",
			      cmabulk_connection_get_error_message(doctor->daemon));
	for (struct cmabulk_pool **pool = pools; pool && *pool; pool++)
		check_pool(doctor, doctor->daemon, cmabulk_pool_get_name(*pool));
}

void doctor_check_pools(struct doctor *doctor)
{
	if (doctor->is_simulated)
		check_simulated(doctor);
	else if (machine_has_module())
		check_devices(doctor);
}
