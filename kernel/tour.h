/*
 * What a first boot shows: a file goes through sf_bufs and out.
 */
#ifndef KERNEL_TOUR_H
#define KERNEL_TOUR_H

/*
 * Copy the first boot module into page frames, send it on COM2 with
 * sendfile(), and print what that cost.  Says so in a sentence where it cannot.
 * Requires: a thread that may sleep.
 */
void tour(void);

#endif
