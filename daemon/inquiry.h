/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Calls that take a while to answer, or that cannot be answered truly before a moment
 * has passed: they wait here, users have turns, and who asks for much delays nobody else.
 */
#ifndef CMABULKD_INQUIRY_H
#define CMABULKD_INQUIRY_H

#include <stdint.h>

#include "client.h"

struct inquiries;

struct inquiries *inquiries_new(struct manager *manager);
struct inquiries *inquiries_free(struct inquiries *inquiries);

/*
 * Runs @function when it is the turn of the client's user, and not before @when_ns; it may put the same
 * call here again. Returns 1.
 */
int inquiry_put(struct client *client, sd_bus_message *call, client_since_function function,
		uint64_t since_ns, uint64_t when_ns);
/* The same, but before all of its user's that were not put so: what has a deadline. */
int inquiry_put_first(struct client *client, sd_bus_message *call, client_since_function function,
		      uint64_t since_ns, uint64_t when_ns);
/* Takes the Allocate with that token out. NULL: it does not wait here. */
sd_bus_message *inquiry_take(struct client *client, const char *token, uint64_t *ret_since_ns);
/* The daemon ends: all that wait are told so. */
void inquiries_stop(struct inquiries *inquiries);
/* Nobody waits for an answer any more: the client is gone, or the connection. */
void inquiry_forget_client(struct inquiries *inquiries, struct client *client);

#endif
