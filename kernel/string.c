/*
 * Memory and string functions.
 */
#include <stdatomic.h>
#include "kernel/types.h"
#include "kernel/string.h"

/*
 * Four bytes at any address: the processor reads them whole wherever they
 * stand, and they may be part of an object of any type.
 */
struct word {
	uint32_t v;
} __packed __attribute__((may_alias));

/*
 * Compilers know a loop that copies or fills when they see one, and put a call
 * of memcpy() or memset() in its place: here, of the function itself.  A
 * signal fence in the loop is no instruction, and keeps it a loop.
 */
static inline void
stay_a_loop(void)
{
	atomic_signal_fence(memory_order_acq_rel);
}

static void
copy_up(void *dst, const void *src, size_t n)
{
	struct word *to = dst;
	const struct word *from = src;
	uint8_t *to_byte;
	const uint8_t *from_byte;

	for (; n >= 4 * sizeof(*to); n -= 4 * sizeof(*to)) {
		to[0] = from[0];
		to[1] = from[1];
		to[2] = from[2];
		to[3] = from[3];
		to += 4;
		from += 4;
		stay_a_loop();
	}
	to_byte = (uint8_t *)to;
	from_byte = (const uint8_t *)from;
	while (n-- > 0) {
		*to_byte++ = *from_byte++;
		stay_a_loop();
	}
}

static void
copy_down(uint8_t *dst, const uint8_t *src, size_t n)
{
	while (n-- > 0) {
		dst[n] = src[n];
		stay_a_loop();
	}
}

void *
memcpy(void *restrict dst, const void *restrict src, size_t n)
{
	copy_up(dst, src, n);
	return (dst);
}

void *
memmove(void *dst, const void *src, size_t n)
{
	/*
	 * Upward is right unless dst begins inside src.  Where they overlap
	 * the other way, each group of words is read before it is written over,
	 * word by word.
	 */
	if ((uintptr_t)dst - (uintptr_t)src >= n)
		copy_up(dst, src, n);
	else
		copy_down(dst, src, n);
	return (dst);
}

void *
memset(void *dst, int c, size_t n)
{
	struct word *word = dst;
	struct word fill = {(uint8_t)c * 0x01010101u};
	uint8_t *byte;

	for (; n >= 4 * sizeof(*word); n -= 4 * sizeof(*word)) {
		word[0] = fill;
		word[1] = fill;
		word[2] = fill;
		word[3] = fill;
		word += 4;
		stay_a_loop();
	}
	byte = (uint8_t *)word;
	while (n-- > 0) {
		*byte++ = (uint8_t)c;
		stay_a_loop();
	}
	return (dst);
}

int
memcmp(const void *a, const void *b, size_t n)
{
	const uint8_t *x = a, *y = b;

	for (; n > 0; n--, x++, y++)
		if (*x != *y)
			return (*x - *y);
	return (0);
}

size_t
strlen(const char *s)
{
	const char *end = s;

	while (*end != '\0') {
		end++;
		stay_a_loop();
	}
	return ((size_t)(end - s));
}

int
strcmp(const char *a, const char *b)
{
	return (strncmp(a, b, SIZE_MAX));
}

int
strncmp(const char *a, const char *b, size_t n)
{
	for (; n > 0; n--, a++, b++) {
		if (*a != *b)
			return ((uint8_t)*a - (uint8_t)*b);
		if (*a == '\0')
			break;
	}
	return (0);
}

size_t
strlcpy(char *dst, const char *src, size_t size)
{
	size_t len = strlen(src);

	if (size > 0) {
		size_t n = MIN(len, size - 1);

		memcpy(dst, src, n);
		dst[n] = '\0';
	}
	return (len);
}

/*
 * A star first stands for nothing, and for one more character each time that
 * what follows it fails to match.  Only the last star need ever be tried again:
 * an earlier one could not do better.  So the time is at most the product of
 * the lengths.
 */
bool
glob_match(const char *glob, const char *s)
{
	const char *star = NULL; /* what follows the last star */
	const char *resume = s;  /* what that was last tried against */

	for (;;) {
		if (*glob == '*') {
			star = ++glob;
			resume = s;
		} else if (*s == '\0') {
			return (*glob == '\0');
		} else if (*glob == *s || *glob == '?') {
			glob++;
			s++;
		} else if (star != NULL) {
			glob = star;
			s = ++resume;
		} else {
			return (false);
		}
	}
}

/* The value of a digit, 16 if it is none. */
static unsigned
digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return ((unsigned)(c - '0'));
	if (c >= 'a' && c <= 'f')
		return ((unsigned)(c - 'a') + 10);
	if (c >= 'A' && c <= 'F')
		return ((unsigned)(c - 'A') + 10);
	return (16);
}

static unsigned
suffix_shift(char c)
{
	switch (c) {
	case 'K':
		return (10);
	case 'M':
		return (20);
	case 'G':
		return (30);
	default:
		return (0);
	}
}

bool
parse_number(const char *s, uint64_t *value)
{
	unsigned base = 10, shift;
	uint64_t v = 0;

	if (s[0] == '0' && s[1] == 'x') {
		base = 16;
		s += 2;
	}
	if (digit_value(*s) >= base)
		return (false);
	for (; digit_value(*s) < base; s++)
		if (__builtin_mul_overflow(v, base, &v) ||
		    __builtin_add_overflow(v, digit_value(*s), &v))
			return (false);
	shift = suffix_shift(*s);
	if (shift != 0)
		s++;
	if (*s != '\0' || v << shift >> shift != v)
		return (false);
	*value = v << shift;
	return (true);
}
