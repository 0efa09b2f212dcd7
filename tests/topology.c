/*
 * The machine's topology from ACPI, with made-up tables, sound and broken; and
 * from the real machine.  tests/mptable.c is the same for the MP table.
 */
#include "kernel/cpu.h"
#include "kernel/string.h"
#include "kernel/topology.h"
#include "tests/fake_firmware.h"
#include "tests/test.h"
#include "tests/topology_check.h"

/* Sizes of what fake_build_acpi() writes. */
#define RSDT_BYTES 44
#define XSDT_BYTES 52

/* The table's four CPUs, and nothing to remark. */
#define CHECK_FOUR_CPUS(t)                                    \
	do {                                                  \
		CHECK_SOUND(t);                               \
		CHECK_EQ((t)->ncpus, 4);                      \
		CHECK(strcmp((t)->source, "ACPI MADT") == 0); \
	} while (0)

TEST(topology, the_rsdt_leads_to_the_cpus)
{
	const struct topology *t;

	fake_build_acpi(0);
	t = fake_discover();
	CHECK_FOUR_CPUS(t);
	CHECK_EQ(t->apic_id[0], FAKE_BOOT_ID);
	CHECK_EQ(t->apic_id[1], 0);
	CHECK_EQ(t->apic_id[2], 1);
	CHECK_EQ(t->apic_id[3], 3);
	CHECK_EQ(t->nioapics, 1);
	CHECK_EQ(t->ioapic[0].pa, IOAPIC_DEFAULT_PA);
	CHECK_EQ(t->lapic_pa, LAPIC_DEFAULT_PA);
	CHECK_EQ(t->com1_gsi, 4);
	CHECK(!t->com1_level && !t->com1_low);
	CHECK_MSG(t->note[0] == '\0', "the note is \"%s\"", t->note);
}

TEST(topology, the_xsdt_is_used_when_there_is_one)
{
	fake_build_acpi(2);
	fake_flip(FAKE_RSDT, 0xff); /* which nobody should look at */
	CHECK_FOUR_CPUS(fake_discover());
	CHECK(fake_discover()->note[0] == '\0');
}

TEST(topology, a_broken_xsdt_gives_way_to_the_rsdt)
{
	fake_build_acpi(2);
	fake_flip(FAKE_XSDT + 10, 1);
	CHECK_FOUR_CPUS(fake_discover());
	CHECK(text_contains(fake_discover()->note, "XSDT"));
}

TEST(topology, a_wrong_extended_checksum_gives_way_to_the_rsdt)
{
	fake_build_acpi(2);
	fake_flip(FAKE_RSDP + 33, 1); /* reserved, but summed */
	CHECK_FOUR_CPUS(fake_discover());
	CHECK(text_contains(fake_discover()->note, "extended checksum"));
}

TEST(topology, an_xsdt_above_all_memory_gives_way_to_the_rsdt)
{
	fake_build_acpi(2);
	fake_poke(FAKE_RSDP + 24, 0xffffffffffffffe0, 8);
	fake_fix_sum(FAKE_RSDP, 36, 32);
	CHECK_FOUR_CPUS(fake_discover());
}

TEST(topology, what_only_looks_like_an_rsdp_is_passed_over)
{
	fake_build_acpi(0);
	fake_poke(FAKE_EBDA, 0x2052545020445352, 8); /* "RSD PTR " */
	CHECK_FOUR_CPUS(fake_discover());
	CHECK(fake_discover()->note[0] == '\0');
}

TEST(topology, an_rsdp_in_the_rom_is_found)
{
	fake_build_acpi(2);
	fake_move(FAKE_RSDP, FAKE_ROM + 0x3d0, 36);
	CHECK_FOUR_CPUS(fake_discover());
}

TEST(topology, an_rsdp_whose_extension_has_no_length_has_no_extension)
{
	fake_build_acpi(2);
	fake_poke(FAKE_RSDP + 20, 0, 4);
	CHECK_FOUR_CPUS(fake_discover());
	CHECK(text_contains(fake_discover()->note, "extended checksum"));
}

TEST(topology, a_wrong_checksum_at_any_level_leaves_the_boot_cpu)
{
	fake_build_acpi(0);
	fake_flip(FAKE_RSDP + 9, 1);
	CHECK_ALONE(fake_discover(), "RSDP's checksum is wrong");

	fake_build_acpi(0);
	fake_flip(FAKE_RSDT + 10, 1);
	CHECK_ALONE(fake_discover(), "RSDT at 0x7fe0000 is broken");

	fake_build_acpi(0);
	fake_flip(FAKE_MADT + 10, 1);
	CHECK_ALONE(fake_discover(), "APIC at 0x7fe0200 is broken");
}

TEST(topology, absurd_table_lengths_are_refused)
{
	static const uint32_t absurd[] = {0, 35, (1 << 20) + 1, UINT32_MAX};
	static const vm_paddr_t table[] = {FAKE_RSDT, FAKE_XSDT, FAKE_MADT};

	for (unsigned i = 0; i < nitems(absurd); i++) {
		fake_build_acpi(2);
		for (unsigned j = 0; j < nitems(table); j++)
			fake_set_length(table[j], absurd[i]);
		CHECK_ALONE(fake_discover(), "XSDT");

		fake_build_acpi(0);
		fake_set_length(FAKE_MADT, absurd[i]);
		CHECK_ALONE(fake_discover(),
		    absurd[i] < 36 ? "shorter than" : "longer than");
	}
}

TEST(topology, a_madt_without_room_for_its_fields_is_refused)
{
	fake_build_acpi(0);
	fake_set_length(FAKE_MADT, 43);
	CHECK_ALONE(fake_discover(), "MADT at 0x7fe0200 has no contents");
}

TEST(topology, tables_outside_memory_are_refused)
{
	static const uint32_t nowhere[] = {0, 0x500, 0xffffffff, 0x7fe1ff0};

	for (unsigned i = 0; i < nitems(nowhere); i++) {
		fake_build_acpi(0);
		fake_poke(FAKE_RSDP + 16, nowhere[i], 4);
		fake_fix_sum(FAKE_RSDP, 20, 8);
		CHECK_ALONE(fake_discover(), "RSDT");

		fake_build_acpi(0);
		fake_poke(FAKE_RSDT + RSDT_BYTES - 4, nowhere[i], 4);
		fake_set_length(FAKE_RSDT, RSDT_BYTES);
		CHECK_ALONE(fake_discover(), "RSDT lists no MADT");
	}
}

TEST(topology, xsdt_entries_above_4_gib_are_not_cut_to_32_bits)
{
	fake_build_acpi(2);
	fake_poke(FAKE_XSDT + XSDT_BYTES - 8, FAKE_MADT | 1ull << 32, 8);
	fake_set_length(FAKE_XSDT, XSDT_BYTES);
	fake_flip(FAKE_RSDT, 0xff);
	CHECK_ALONE(fake_discover(), "XSDT lists no MADT");
}

TEST(topology, an_entry_of_length_zero_ends_the_list)
{
	fake_begin_acpi(0);
	fake_cpu(0, true);
	fake_cpu(2, true);
	fake_entry(0, 0);
	fake_cpu(3, true);
	fake_finish_acpi();
	CHECK_SOUND(fake_discover());
	CHECK_EQ(fake_discover()->ncpus, 2);
	CHECK(text_contains(fake_discover()->note, "entry at byte 60"));
}

TEST(topology, an_unknown_entry_without_a_length_ends_the_list)
{
	for (unsigned length = 0; length < 2; length++) {
		fake_begin_acpi(0);
		fake_cpu(2, true);
		fake_entry(0x7f, length);
		fake_cpu(3, true);
		fake_finish_acpi();
		CHECK_SOUND(fake_discover());
		CHECK_EQ(fake_discover()->ncpus, 1);
	}
}

TEST(topology, an_entry_over_the_end_is_not_read)
{
	fake_begin_acpi(0);
	fake_cpu(2, true);
	fake_cpu(3, true);
	fake_finish_acpi();
	fake_set_length(FAKE_MADT, fake_end() - FAKE_MADT - 1);
	CHECK_SOUND(fake_discover());
	CHECK_EQ(fake_discover()->ncpus, 1);
	CHECK(text_contains(fake_discover()->note, "entry at byte 52"));
}

TEST(topology, an_entry_too_short_for_its_type_is_not_used)
{
	fake_begin_acpi(0);
	fake_cpu(2, true);
	fake_x2apic(7);
	fake_poke(fake_end() - 15, 14, 1); /* its length is 16 */
	fake_finish_acpi();
	CHECK_SOUND(fake_discover());
	CHECK_EQ(fake_discover()->ncpus, 1);
}

TEST(topology, entries_of_unknown_types_are_passed_over)
{
	fake_begin_acpi(0);
	fake_cpu(2, true);
	fake_entry(0x7f, 2);
	fake_entry(4, 2); /* a known type that is not used, too short */
	fake_cpu(3, true);
	fake_finish_acpi();
	CHECK_SOUND(fake_discover());
	CHECK_EQ(fake_discover()->ncpus, 2);
	CHECK(fake_discover()->note[0] == '\0');
}

TEST(topology, repeated_and_disabled_cpus_do_not_count)
{
	const struct topology *t;

	fake_begin_acpi(0);
	fake_cpu(2, true);
	fake_cpu(5, true);
	fake_cpu(2, true);
	fake_x2apic(5);
	fake_cpu(6, false);
	fake_finish_acpi();
	t = fake_discover();
	CHECK_SOUND(t);
	CHECK_EQ(t->ncpus, 2);
	CHECK(topology_has_cpu(t, 5) && !topology_has_cpu(t, 6));
	CHECK_EQ(t->ncpus_unusable, 0);
}

TEST(topology, all_255_cpus_are_found)
{
	fake_begin_acpi(2);
	for (unsigned id = 0; id < 255; id++)
		fake_cpu(id, true);
	fake_finish_acpi();
	CHECK_SOUND(fake_discover());
	CHECK_EQ(fake_discover()->ncpus, 255);
	CHECK_EQ(fake_discover()->ncpus_unusable, 0);
}

TEST(topology, of_300_cpus_those_beyond_8_bits_are_counted)
{
	fake_begin_acpi(2);
	fake_cpu(255, true);
	for (unsigned id = 0; id < 300; id++)
		fake_x2apic(id);
	fake_finish_acpi();
	CHECK_SOUND(fake_discover());
	CHECK_EQ(fake_discover()->ncpus, 255);
	CHECK_EQ(fake_discover()->ncpus_unusable, 1 + 45);
}

TEST(topology, a_madt_without_the_boot_cpu_gets_a_remark)
{
	fake_begin_acpi(0);
	fake_cpu(0, true);
	fake_finish_acpi();
	CHECK_SOUND(fake_discover());
	CHECK_EQ(fake_discover()->ncpus, 2);
	CHECK(text_contains(fake_discover()->note, "APIC ID 2"));
}

TEST(topology, a_madt_with_no_enabled_cpu_is_refused)
{
	fake_begin_acpi(0);
	fake_cpu(2, false);
	fake_ioapic(IOAPIC_DEFAULT_PA, 0);
	fake_finish_acpi();
	CHECK_ALONE(fake_discover(), "no enabled CPU");
}

TEST(topology, the_override_of_interrupt_4_moves_com1)
{
	const struct topology *t;

	fake_begin_acpi(0);
	fake_cpu(2, true);
	fake_override(9, 21, 0xd);
	fake_override(4, 20, 0xf); /* active low, by level */
	fake_override(10, 22, 0x5);
	fake_finish_acpi();
	t = fake_discover();
	CHECK_SOUND(t);
	CHECK_EQ(t->com1_gsi, 20);
	CHECK(t->com1_low && t->com1_level);

	fake_begin_acpi(0);
	fake_cpu(2, true);
	fake_override(4, 4, 0x5); /* active high, by edge */
	fake_finish_acpi();
	t = fake_discover();
	CHECK(!t->com1_low && !t->com1_level);
}

TEST(topology, io_apics_beyond_the_eighth_are_left_out)
{
	const struct topology *t;

	fake_begin_acpi(0);
	fake_cpu(2, true);
	for (unsigned i = 0; i < 10; i++)
		fake_ioapic(IOAPIC_DEFAULT_PA + i * 0x1000, i * 24);
	fake_finish_acpi();
	t = fake_discover();
	CHECK_SOUND(t);
	CHECK_EQ(t->nioapics, TOPOLOGY_MAX_IOAPICS);
	CHECK_EQ(t->ioapic[7].pa, IOAPIC_DEFAULT_PA + 0x7000);
	CHECK_EQ(t->ioapic[7].gsi_base, 7 * 24);
	CHECK(text_contains(t->note, "I/O APICs"));
}

TEST(topology, an_io_apic_in_ordinary_memory_is_left_out)
{
	fake_begin_acpi(0);
	fake_cpu(2, true);
	fake_ioapic(0x1000, 0);
	fake_ioapic(IOAPIC_DEFAULT_PA, 0);
	fake_ioapic(IOAPIC_DEFAULT_PA, 24);
	fake_finish_acpi();
	CHECK_SOUND(fake_discover());
	CHECK_EQ(fake_discover()->nioapics, 1);
	CHECK(text_contains(fake_discover()->note, "0x1000 is out of reach"));
}

TEST(topology, the_local_apics_address_may_be_overridden)
{
	fake_begin_acpi(0);
	fake_cpu(2, true);
	fake_lapic_address(0xfee10000);
	fake_finish_acpi();
	CHECK_SOUND(fake_discover());
	CHECK_EQ(fake_discover()->lapic_pa, 0xfee10000);

	fake_begin_acpi(0);
	fake_cpu(2, true);
	fake_lapic_address(0x1fee00000);
	fake_finish_acpi();
	CHECK_SOUND(fake_discover());
	CHECK_EQ(fake_discover()->lapic_pa, LAPIC_DEFAULT_PA);
	CHECK(text_contains(fake_discover()->note, "0x1fee00000"));
}

TEST(topology, with_no_tables_there_is_the_boot_cpu)
{
	fake_reset();
	CHECK_ALONE(fake_discover(), "ACPI: there is no RSDP");
	CHECK(text_contains(fake_discover()->note,
	    "; MP table: there is no floating pointer"));
}

TEST(topology, junk_in_the_bios_data_area_does_no_harm)
{
	for (unsigned word = 0; word < 0x10000; word += 0x333) {
		fake_reset();
		fake_poke(0x40e, word, 2);
		fake_poke(0x413, ~word, 2);
		CHECK_ALONE(fake_discover(), "no RSDP");
	}
}

TEST(topology, mutated_acpi_tables_do_no_harm)
{
	uint32_t random = test_seed();

	for (unsigned i = 0; i < MUTATIONS; i++) {
		vm_paddr_t end;

		fake_build_acpi(2);
		end = fake_end();
		if (test_random(&random) % 2 == 0)
			fake_mutate(FAKE_RSDP, FAKE_RSDP + 36, &random);
		else
			fake_mutate(FAKE_TABLES, end, &random);
		/* Half get sound checksums again, to be believed. */
		if (test_random(&random) % 2 == 0) {
			fake_fix_sum(FAKE_RSDP, 20, 8);
			fake_fix_sum(FAKE_RSDP, 36, 32);
			fake_fix_sum(FAKE_RSDT, RSDT_BYTES, 9);
			fake_fix_sum(FAKE_XSDT, XSDT_BYTES, 9);
			fake_fix_sum(FAKE_MADT, end - FAKE_MADT, 9);
		}
		CHECK_MSG(topology_what_is_wrong(fake_discover()) == NULL,
		    "mutation %u: %s", i,
		    topology_what_is_wrong(fake_discover()));
	}
}

TEST(topology, this_machine_has_every_cpu_that_runs)
{
	const struct topology *t = topology();
	unsigned cpu;

	CHECK(t->ncpus >= cpu_count());
	CHECK_EQ(t->apic_id[0], cpu_by_id(0)->apic_id);
	CPUMASK_FOREACH(cpu, cpu_online())
		CHECK_MSG(topology_has_cpu(t, cpu_by_id(cpu)->apic_id),
		    "CPU %u, APIC ID %u, is not listed", cpu,
		    cpu_by_id(cpu)->apic_id);
}
