/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sizes, amounts, durations and other values as administrators write them. The
 * one parser of each in the daemon. Pure.
 */
#ifndef CMABULKD_SIZE_H
#define CMABULKD_SIZE_H

#include <stdbool.h>
#include <stdint.h>

#include "account.h"

/*
 * All of these: 0; -EINVAL when it is not of that form; -ERANGE when it cannot be
 * counted or is out of bounds. Outputs are untouched on error.
 */

/* Digits only. */
int number_parse(const char *text, uint64_t minimum, uint64_t maximum, uint64_t *ret);
/* yes, no, true, false, on, off, 1, 0 */
int boolean_parse(const char *text, bool *ret);
/* Bytes, with K, M, G or T as powers of 1024. */
int size_parse(const char *text, uint64_t *ret_bytes);
/* 300M, 4800x64K is not one of these: bytes with K, M, G, T (1024), or PERCENT%. */
int amount_parse(const char *text, struct amount *ret);
/* 20, 20s, 1.5s, 500ms, 100us, 2min, 1h, 1min 30s, infinity (UINT64_MAX) */
int duration_parse(const char *text, uint64_t *ret_usec);

#endif
