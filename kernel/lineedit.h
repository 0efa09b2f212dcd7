/*
 * Editing one line of text on a terminal, with a history.  Knows nothing of
 * where characters come from or go to.
 */
#ifndef KERNEL_LINEEDIT_H
#define KERNEL_LINEEDIT_H

#include "kernel/types.h"

/* With the prompt a line fits 80 columns, so that the cursor never wraps. */
#define LINE_BYTES 69
#define LINE_HISTORY 16

enum lineedit_result {
	LINE_MORE,   /* the line goes on */
	LINE_DONE,   /* ended: text is the line */
	LINE_CANCEL, /* ^C */
	LINE_EOF,    /* ^D on an empty line */
};

struct lineedit {
	/* Fixed. */
	void (*put)(const char *s, size_t n, void *arg); /* to the terminal */
	void *arg;
	/* The line; the cursor stands before text[cursor]. */
	char text[LINE_BYTES + 1]; /* terminated by 0 */
	size_t len, cursor;
	/* What the next character means. */
	enum { KEY_PLAIN, KEY_ESCAPE, KEY_SEQUENCE } key_state;
	unsigned key_number; /* in a sequence: its first number */
	bool after_cr;       /* a line feed now belongs to that */
	/* Former lines: a ring, the newest at history[nlines - 1]. */
	char history[LINE_HISTORY][LINE_BYTES + 1];
	unsigned nlines;  /* all that there ever were */
	unsigned browsed; /* 0: the line being typed; n: the n-th newest */
	char draft[LINE_BYTES + 1]; /* that line, while browsing */
};

/*
 * put: prints n bytes on the terminal; arg goes to it.
 */
void lineedit_init(struct lineedit *e,
    void (*put)(const char *s, size_t n, void *arg), void *arg);

/* Begin a new line.  The caller has printed the prompt. */
void lineedit_start(struct lineedit *e);

/*
 * One character from the terminal.  CR, LF or both end a line; arrows, Home,
 * End, Delete, backspace, ^A ^E ^B ^F ^P ^N edit, ^U and ^W erase the line and
 * the word before the cursor.
 */
enum lineedit_result lineedit_key(struct lineedit *e, int c);

#endif
