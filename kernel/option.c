/*
 * The kernel command line.
 */
#include "boot/bootinfo.h"
#include "kernel/types.h"
#include "kernel/console.h"
#include "kernel/option.h"
#include "kernel/panic.h"
#include "kernel/string.h"

/* What may follow the name. */
enum option_kind {
	OPT_ALONE,  /* nothing */
	OPT_TEXT,   /* nothing, or = and any text */
	OPT_NUMBER, /* = and a number in the range */
	OPT_ON_OFF, /* =on or =off */
};

struct option {
	const char *name;
	enum option_kind kind;
	uint32_t least, most; /* of a number */
};

/* clang-format off */
static const struct option known[] = {
	/* Run the tests that match; or only print their names. */
	{ "test",             OPT_TEXT,   0, 0 },
	{ "list",             OPT_ALONE,  0, 0 },
	/* Run the benchmarks that match, for their cost, time or scaling. */
	{ "bench",            OPT_TEXT,   0, 0 },
	{ "bench.what",       OPT_TEXT,   0, 0 },
	{ "bench.engine",     OPT_TEXT,   0, 0 },
	/* The seed of all random choices; how often to run each test. */
	{ "seed",             OPT_NUMBER, 0, UINT32_MAX },
	{ "repeat",           OPT_NUMBER, 1, UINT32_MAX },
	/* Milliseconds until a test counts as hung. */
	{ "timeout",          OPT_NUMBER, 1, UINT32_MAX },
	/* What else to do at boot. */
	{ "monitor",          OPT_ALONE,  0, 0 },
	{ "panic",            OPT_TEXT,   0, 0 },
	/* Start no more CPUs than these. */
	{ "cpus",             OPT_NUMBER, 1, MAXCPU },
	/* Try to start a CPU that is not there, by this APIC ID. */
	{ "cpus.phantom",     OPT_NUMBER, 0, MAXCPU - 1 },
	/* A test may start one that was left out. */
	{ "cpus.late",        OPT_ALONE,  0, 0 },
	/* The sf_buf layer: buffers, at most SF_BUF_MAX; how pages are mapped. */
	{ "kern.ipc.nsfbufs", OPT_NUMBER, 1, 65536 },
	{ "sfbuf.dmap",       OPT_ON_OFF, 0, 0 },
	{ "sfbuf.strict",     OPT_ON_OFF, 0, 0 },
};
/* clang-format on */

/* Of each known word, in the same order: is it there, and with which value? */
static struct {
	bool present;
	const char *value; /* in `line`; NULL: none */
} given[nitems(known)];

/* The command line, with a 0 after each name and each word. */
static char line[BOOT_CMDLINE_BYTES];

/* The index in the table; nitems(known) if the name is not there. */
static unsigned
option_index(const char *name)
{
	unsigned i = 0;

	while (i < nitems(known) && strcmp(known[i].name, name) != 0)
		i++;
	return (i);
}

/* The same for the kernel's own questions: a name that must be there. */
static unsigned
option_index_known(const char *name, enum option_kind kind)
{
	unsigned i = option_index(name);

	ASSERT(i < nitems(known), "option: no option is called %s", name);
	ASSERT(known[i].kind == kind, "option: %s is of kind %u, not %u", name,
	    known[i].kind, kind);
	return (i);
}

static bool
value_is_on_off(const char *value)
{
	return (value != NULL &&
	    (strcmp(value, "on") == 0 || strcmp(value, "off") == 0));
}

/* Accept a word's value, or say what it ought to be. */
static bool
option_accepts(const struct option *o, const char *value)
{
	const char *shown = value == NULL ? "" : value;
	uint64_t n;

	switch (o->kind) {
	case OPT_ALONE:
		if (value == NULL)
			return (true);
		kprintf("option: %s takes no value, but has \"%s\": ignored\n",
		    o->name, shown);
		return (false);
	case OPT_TEXT:
		return (true);
	case OPT_NUMBER:
		if (value != NULL && parse_number(value, &n) && n >= o->least &&
		    n <= o->most)
			return (true);
		kprintf("option: %s takes a number from %u to %u, not \"%s\": "
			"ignored\n",
		    o->name, o->least, o->most, shown);
		return (false);
	case OPT_ON_OFF:
		if (value_is_on_off(value))
			return (true);
		kprintf("option: %s takes on or off, not \"%s\": ignored\n",
		    o->name, shown);
		return (false);
	}
	return (false);
}

/* One word, in place: cut at its equals sign, if it has one. */
static void
parse_word(char *word)
{
	char *equals = word;
	const char *value = NULL;
	unsigned i;

	while (*equals != '\0' && *equals != '=')
		equals++;
	if (*equals == '=') {
		*equals = '\0';
		value = equals + 1;
	}
	i = option_index(word);
	if (i == nitems(known)) {
		kprintf("option: unknown word \"%s%s%s\": ignored\n", word,
		    value == NULL ? "" : "=", value == NULL ? "" : value);
		return;
	}
	if (!option_accepts(&known[i], value))
		return;
	given[i].present = true;
	if (value != NULL)
		given[i].value = value;
}

static bool
is_blank(char c)
{
	return (c == ' ' || c == '\t' || c == '\r' || c == '\n');
}

void
option_parse(const char *cmdline)
{
	char *p = line;

	memset(given, 0, sizeof(given));
	strlcpy(line, cmdline, sizeof(line));
	while (*p != '\0') {
		char *word = p;

		if (is_blank(*p)) {
			p++;
			continue;
		}
		while (*p != '\0' && !is_blank(*p))
			p++;
		if (*p != '\0')
			*p++ = '\0';
		parse_word(word);
	}
}

bool
option_present(const char *name)
{
	unsigned i = option_index(name);

	ASSERT(i < nitems(known), "option: no option is called %s", name);
	return (given[i].present);
}

const char *
option_string(const char *name)
{
	return (given[option_index_known(name, OPT_TEXT)].value);
}

uint64_t
option_number(const char *name, uint64_t otherwise)
{
	const char *value = given[option_index_known(name, OPT_NUMBER)].value;
	uint64_t n;

	return (value != NULL && parse_number(value, &n) ? n : otherwise);
}

bool
option_on(const char *name, bool otherwise)
{
	const char *value = given[option_index_known(name, OPT_ON_OFF)].value;

	return (value == NULL ? otherwise : strcmp(value, "on") == 0);
}
