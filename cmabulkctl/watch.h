/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Watches over a slow call from a thread of its own: a progress line on a
 * terminal, and cancellation by SIGINT, SIGTERM and SIGHUP, which no longer end the
 * program from watch_begin() to watch_restore(). What is ignored stays so.
 */
#ifndef CMABULKCTL_WATCH_H
#define CMABULKCTL_WATCH_H

#include <pthread.h>
#include <stdint.h>
#include <signal.h>

#include "cli.h"

struct watch {
	struct cmabulk_request *request;
	const char *what; /* in the progress line */
	sigset_t previous;
	pthread_t thread;
	int signals;
	int stop;
	bool running;
	bool cancelled; /* by a signal; known after watch_end() */
};

/* 0 or a negative errno, then nothing is changed. */
int watch_begin(struct watch *watch, struct cmabulk_request *request, const char *what);

/* The slow call is over. */
void watch_end(struct watch *watch);

/* Blocks until a signal, or the end of standard input. */
void watch_wait(struct watch *watch);

/* Signals do again what they did before. */
void watch_restore(struct watch *watch);

#endif
