// SPDX-License-Identifier: LGPL-2.1-or-later
/* Sizes, amounts of chunks and times, as people write and read them. Pure. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "size.h"

#define USEC_PER_MSEC	UINT64_C(1000)
#define USEC_PER_SEC	UINT64_C(1000000)
#define USEC_PER_MINUTE (60 * USEC_PER_SEC)
#define USEC_PER_HOUR	(60 * USEC_PER_MINUTE)
#define USEC_PER_DAY	(24 * USEC_PER_HOUR)

#define DEFAULT_CHUNK_SIZE UINT64_C(65536)

/* The digits at @text; no sign, no blanks, no other base. */
static int parse_digits(const char *text, uint64_t *ret, const char **ret_end)
{
	char *end;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	*ret = strtoull(text, &end, 10);
	*ret_end = end;
	return errno == ERANGE ? -ERANGE : 0;
}

int number_parse(const char *text, uint64_t max, uint64_t *ret)
{
	const char *end;
	uint64_t number;
	int r = parse_digits(text, &number, &end);

	if (r < 0)
		return r;
	if (*end)
		return -EINVAL;
	if (number > max)
		return -ERANGE;
	*ret = number;
	return 0;
}

/* Power of 1024 that a suffix stands for; -EINVAL. */
static int suffix_power(const char *suffix)
{
	static const char letters[] = "KMGTPE";
	const char *letter = strchr(letters, toupper((unsigned char)*suffix));

	if (!*suffix || strcmp(suffix, "B") == 0)
		return 0;
	if (!letter || (suffix[1] && strcmp(suffix + 1, "B") != 0 && strcmp(suffix + 1, "iB") != 0))
		return -EINVAL;
	return (int)(letter - letters) + 1;
}

int size_parse(const char *text, uint64_t *ret)
{
	const char *suffix;
	uint64_t number;
	int power;
	int r = parse_digits(text, &number, &suffix);

	if (r < 0)
		return r;
	power = suffix_power(suffix);
	if (power < 0)
		return power;
	if (__builtin_mul_overflow(number, UINT64_C(1) << (10 * power), &number))
		return -ERANGE;
	*ret = number;
	return 0;
}

static int parse_unit(const char *text, uint64_t *ret_usec)
{
	static const struct {
		const char *name;
		uint64_t usec;
	} units[] = {
		{ "", USEC_PER_SEC },	    { "us", 1 },
		{ "ms", USEC_PER_MSEC },    { "s", USEC_PER_SEC },
		{ "min", USEC_PER_MINUTE }, { "h", USEC_PER_HOUR },
	};

	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (strcmp(text, units[i].name) == 0) {
			*ret_usec = units[i].usec;
			return 0;
		}
	return -EINVAL;
}

/* The part after the point, in millionths. */
static int parse_fraction(const char *text, uint64_t *ret_millionths, const char **ret_end)
{
	uint64_t millionths = 0;
	uint64_t weight = 100000;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	for (; isdigit((unsigned char)*text); text++, weight /= 10)
		millionths += weight * (uint64_t)(*text - '0');
	*ret_millionths = millionths;
	*ret_end = text;
	return 0;
}

int time_parse(const char *text, uint64_t *ret_usec)
{
	uint64_t fraction = 0;
	const char *end;
	uint64_t number;
	uint64_t unit;
	int r;

	if (strcmp(text, "infinity") == 0) {
		*ret_usec = UINT64_MAX;
		return 0;
	}
	r = parse_digits(text, &number, &end);
	if (r >= 0 && *end == '.')
		r = parse_fraction(end + 1, &fraction, &end);
	if (r >= 0)
		r = parse_unit(end, &unit);
	if (r < 0)
		return r;
	if (__builtin_mul_overflow(number, unit, &number) ||
	    __builtin_add_overflow(number, fraction * unit / 1000000, &number))
		return -ERANGE;
	*ret_usec = number;
	return 0;
}

static int parse_pair(const char *text, const char *separator, struct amount *ret)
{
	char count[SIZE_TEXT];
	size_t length = (size_t)(separator - text);
	struct amount amount = { 0 };
	int r;

	if (length >= sizeof(count))
		return -ERANGE;
	memcpy(count, text, length);
	count[length] = '\0';
	r = number_parse(count, UINT64_MAX, &amount.chunks);
	if (r >= 0)
		r = size_parse(separator + 1, &amount.chunk_size);
	if (r < 0)
		return r;
	if (amount.chunks == 0 || amount.chunk_size == 0)
		return -EINVAL;
	*ret = amount;
	return 0;
}

int amount_parse(const char *text, struct amount *ret)
{
	const char *separator = strchr(text, 'x');
	struct amount amount = { 0 };
	int r;

	if (separator)
		return parse_pair(text, separator, ret);
	r = number_parse(text, UINT64_MAX, &amount.chunks);
	if (r == -EINVAL)
		r = size_parse(text, &amount.bytes);
	if (r < 0)
		return r;
	if (amount.chunks == 0 && amount.bytes == 0)
		return -EINVAL;
	*ret = amount;
	return 0;
}

static int chunk_size_to_order(uint64_t chunk_size, uint64_t page_size, unsigned int *ret)
{
	if ((chunk_size & (chunk_size - 1)) || chunk_size < page_size)
		return -EINVAL;
	*ret = (unsigned int)__builtin_ctzll(chunk_size / page_size);
	return 0;
}

int amount_resolve(const struct amount *amount, int order, uint64_t page_size, uint64_t *ret_chunks,
		   unsigned int *ret_order)
{
	uint64_t default_size = DEFAULT_CHUNK_SIZE > page_size ? DEFAULT_CHUNK_SIZE : page_size;
	unsigned int resolved = (unsigned int)order;
	uint64_t chunk_size;
	int r = 0;

	if (amount->chunk_size || order < 0)
		r = chunk_size_to_order(amount->chunk_size ? amount->chunk_size : default_size,
					page_size, &resolved);
	if (r < 0)
		return r;
	if (order >= 0 && (unsigned int)order != resolved)
		return -EINVAL;
	chunk_size = page_size << resolved;
	*ret_chunks = amount->bytes ?
			      amount->bytes / chunk_size + (amount->bytes % chunk_size ? 1 : 0) :
			      amount->chunks;
	*ret_order = resolved;
	return 0;
}

const char *size_format(char text[SIZE_TEXT], uint64_t bytes)
{
	static const char letters[] = "BKMGTPE";
	unsigned int power = 0;
	uint64_t unit = 1;

	while (power < sizeof(letters) - 2 && bytes / unit >= 1024) {
		unit *= 1024;
		power++;
	}
	if (power == 0)
		snprintf(text, SIZE_TEXT, "%" PRIu64 "B", bytes);
	else if (bytes % unit == 0)
		snprintf(text, SIZE_TEXT, "%" PRIu64 "%c", bytes / unit, letters[power]);
	else
		snprintf(text, SIZE_TEXT, "%" PRIu64 ".%" PRIu64 "%c", bytes / unit,
			 bytes % unit * 10 / unit, letters[power]);
	return text;
}

/* Two units at most, as people say it. */
static const char *format_pair(char text[SIZE_TEXT], uint64_t usec, uint64_t large,
			       const char *large_name, uint64_t small, const char *small_name)
{
	if (usec % large / small == 0)
		snprintf(text, SIZE_TEXT, "%" PRIu64 "%s", usec / large, large_name);
	else
		snprintf(text, SIZE_TEXT, "%" PRIu64 "%s %" PRIu64 "%s", usec / large, large_name,
			 usec % large / small, small_name);
	return text;
}

const char *time_format(char text[SIZE_TEXT], uint64_t usec)
{
	if (usec < USEC_PER_MSEC)
		snprintf(text, SIZE_TEXT, "%" PRIu64 "us", usec);
	else if (usec < USEC_PER_SEC)
		snprintf(text, SIZE_TEXT, "%" PRIu64 ".%" PRIu64 "ms", usec / USEC_PER_MSEC,
			 usec % USEC_PER_MSEC / 100);
	else if (usec < USEC_PER_MINUTE)
		snprintf(text, SIZE_TEXT, "%" PRIu64 ".%" PRIu64 "s", usec / USEC_PER_SEC,
			 usec % USEC_PER_SEC / 100000);
	else if (usec < USEC_PER_HOUR)
		format_pair(text, usec, USEC_PER_MINUTE, "min", USEC_PER_SEC, "s");
	else if (usec < USEC_PER_DAY)
		format_pair(text, usec, USEC_PER_HOUR, "h", USEC_PER_MINUTE, "min");
	else
		format_pair(text, usec, USEC_PER_DAY, "d", USEC_PER_HOUR, "h");
	return text;
}
