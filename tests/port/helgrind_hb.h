/*
 * What helgrind is told of atomic operations, which it does not know: each is an
 * access that may meet others, and those of an order other than relaxed order
 * what comes before and after.  In place of port_hb.h, whose guard it takes.
 */
#ifndef PORT_HB_H
#define PORT_HB_H

#include <stdbool.h>
#include <stddef.h>

#define port_hb_before(p, order)                                  \
	helgrind_before((const volatile void *)(p), sizeof(*(p)), \
	    (order) != memory_order_relaxed)
#define port_hb_after(p, order)                    \
	helgrind_after((const volatile void *)(p), \
	    (order) != memory_order_relaxed)
#define port_hb_ignore(p, bytes) helgrind_ignore(p, bytes)

/* helgrind_hb.c */
void helgrind_before(const volatile void *p, size_t bytes, bool ordered);
void helgrind_after(const volatile void *p, bool ordered);
void helgrind_ignore(const volatile void *p, size_t bytes);

#endif
