/*
 * Fuzz target: editing a line.  A terminal is played by 100 columns: after each
 * key it must show the text that the editor has, and its cursor stand where the
 * editor's does.
 */
#include "kernel/lineedit.h"
#include "tests/fuzz/fuzz.h"

#define COLUMNS 100

static char screen[COLUMNS];
static size_t column;

static void
clear_screen(void)
{
	memset(screen, ' ', sizeof(screen));
	column = 0;
}

static void
put(const char *s, size_t n, void *arg __unused)
{
	for (; n > 0; n--, s++) {
		if (*s == '\a')
			continue;
		if (*s == '\n') {
			clear_screen();
			continue;
		}
		if (*s == '\b') {
			ASSERT(column > 0, "lineedit: left of the line");
			column--;
			continue;
		}
		ASSERT(*s >= ' ' && *s <= '~', "lineedit: it prints %#x", *s);
		ASSERT(column < LINE_BYTES + 2, "lineedit: right of the line");
		screen[column++] = *s;
	}
}

static void
check(const struct lineedit *e)
{
	ASSERT(e->len <= LINE_BYTES && e->cursor <= e->len &&
		strlen(e->text) == e->len,
	    "lineedit: cursor %zu of %zu", e->cursor, e->len);
	ASSERT(column == e->cursor, "lineedit: column %zu, cursor %zu", column,
	    e->cursor);
	ASSERT(memcmp(screen, e->text, e->len) == 0,
	    "lineedit: the terminal does not show \"%s\"", e->text);
	for (size_t i = e->len; i < COLUMNS; i++)
		ASSERT(screen[i] == ' ', "lineedit: rests in column %zu", i);
}

/* A line that has been entered is what going back once brings. */
static void
check_history(struct lineedit *e, const char *line)
{
	if (line[0] == '\0')
		return;
	lineedit_key(e, 'P' & 0x1f);
	ASSERT(strcmp(e->text, line) == 0, "lineedit: \"%s\" after \"%s\"",
	    e->text, line);
	lineedit_key(e, 'N' & 0x1f);
	ASSERT(e->text[0] == '\0', "lineedit: the draft is \"%s\"", e->text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct lineedit e;
	char line[LINE_BYTES + 1];

	lineedit_init(&e, put, NULL);
	clear_screen();
	lineedit_start(&e);
	for (; size > 0; size--, data++) {
		enum lineedit_result result = lineedit_key(&e, *data);

		if (result == LINE_MORE) {
			check(&e);
			continue;
		}
		ASSERT(column == 0, "lineedit: an end without a new line");
		strlcpy(line, e.text, sizeof(line));
		lineedit_start(&e);
		if (result == LINE_DONE)
			check_history(&e, line);
		check(&e);
	}
	return (0);
}
