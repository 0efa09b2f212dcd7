/*
 * The monitor's loop: read a line, take it apart, run the command.
 */
#include "kernel/monitor.h"
#include "kernel/console.h"
#include "kernel/lineedit.h"
#include "kernel/monitor_cmds.h"
#include "kernel/serial_input.h"
#include "kernel/string.h"

/* scripts/console.py waits for exactly this. */
#define PROMPT "ephemera> "

struct command {
	const char *name;
	const char *args; /* in words, for help; "" if there are none */
	const char *help; /* one line */
	unsigned max_args;
	command_fn *fn;
};

static command_fn cmd_help;

/* In the order of help. */
static const struct command commands[] = {
    {"help", "[COMMAND]", "this list, or one line of it", 1, cmd_help},
    {"mem", "", "page frames, by zone and size of block", 0, cmd_mem},
    {"pages", "[FRAME]", "what a page frame is used for", 1, cmd_pages},
    {"kva", "", "kernel address ranges", 0, cmd_kva},
    {"pt", "ADDRESS [CPU]", "walk the page tables", 2, cmd_pt},
    {"peek", "ADDRESS [BYTES]", "dump memory", 2, cmd_peek},
    {"sfbufs", "", "the sf_buf window", 0, cmd_sfbufs},
    {"map", "[FRAME]", "map a frame, or a new one, by an sf_buf", 1, cmd_map},
    {"unmap", "FRAME", "free the sf_buf of map", 1, cmd_unmap},
    {"cpus", "", "processors", 0, cmd_cpus},
    {"ps", "", "threads", 0, cmd_ps},
    {"counters", "[CPU]", "event counters", 1, cmd_counters},
    {"bt", "", "backtrace of the monitor's thread", 0, cmd_bt},
    {"test", "GLOB", "run the tests whose names match", 1, cmd_test},
    {"sendfile", "", "take the tour again", 0, cmd_sendfile},
    {"ls", "[GLOB]", "members of the tar archive that was passed", 1, cmd_ls},
    {"cat", "NAME", "print one; ^C stops it", 1, cmd_cat},
    {"sum", "NAME", "its CRC and size, as cksum prints them", 1, cmd_sum},
    {"panic", "[WORDS]", "panic", MONITOR_MAX_WORDS, cmd_panic},
    {"exit", "", "end the machine", 0, cmd_exit},
};

static struct lineedit editor; /* the monitor's thread only */

static void
put(const char *s, size_t n, void *arg __unused)
{
	kprintf("%.*s", (int)n, s);
}

/* Read a line; ^D counts as `exit`. */
static char *
read_line(void)
{
	enum lineedit_result r;

	do {
		kprintf(PROMPT);
		lineedit_start(&editor);
		do
			r = lineedit_key(&editor, console_getc());
		while (r == LINE_MORE);
	} while (r == LINE_CANCEL);
	if (r == LINE_EOF)
		strlcpy(editor.text, "exit", sizeof(editor.text));
	return (editor.text);
}

/* Split a line at blanks, in place.  Returns how many words it had. */
static unsigned
split(char *line, char **word, unsigned max)
{
	unsigned n = 0;

	for (;;) {
		while (*line == ' ')
			*line++ = '\0';
		if (*line == '\0' || n == max)
			return (n);
		word[n++] = line;
		while (*line != ' ' && *line != '\0')
			line++;
	}
}

static const struct command *
find(const char *name)
{
	for (unsigned i = 0; i < nitems(commands); i++) {
		if (strcmp(commands[i].name, name) == 0)
			return (&commands[i]);
	}
	return (NULL);
}

/* The command that begins most like `name`; NULL if none shares two letters. */
static const struct command *
nearest(const char *name)
{
	const struct command *best = NULL;
	size_t most = 1;

	for (unsigned i = 0; i < nitems(commands); i++) {
		const char *other = commands[i].name;
		size_t same = 0;

		while (other[same] != '\0' && other[same] == name[same])
			same++;
		if (same > most) {
			most = same;
			best = &commands[i];
		}
	}
	return (best);
}

static void
complain_unknown(const char *name)
{
	const struct command *c = nearest(name);

	kprintf("There is no command '%s'.", name);
	if (c != NULL)
		kprintf("  Is it '%s'?", c->name);
	kprintf("  Type help for a list.\n");
}

static void
run(char *line)
{
	char *word[MONITOR_MAX_WORDS];
	unsigned n = split(line, word, nitems(word));
	const struct command *c;

	if (n == 0)
		return;
	c = find(word[0]);
	if (c == NULL)
		complain_unknown(word[0]);
	else if (n - 1 > c->max_args || !c->fn(n, word))
		kprintf("Usage: %s%s%s\n", c->name,
		    c->args[0] != '\0' ? " " : "", c->args);
}

static void
help(const struct command *c)
{
	kprintf("  %-9s%-17s%s\n", c->name, c->args, c->help);
}

static bool
cmd_help(unsigned argc, char **argv)
{
	const struct command *c = argc > 1 ? find(argv[1]) : NULL;

	if (c != NULL)
		help(c);
	else if (argc > 1)
		complain_unknown(argv[1]);
	for (unsigned i = 0; argc == 1 && i < nitems(commands); i++)
		help(&commands[i]);
	return (true);
}

void
monitor(void)
{
	lineedit_init(&editor, put, NULL);
	for (;;)
		run(read_line());
}
