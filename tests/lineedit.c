/*
 * The line editor: what one sees on the terminal and what the line becomes.
 */
#include "kernel/lineedit.h"
#include "kernel/string.h"
#include "tests/test.h"

/* A terminal of one line. */
static char screen[128];
static size_t column;
static struct lineedit editor;

static void
screen_put(const char *s, size_t n, void *arg __unused)
{
	for (; n != 0; n--, s++) {
		if (*s == '\b')
			column--;
		else if (*s >= ' ')
			screen[column++] = *s;
	}
}

static void
new_line(void)
{
	memset(screen, 0, sizeof(screen));
	column = 0;
	lineedit_start(&editor);
}

/* Type keys; the result of the last one. */
static enum lineedit_result
type(const char *keys)
{
	enum lineedit_result r = LINE_MORE;

	while (*keys != '\0')
		r = lineedit_key(&editor, *keys++);
	return (r);
}

static void
new_editor(void)
{
	lineedit_init(&editor, screen_put, NULL);
	new_line();
}

/* Does the terminal show the line (and nothing but blanks after it), with the
 * cursor in its place? */
static bool
screen_is(const char *line)
{
	size_t len = strlen(line);

	for (size_t i = len; i < sizeof(screen); i++) {
		if (screen[i] != '\0' && screen[i] != ' ')
			return (false);
	}
	return (strncmp(screen, line, len) == 0 && column == editor.cursor &&
	    strcmp(editor.text, line) == 0);
}

TEST(lineedit, typing_appends_and_return_ends_the_line)
{
	new_editor();
	CHECK_EQ(type("help me"), LINE_MORE);
	CHECK(screen_is("help me"));
	CHECK_EQ(type("\r"), LINE_DONE);
	CHECK(strcmp(editor.text, "help me") == 0);
}

TEST(lineedit, return_and_line_feed_end_one_line_not_two)
{
	new_editor();
	CHECK_EQ(type("a\r"), LINE_DONE);
	new_line();
	CHECK_EQ(type("\n"), LINE_MORE);
	CHECK_EQ(type("\n"), LINE_DONE);
}

TEST(lineedit, backspace_erases_before_the_cursor_and_stops_at_the_start)
{
	new_editor();
	type("abc\b\x7f\b\b\bxyz");
	CHECK(screen_is("xyz"));
}

TEST(lineedit, arrows_move_and_characters_go_in_at_the_cursor)
{
	new_editor();
	type("acd\x1b[D\x1b[Db");
	CHECK(screen_is("abcd"));
	type("\x1b[C\x1b[C\x1b[C\x1b[C!");
	CHECK(screen_is("abcd!"));
	type("\x1b[H\x1b[3~A\x1bOF\x1b[D\b");
	CHECK(screen_is("Abc!"));
}

TEST(lineedit, control_u_erases_to_the_start_and_control_w_a_word)
{
	new_editor();
	type("one two  three \x17");
	CHECK(screen_is("one two  "));
	type("\x17");
	CHECK(screen_is("one "));
	type("x\x1b[D\x15");
	CHECK(screen_is("x"));
}

TEST(lineedit, history_goes_up_and_down_and_keeps_the_draft)
{
	new_editor();
	type("first\r");
	new_line();
	type("second\r");
	new_line();
	type("second\r");
	new_line();
	type("draft\x1b[A");
	CHECK(screen_is("second"));
	type("\x1b[A\x1b[A\x1b[A");
	CHECK(screen_is("first"));
	type("\x1b[B");
	CHECK(screen_is("second"));
	type("\x1b[B\x1b[B\x1b[B");
	CHECK(screen_is("draft"));
}

TEST(lineedit, history_forgets_the_oldest_line)
{
	char line[] = "a\r";

	new_editor();
	for (unsigned i = 0; i <= LINE_HISTORY; i++) {
		line[0] = (char)('a' + i);
		type(line);
		new_line();
	}
	for (unsigned i = 0; i <= LINE_HISTORY; i++)
		type("\x1b[A");
	CHECK(screen_is("b"));
}

TEST(lineedit, a_full_line_takes_no_more)
{
	new_editor();
	for (unsigned i = 0; i < 2 * LINE_BYTES; i++)
		type("x");
	CHECK_EQ(editor.len, LINE_BYTES);
	type("\by");
	CHECK_EQ(editor.text[LINE_BYTES - 1], 'y');
}

TEST(lineedit, control_c_cancels_and_control_d_ends_only_an_empty_line)
{
	new_editor();
	CHECK_EQ(type("abc\x04"), LINE_MORE);
	CHECK(screen_is("abc"));
	CHECK_EQ(type("\x03"), LINE_CANCEL);
	new_line();
	CHECK_EQ(type("\x04"), LINE_EOF);
}

TEST(lineedit, unknown_keys_do_nothing)
{
	new_editor();
	type("ok\t\x1b[15~\x1b[1;5P\x1bx");
	CHECK(screen_is("ok"));
}
