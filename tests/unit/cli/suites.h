/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The groups of tests that make up test-cli, besides its own. */
#ifndef CLI_SUITES_H
#define CLI_SUITES_H

void add_advising(void);
void add_holders(void);
void add_observing(void);
void add_top(void);
void add_versions(void);

#endif
