/*
 * The second serial line, which carries data.
 */
#ifndef KERNEL_COM2_H
#define KERNEL_COM2_H

#include "kernel/types.h"

/* Is there a second serial line?  Sets it up if so.  Before the rest; calling
 * it again does no harm while nothing is being sent. */
bool com2_init(void);

/*
 * Send n bytes; calls on several threads do not mix.
 * Requires: com2_init() returned true; a thread that may sleep.
 * Effects: busy until the transmitter has taken all; may sleep for its turn
 *   (wait message "com2").
 */
void com2_write(const void *buf, size_t n);

/* Wait until the last byte is on the wire.  As com2_write(). */
void com2_drain(void);

#endif
