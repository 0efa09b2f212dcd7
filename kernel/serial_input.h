/*
 * Characters typed on the first serial line.
 */
#ifndef KERNEL_SERIAL_INPUT_H
#define KERNEL_SERIAL_INPUT_H

#include "kernel/types.h"

/* Route and enable the receive interrupt.  Boot CPU, once, threads running. */
void serial_input_init(void);

/*
 * The next character, 0 to 255.
 * Effects: sleeps until there is one (wait message "ttyin").
 */
int console_getc(void);

/*
 * Does a ^C wait?  If so it is taken out, and what was typed before it.  For
 * commands that take long and are willing to stop.
 */
bool console_interrupted(void);

/* The receive interrupt's handler. */
void serial_intr(void);

#endif
