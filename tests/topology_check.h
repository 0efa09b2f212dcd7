/*
 * What the tests of made-up firmware tables check in common.
 */
#ifndef TESTS_TOPOLOGY_CHECK_H
#define TESTS_TOPOLOGY_CHECK_H

#include "kernel/string.h"
#include "kernel/topology.h"
#include "tests/fake_firmware.h"
#include "tests/test.h"

/* How many mutations of a table one test tries. */
#define MUTATIONS 4000

bool topology_has_cpu(const struct topology *t, unsigned apic_id);

bool text_contains(const char *text, const char *part);

/* What holds of every result of fake_discover() does not: a sentence on it;
 * or NULL. */
const char *topology_what_is_wrong(const struct topology *t);

#define CHECK_SOUND(t)                                     \
	CHECK_MSG(topology_what_is_wrong(t) == NULL, "%s", \
	    topology_what_is_wrong(t))

/* One CPU, and a note that contains `remark`. */
#define CHECK_ALONE(t, remark)                                    \
	do {                                                      \
		CHECK_SOUND(t);                                   \
		CHECK_EQ((t)->ncpus, 1);                          \
		CHECK_EQ((t)->nioapics, 0);                       \
		CHECK(strcmp((t)->source, "none: one CPU") == 0); \
		CHECK_MSG(text_contains((t)->note, remark),       \
		    "the note is \"%s\"", (t)->note);             \
	} while (0)

#endif
