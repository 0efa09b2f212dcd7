/*
 * Fuzz target: formatting.  The host's snprintf() is asked for the same.
 *
 * In 32 bits arguments stand on the stack in words, whatever their types are:
 * the words of a list are all arguments that a conversion can take.
 */
#include "kernel/console.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/libc.h"

#define COUNT_MAX 300 /* of a width and a precision */

/* A conversion under way: its text and its arguments. */
struct call {
	char format[64];
	size_t length;
	uint32_t word[8];
	unsigned nwords;
};

static void
add(struct call *c, char letter)
{
	c->format[c->length++] = letter;
	c->format[c->length] = '\0';
}

/* A width or a precision: none, in the format, or an argument. */
static void
add_count(struct call *c, struct input *in)
{
	uint16_t v = (uint16_t)input_number(in, 2);
	int n = v / 4 % (2 * COUNT_MAX) - COUNT_MAX;

	if (v % 4 == 0) {
		add(c, '*');
		c->word[c->nwords++] = (uint32_t)n;
	} else if (v % 4 == 1)
		c->length += (size_t)snprintf(c->format + c->length, 8, "%d",
		    n < 0 ? -n : n);
}

static void
add_flags(struct call *c, unsigned flags)
{
	static const char letters[] = "-0+ #";

	for (unsigned i = 0; i < strlen(letters); i++)
		if (flags >> i & 1)
			add(c, letters[i]);
}

static void
add_integer(struct call *c, struct input *in, char letter)
{
	static const char *const lengths[] = {"", "h", "hh", "l", "ll", "z"};
	const char *length = lengths[input_number(in, 1) % nitems(lengths)];
	/* Few bits, many bits, and all of them. */
	uint64_t v = input_number(in, 8) << input_number(in, 1) % 64;

	for (const char *s = length; *s != '\0'; s++)
		add(c, *s);
	add(c, letter);
	c->word[c->nwords++] = (uint32_t)v;
	c->word[c->nwords++] = (uint32_t)(v >> 32);
}

/* `flags` are those that C defines for the letter. */
static void
add_conversion(struct call *c, struct input *in, char *text, size_t size)
{
	static const struct {
		char letter;
		unsigned flags;
	} known[] = {{'d', 15}, {'i', 15}, {'u', 3}, {'x', 19}, {'X', 19},
	    {'s', 1}, {'c', 1}, {'%', 0}};
	unsigned i = input_number(in, 1) % nitems(known);

	add(c, '%');
	if (known[i].letter == '%') {
		add(c, '%');
		return;
	}
	add_flags(c, (unsigned)input_number(in, 1) & known[i].flags);
	add_count(c, in);
	if (known[i].letter != 'c' && input_number(in, 1) % 2 != 0) {
		add(c, '.');
		add_count(c, in);
	}
	if (known[i].letter == 's') {
		text[input_bytes(in, text, size - 1)] = '\0';
		c->word[c->nwords++] = (uint32_t)(uintptr_t)text;
	} else if (known[i].letter == 'c')
		c->word[c->nwords++] = (uint32_t)input_number(in, 1);
	else {
		add_integer(c, in, known[i].letter);
		return;
	}
	add(c, known[i].letter);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char text[COUNT_MAX];
	struct input in = {data, size};
	size_t room = 1 + input_number(&in, 2) % 700;
	char *got = malloc(room), *want = malloc(room);
	struct call c = {.length = 0};
	const uint32_t *w = c.word;
	int got_length, want_length;

	add(&c, '<');
	add_conversion(&c, &in, text, sizeof(text));
	add(&c, '>');
	got_length =
	    ksnprintf(got, room, c.format, w[0], w[1], w[2], w[3], w[4]);
	want_length =
	    snprintf(want, room, c.format, w[0], w[1], w[2], w[3], w[4]);
	ASSERT(got_length == want_length && strcmp(got, want) == 0 &&
		memcmp(got, want, MIN((size_t)got_length + 1, room)) == 0,
	    "printf: %s gives %s (%d), not %s (%d)", c.format, got, got_length,
	    want, want_length);
	free(got);
	free(want);
	return (0);
}
