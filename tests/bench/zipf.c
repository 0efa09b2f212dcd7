/*
 * Zipf's distribution.
 *
 * Each number gets as many of the choices as are its due, largest remainders
 * aside; then they are shuffled.  So there is no luck in how often one is chosen.
 */
#include "tests/bench/zipf.h"
#include "kernel/panic.h"
#include "kernel/x86.h"
#include "tests/test.h"

#define SCALE (1u << 20)
#define SEED 4711

void
zipf_choose(uint16_t *choice, unsigned n)
{
	uint64_t sum = 0, passed = 0;
	uint32_t state = SEED;
	unsigned done = 0;

	ASSERT(n >= 1 && n <= ZIPF_CHOICES, "zipf_choose: of %u", n);
	for (unsigned k = 1; k <= n; k++)
		sum += SCALE / k;
	/* Choice i goes to the number at i / ZIPF_CHOICES of the sum. */
	for (unsigned k = 1; k <= n; k++) {
		passed += SCALE / k;
		while (done < ZIPF_CHOICES &&
		    (uint64_t)done * sum < passed * ZIPF_CHOICES)
			choice[done++] = (uint16_t)(k - 1);
	}
	for (unsigned i = ZIPF_CHOICES - 1; i > 0; i--) {
		unsigned k = test_random(&state) % (i + 1);
		uint16_t other = choice[k];

		choice[k] = choice[i];
		choice[i] = other;
	}
}
