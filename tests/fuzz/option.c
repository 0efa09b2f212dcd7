/*
 * Fuzz target: the words of the kernel's command line.
 */
#include "boot/bootinfo.h"
#include "kernel/option.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/libc.h"

static bool
is_blank(char c)
{
	return (c == ' ' || c == '\t' || c == '\r' || c == '\n');
}

/* The next word of [*at, end): its length; 0 if there is none. */
static size_t
next_word(const char **at, const char *end)
{
	size_t n = 0;

	while (*at < end && is_blank(**at))
		++*at;
	while (*at + n < end && !is_blank((*at)[n]))
		n++;
	return (n);
}

/* Does a word have this name?  Then where its value begins; `n` if it has none,
 * and 0 if the name is another. */
static size_t
value_of(const char *word, size_t n, const char *name)
{
	size_t length = strlen(name);

	if (n < length || memcmp(word, name, length) != 0 ||
	    (n > length && word[length] != '='))
		return (0);
	return (n == length ? n : length + 1);
}

static bool
value_is(const char *word, size_t n, size_t value, const char *s)
{
	return (n - value == strlen(s) &&
	    memcmp(word + value, s, n - value) == 0);
}

/* What the last word of this name says: a word that ends at `end`. */
struct found {
	bool alone, any;  /* without a value; in any form */
	const char *text; /* the last value, or NULL */
	size_t bytes;
	const char *on_off; /* the last that is on or off */
};

static struct found
look_for(const char *name, const char *line, const char *end)
{
	struct found f = {0};
	size_t n;

	for (; (n = next_word(&line, end)) != 0; line += n) {
		size_t value = value_of(line, n, name);

		if (value == 0)
			continue;
		f.any = true;
		if (line[value - 1] != '=' || value <= strlen(name)) {
			f.alone = true;
			continue;
		}
		f.text = line + value;
		f.bytes = n - value;
		if (value_is(line, n, value, "on"))
			f.on_off = "on";
		if (value_is(line, n, value, "off"))
			f.on_off = "off";
	}
	return (f);
}

static void
check_text(const char *name, const char *line, const char *end)
{
	struct found f = look_for(name, line, end);
	const char *value = option_string(name);

	ASSERT(option_present(name) == f.any, "option: %s is there: %u", name,
	    f.any);
	ASSERT((value != NULL) == (f.text != NULL),
	    "option: %s has a value: %u", name, f.text != NULL);
	ASSERT(value == NULL ||
		(strlen(value) == f.bytes &&
		    memcmp(value, f.text, f.bytes) == 0),
	    "option: %s is \"%s\"", name, value);
}

static void
check_number(const char *name, uint64_t least, uint64_t most, const char *line,
    const char *end)
{
	struct found f = look_for(name, line, end);
	uint64_t n = option_number(name, UINT64_MAX);

	ASSERT(option_present(name) == (n != UINT64_MAX),
	    "option: %s is there, and its value is %llu", name, n);
	ASSERT(n == UINT64_MAX || (f.text != NULL && n >= least && n <= most),
	    "option: %s is %llu", name, n);
}

static void
check_on_off(const char *name, const char *line, const char *end)
{
	struct found f = look_for(name, line, end);
	bool on = f.on_off != NULL && strcmp(f.on_off, "on") == 0;

	ASSERT(option_present(name) == (f.on_off != NULL), "option: %s", name);
	ASSERT(option_on(name, false) == on &&
		option_on(name, true) == (on || f.on_off == NULL),
	    "option: %s is %u", name, on);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *line = malloc(size + 1);
	const char *end;

	memcpy(line, data, size);
	line[size] = '\0';
	option_parse(line);

	end = line + MIN(strlen(line), BOOT_CMDLINE_BYTES - 1);
	check_text("test", line, end);
	check_text("panic", line, end);
	check_text("bench.engine", line, end);
	check_number("repeat", 1, UINT32_MAX, line, end);
	check_number("cpus", 1, MAXCPU, line, end);
	check_number("kern.ipc.nsfbufs", 1, 65536, line, end);
	check_on_off("sfbuf.dmap", line, end);
	check_on_off("sfbuf.strict", line, end);
	ASSERT(option_present("monitor") ==
		look_for("monitor", line, end).alone,
	    "option: monitor");
	free(line);
	return (0);
}
