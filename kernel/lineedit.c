/*
 * Editing one line of text on a terminal.
 *
 * The terminal is asked for no more than printable characters, backspace and
 * bell, so it may be any.
 */
#include "kernel/lineedit.h"
#include "kernel/panic.h"
#include "kernel/string.h"

#define CTRL(letter) ((letter)&0x1f)
#define ESCAPE 0x1b
#define DELETE 0x7f

static void
put(struct lineedit *e, const char *s, size_t n)
{
	if (n != 0)
		e->put(s, n, e->arg);
}

static void
put_repeated(struct lineedit *e, const char *one, size_t n)
{
	while (n-- != 0)
		put(e, one, 1);
}

/*
 * Print the text from `from` on again, where the terminal's cursor stands
 * now, blank out what is left of a line of `old_len`, and return to the cursor.
 */
static void
redraw(struct lineedit *e, size_t from, size_t old_len)
{
	size_t blanks = old_len > e->len ? old_len - e->len : 0;

	put(e, e->text + from, e->len - from);
	put_repeated(e, " ", blanks);
	put_repeated(e, "\b", blanks + e->len - e->cursor);
}

static void
move_to(struct lineedit *e, size_t cursor)
{
	if (cursor < e->cursor)
		put_repeated(e, "\b", e->cursor - cursor);
	else
		put(e, e->text + e->cursor, cursor - e->cursor);
	e->cursor = cursor;
}

static void
insert(struct lineedit *e, char c)
{
	if (e->len == LINE_BYTES) {
		put(e, "\a", 1);
		return;
	}
	memmove(e->text + e->cursor + 1, e->text + e->cursor,
	    e->len - e->cursor + 1);
	e->text[e->cursor++] = c;
	e->len++;
	redraw(e, e->cursor - 1, e->len - 1);
}

/* Take [from, to) out. */
static void
erase(struct lineedit *e, size_t from, size_t to)
{
	size_t old_len = e->len;

	ASSERT(from <= to && to <= e->len, "lineedit: erase %zu to %zu of %zu",
	    from, to, e->len);
	move_to(e, from);
	memmove(e->text + from, e->text + to, e->len - to + 1);
	e->len -= to - from;
	redraw(e, from, old_len);
}

static void
erase_word(struct lineedit *e)
{
	size_t from = e->cursor;

	while (from != 0 && e->text[from - 1] == ' ')
		from--;
	while (from != 0 && e->text[from - 1] != ' ')
		from--;
	erase(e, from, e->cursor);
}

static void
replace(struct lineedit *e, const char *s)
{
	size_t old_len = e->len;

	move_to(e, 0);
	e->len = e->cursor = strlcpy(e->text, s, sizeof(e->text));
	redraw(e, 0, old_len);
}

/* --- history --- */

/* The n-th newest line; n from 1. */
static char *
former_line(struct lineedit *e, unsigned n)
{
	return (e->history[(e->nlines - n) % LINE_HISTORY]);
}

static void
remember(struct lineedit *e)
{
	if (e->len == 0 ||
	    (e->nlines != 0 && strcmp(former_line(e, 1), e->text) == 0))
		return;
	e->nlines++;
	strlcpy(former_line(e, 1), e->text, LINE_BYTES + 1);
}

static void
browse(struct lineedit *e, unsigned n)
{
	if (n > MIN(e->nlines, LINE_HISTORY))
		return;
	if (e->browsed == 0)
		strlcpy(e->draft, e->text, sizeof(e->draft));
	e->browsed = n;
	replace(e, n == 0 ? e->draft : former_line(e, n));
}

static void
browse_older(struct lineedit *e)
{
	browse(e, e->browsed + 1);
}

static void
browse_newer(struct lineedit *e)
{
	if (e->browsed != 0)
		browse(e, e->browsed - 1);
}

/* --- keys --- */

static void
key_left(struct lineedit *e)
{
	if (e->cursor != 0)
		move_to(e, e->cursor - 1);
}

static void
key_right(struct lineedit *e)
{
	if (e->cursor != e->len)
		move_to(e, e->cursor + 1);
}

static void
key_home(struct lineedit *e)
{
	move_to(e, 0);
}

static void
key_end(struct lineedit *e)
{
	move_to(e, e->len);
}

static void
key_backspace(struct lineedit *e)
{
	if (e->cursor != 0)
		erase(e, e->cursor - 1, e->cursor);
}

static void
key_delete(struct lineedit *e)
{
	if (e->cursor != e->len)
		erase(e, e->cursor, e->cursor + 1);
}

static void
erase_to_start(struct lineedit *e)
{
	erase(e, 0, e->cursor);
}

struct key {
	int c;
	void (*fn)(struct lineedit *e);
};

static const struct key plain_keys[] = {
    {'\b', key_backspace},
    {DELETE, key_backspace},
    {CTRL('A'), key_home},
    {CTRL('B'), key_left},
    {CTRL('D'), key_delete},
    {CTRL('E'), key_end},
    {CTRL('F'), key_right},
    {CTRL('N'), browse_newer},
    {CTRL('P'), browse_older},
    {CTRL('U'), erase_to_start},
    {CTRL('W'), erase_word},
};

/* The last character of an escape sequence; '~' goes by its number. */
static const struct key sequence_keys[] = {
    {'A', browse_older},
    {'B', browse_newer},
    {'C', key_right},
    {'D', key_left},
    {'F', key_end},
    {'H', key_home},
};

static const struct key numbered_keys[] = {
    {1, key_home},
    {3, key_delete},
    {4, key_end},
};

static void
press(struct lineedit *e, const struct key *keys, size_t n, int c)
{
	for (size_t i = 0; i < n; i++) {
		if (keys[i].c == c)
			keys[i].fn(e);
	}
}

/* A character of an escape sequence: ESC [ numbers letter, or ESC O letter. */
static void
sequence_character(struct lineedit *e, int c)
{
	if (e->key_state == KEY_ESCAPE) {
		e->key_state = c == '[' || c == 'O' ? KEY_SEQUENCE : KEY_PLAIN;
		e->key_number = 0;
	} else if (c >= '0' && c <= '9') {
		e->key_number = e->key_number * 10 + (unsigned)(c - '0');
	} else if (c != ';') {
		e->key_state = KEY_PLAIN;
		if (c == '~')
			press(e, numbered_keys, nitems(numbered_keys),
			    (int)e->key_number);
		else
			press(e, sequence_keys, nitems(sequence_keys), c);
	}
}

/* --- the interface --- */

void
lineedit_init(struct lineedit *e, void (*fn)(const char *, size_t, void *),
    void *arg)
{
	memset(e, 0, sizeof(*e));
	e->put = fn;
	e->arg = arg;
}

void
lineedit_start(struct lineedit *e)
{
	e->len = e->cursor = 0;
	e->text[0] = '\0';
	e->key_state = KEY_PLAIN;
	e->browsed = 0;
}

enum lineedit_result
lineedit_key(struct lineedit *e, int c)
{
	bool after_cr = e->after_cr;

	e->after_cr = c == '\r';
	if (c == '\n' && after_cr)
		return (LINE_MORE);
	if (c == CTRL('C')) {
		put(e, "^C\n", 3);
		return (LINE_CANCEL);
	}
	if (c == '\r' || c == '\n') {
		put(e, "\n", 1);
		remember(e);
		return (LINE_DONE);
	}
	if (c == CTRL('D') && e->len == 0) {
		put(e, "\n", 1);
		return (LINE_EOF);
	}
	if (c == ESCAPE)
		e->key_state = KEY_ESCAPE;
	else if (e->key_state != KEY_PLAIN)
		sequence_character(e, c);
	else if (c >= ' ' && c < DELETE)
		insert(e, (char)c);
	else
		press(e, plain_keys, nitems(plain_keys), c);
	return (LINE_MORE);
}
