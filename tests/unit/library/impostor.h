/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A bus and a daemon in one, in a process of its own, that answers whatever a test
 * tells it to: what no daemon should, and what a hostile one might.
 */
#ifndef TESTS_LIBRARY_IMPOSTOR_H
#define TESTS_LIBRARY_IMPOSTOR_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include <systemd/sd-bus.h>

/* Whose signals are the daemon's. */
#define IMPOSTOR_NAME ":1.8"

/* What it answers. Copied when it starts. */
struct script {
	/* Dies when this method is called; NULL: it lives. */
	const char *dies_at;
	/* Answers this method with an error of this name and message, after it has served it so often. */
	const char *refused;
	unsigned int served_before;
	const char *error_name;
	const char *error_message;
	/* Answers this method with a string, whatever it should be. */
	const char *nonsense;
	/* When this method is called, sends signals before the answer, or after it. */
	const char *tells_at;
	bool tells_later;
	void (*signals)(sd_bus *bus);
	/* Allocate and Prepare: waits for Cancel before it answers; or for ever. */
	bool waits;
	bool never_answers;
	/* Fetch: does not answer; or takes so long. */
	bool never_fetches;
	unsigned int fetch_seconds;

	/* In every dictionary. */
	const char *without; /* leaves this key out */
	const char *mistyped; /* this key's value is a double */
	const char *twice; /* this key comes twice */
	bool is_later; /* there are keys of later versions */

	/* Properties of the pool. */
	const char *pool;
	uint64_t page_size;

	bool has_more_entries; /* says ListBuffers, and tells the same again */

	/* Allocate */
	const char *status;
	const char *kind;
	int error;
	const char *cause; /* NULL: left out */
	uint64_t granted;
	uint64_t claimed;
	uint64_t prepared; /* 0: left out */
	uint32_t buffers;
	uint64_t chunk_size;
	uint64_t alignment;
	uint64_t serial;
	uint32_t layout; /* entries of it, each of this many chunks: */
	uint64_t layout_chunks;
	const char *name;
	unsigned int first; /* file descriptors in the reply */
	unsigned int fetched; /* and in each of Fetch */
	uint64_t file_size;
	bool is_sealed;
	bool is_null; /* /dev/null instead */
};

/* Complete: 20 buffers of one chunk of one page each, 16 of them at once. */
void script_init(struct script *script);

/* To be called by script.signals. @sender NULL: it comes without. */
void impostor_signal(sd_bus *bus, const char *sender, const char *path, const char *interface,
		     const char *member, const char *types, ...);

struct impostor {
	pid_t pid;
	char *directory;
	FILE *events;
};

/* CMABULK_BUS then leads to it. */
void impostor_start(struct impostor *impostor, const struct script *script);

/* The next call it gets: its member, with its token or serial if it has one; g_free(). NULL: it has gone. */
char *impostor_next_event(struct impostor *impostor);

void impostor_stop(struct impostor *impostor);

#endif
