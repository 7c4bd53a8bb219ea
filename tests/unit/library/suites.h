/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Each adds the tests of one file. */
#ifndef TESTS_LIBRARY_SUITES_H
#define TESTS_LIBRARY_SUITES_H

void add_steps(void);
void add_calls(void);
void add_causes(void);
void add_requests(void);
void add_texts(void);
void add_connections(void);
void add_events(void);
void add_objects(void);
void add_replies(void);
void add_lies(void);
void add_refusals(void);
void add_silences(void);

#endif
