// SPDX-License-Identifier: LGPL-2.1-or-later
/* A connection to the impostor: see talk.h. */
#include <dirent.h>
#include <glib.h>

#include "talk.h"

void talk_begin(struct talk *talk, const struct script *script)
{
	impostor_start(&talk->impostor, script);
	talk->connection = NULL;
	talk->request = NULL;
	g_assert_cmpint(cmabulk_connection_open(&talk->connection), ==, 0);
	g_assert_cmpint(cmabulk_request_new(&talk->request), ==, 0);
	g_assert_cmpint(cmabulk_request_set_count(talk->request, 20), ==, 0);
	g_assert_cmpint(cmabulk_request_set_buffers(talk->request, 20), ==, 0);
}

void talk_end(struct talk *talk)
{
	cmabulk_request_unref(talk->request);
	cmabulk_connection_unref(talk->connection);
	impostor_stop(&talk->impostor);
}

void talk_expect_event(struct talk *talk, const char *expected)
{
	g_autofree char *event = impostor_next_event(&talk->impostor);

	g_assert_cmpstr(event, ==, expected);
}

unsigned int talk_count_descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	unsigned int count = 0;

	g_assert_nonnull(directory);
	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}

void talk_expect_error(struct talk *talk, int error)
{
	struct cmabulk_allocation *allocation = UNTOUCHED;
	unsigned int descriptors = talk_count_descriptors();

	g_assert_cmpint(cmabulk_connection_allocate(talk->connection, talk->request, &allocation),
			==, error);
	g_assert_true(allocation == UNTOUCHED);
	g_assert_cmpuint(talk_count_descriptors(), ==, descriptors);
}
