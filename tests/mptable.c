/*
 * The machine's topology from made-up MP tables, sound and broken.
 */
#include "kernel/string.h"
#include "kernel/topology.h"
#include "tests/fake_firmware.h"
#include "tests/test.h"
#include "tests/topology_check.h"

TEST(topology, the_mp_table_is_used_without_acpi)
{
	const struct topology *t;

	fake_build_mp();
	t = fake_discover();
	CHECK_SOUND(t);
	CHECK(strcmp(t->source, "MP table") == 0);
	CHECK_EQ(t->ncpus, 2);
	CHECK(topology_has_cpu(t, 0) && !topology_has_cpu(t, 5));
	CHECK_EQ(t->nioapics, 2);
	CHECK_EQ(t->ioapic[1].pa, IOAPIC_DEFAULT_PA + 0x1000);
	CHECK(t->ioapic[1].gsi_base > t->ioapic[0].gsi_base);
	CHECK_EQ(t->com1_gsi, 4);
	CHECK(strcmp(t->note, "ACPI: there is no RSDP") == 0);
}

TEST(topology, the_mp_table_routes_com1_by_bus_and_io_apic)
{
	const struct topology *t;

	fake_build_mp();
	fake_mp_intr(0, 6, 4, 8, 11);   /* bus 6 is not ISA */
	fake_mp_intr(0xf, 7, 4, 9, 13); /* this is it */
	fake_mp_intr(0, 7, 4, 8, 12);   /* a second one is too late */
	fake_finish_mp();
	t = fake_discover();
	CHECK_SOUND(t);
	CHECK_EQ(t->com1_gsi, t->ioapic[1].gsi_base + 13);
	CHECK(t->com1_low && t->com1_level);

	fake_build_mp();
	fake_mp_intr(0, 7, 4, 77, 13);
	fake_finish_mp();
	CHECK_EQ(fake_discover()->com1_gsi, 4);
	CHECK(text_contains(fake_discover()->note, "I/O APIC 77"));
}

TEST(topology, a_disabled_io_apic_of_the_mp_table_is_left_out)
{
	fake_begin_mp();
	fake_mp_cpu(2, true);
	fake_mp_ioapic(8, false, IOAPIC_DEFAULT_PA);
	fake_finish_mp();
	CHECK_SOUND(fake_discover());
	CHECK_EQ(fake_discover()->nioapics, 0);
}

TEST(topology, wrong_checksums_of_the_mp_table_are_refused)
{
	fake_build_mp();
	fake_flip(FAKE_PCMP + 12, 1);
	CHECK_ALONE(fake_discover(), "0x7fe0200 is broken");

	fake_build_mp();
	fake_flip(FAKE_FLOATING + 12, 1);
	CHECK_ALONE(fake_discover(), "wrong checksum at 0xf0040");
}

TEST(topology, an_mp_table_shorter_than_its_header_is_refused)
{
	fake_build_mp();
	fake_poke(FAKE_PCMP + 4, 43, 2);
	fake_fix_sum(FAKE_PCMP, 43, 7);
	CHECK_ALONE(fake_discover(), "shorter than its header");
}

TEST(topology, a_cpu_over_the_end_of_the_mp_table_is_left_out)
{
	fake_begin_mp();
	fake_mp_cpu(2, true);
	fake_mp_cpu(3, true);
	fake_finish_mp();
	fake_poke(FAKE_PCMP + 4, fake_end() - FAKE_PCMP - 1, 2);
	fake_fix_sum(FAKE_PCMP, fake_end() - FAKE_PCMP - 1, 7);
	CHECK_SOUND(fake_discover());
	CHECK_EQ(fake_discover()->ncpus, 1);
	CHECK(text_contains(fake_discover()->note, "entry 1 of type 0"));
}

TEST(topology, an_mp_floating_pointer_is_found_at_the_end_of_base_memory)
{
	fake_build_mp();
	fake_move(FAKE_FLOATING, FAKE_EBDA + 0x3f0, 16);
	fake_poke(0x40e, 0, 2); /* no EBDA */
	fake_poke(0x413, 640, 2);
	CHECK_SOUND(fake_discover());
	CHECK_EQ(fake_discover()->ncpus, 2);
}

TEST(topology, an_unknown_entry_ends_the_mp_table)
{
	fake_begin_mp();
	fake_mp_cpu(2, true);
	fake_mp_cpu(3, true);
	fake_mp_entry(99);
	fake_mp_cpu(4, true);
	fake_finish_mp();
	CHECK_SOUND(fake_discover());
	CHECK_EQ(fake_discover()->ncpus, 2);
	CHECK(text_contains(fake_discover()->note, "entry 2 of type 99"));
}

TEST(topology, an_mp_table_that_counts_too_many_entries_ends_in_time)
{
	fake_build_mp();
	fake_poke(FAKE_PCMP + 34, 0xffff, 2);
	fake_fix_sum(FAKE_PCMP, fake_end() - FAKE_PCMP, 7);
	CHECK_SOUND(fake_discover());
	CHECK_EQ(fake_discover()->ncpus, 2);
	CHECK(text_contains(fake_discover()->note, "ends before its entry 6"));
}

TEST(topology, a_default_configuration_has_two_cpus)
{
	const struct topology *t;

	fake_reset();
	fake_floating(5);
	t = fake_discover();
	CHECK_SOUND(t);
	CHECK_EQ(t->ncpus, 3); /* 0 and 1, and 2, which reads this */
	CHECK_EQ(t->nioapics, 1);
	CHECK(text_contains(t->note, "APIC ID 2, is not listed"));

	fake_reset();
	fake_floating(8);
	CHECK_ALONE(fake_discover(), "default configuration 8");
}

TEST(topology, mutated_mp_tables_do_no_harm)
{
	uint32_t random = test_seed();

	for (unsigned i = 0; i < MUTATIONS; i++) {
		vm_paddr_t end;

		fake_build_mp();
		fake_mp_intr(0, 7, 4, 8, 4);
		fake_finish_mp();
		end = fake_end();
		if (test_random(&random) % 4 == 0)
			fake_mutate(FAKE_FLOATING, FAKE_FLOATING + 16, &random);
		else
			fake_mutate(FAKE_PCMP, end, &random);
		if (test_random(&random) % 2 == 0) {
			fake_fix_sum(FAKE_FLOATING, 16, 10);
			fake_fix_sum(FAKE_PCMP, end - FAKE_PCMP, 7);
		}
		CHECK_MSG(topology_what_is_wrong(fake_discover()) == NULL,
		    "mutation %u: %s", i,
		    topology_what_is_wrong(fake_discover()));
	}
}
