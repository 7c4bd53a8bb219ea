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

/*
 * As client_function. @since_ns: when it was asked, by the monotonic clock. May call inquiry_put() for
 * the same call again, and return 1.
 */
typedef int (*inquiry_function)(struct client *client, sd_bus_message *call, uint64_t since_ns,
				sd_bus_error *error);

struct inquiries *inquiries_new(struct manager *manager);
struct inquiries *inquiries_free(struct inquiries *inquiries);

/* Runs @function when it is the turn of the client's user, and not before @when_ns. Returns 1. */
int inquiry_put(struct client *client, sd_bus_message *call, inquiry_function function,
		uint64_t since_ns, uint64_t when_ns);
/* Whether any of the client's user wait. */
bool inquiry_has_some(const struct client *client);
/* Nobody waits for an answer any more: the client is gone, or the connection. */
void inquiry_forget_client(struct inquiries *inquiries, struct client *client);

#endif
