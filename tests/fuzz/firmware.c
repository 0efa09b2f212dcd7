/*
 * Firmware's tables from fuzzed bytes.
 */
#include "tests/fuzz/firmware.h"
#include "tests/fake_firmware.h"
#include "tests/topology_check.h"

#define BDA_EBDA_SEGMENT 0x40e
#define BDA_BASE_KB 0x413

/* The same bytes as in the made-up machine, for the second opinion. */
static struct piece {
	vm_paddr_t pa;
	size_t size;
	uint8_t byte[FAKE_TABLES_BYTES];
} pieces[] = {
    {.pa = FAKE_EBDA, .size = 1024},
    {.pa = FAKE_ROM, .size = 1024},
    {.pa = FAKE_TABLES, .size = FAKE_TABLES_BYTES},
};

static bool shows_ebda;

uint64_t
model_number(const uint8_t *at, unsigned bytes)
{
	uint64_t v = 0;

	for (unsigned i = bytes; i-- > 0;)
		v = v << 8 | at[i];
	return (v);
}

static uint8_t
sum_of(const uint8_t *at, size_t n)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += at[i];
	return (sum);
}

bool
model_sums_to_zero(const uint8_t *at, size_t n)
{
	return (sum_of(at, n) == 0);
}

/* Make a structure sound, if it lies within the `n` bytes that there are. */
static void
fix_sum(const struct sum *s, uint8_t *content, size_t n)
{
	size_t length = s->unit;

	if (n < s->length_at + s->length_bytes)
		return;
	if (s->length_bytes != 0)
		length *= (size_t)model_number(content + s->length_at,
		    s->length_bytes);
	if (s->at < length && length <= n)
		content[s->at] -= sum_of(content, length);
}

static struct piece *
piece_of(vm_paddr_t pa)
{
	for (unsigned i = 0; i < nitems(pieces); i++)
		if (pa >= pieces[i].pa && pa - pieces[i].pa < pieces[i].size)
			return (&pieces[i]);
	return (NULL);
}

const uint8_t *
firmware_at(vm_paddr_t pa, size_t *left)
{
	const struct piece *piece = piece_of(pa);

	if (piece == NULL)
		return (NULL);
	*left = piece->size - (size_t)(pa - piece->pa);
	return (piece->byte + (pa - piece->pa));
}

bool
firmware_shows_ebda(void)
{
	return (shows_ebda);
}

static void
take_record(struct input *in, const struct place *place, bool fix)
{
	struct piece *piece = piece_of(place->pa);
	size_t at = (size_t)(place->pa - piece->pa);
	size_t n = input_number(in, 2);

	n = input_bytes(in, piece->byte + at, MIN(n, piece->size - at));
	for (unsigned i = 0; fix && i < nitems(place->sum); i++)
		fix_sum(&place->sum[i], piece->byte + at, n);
	for (size_t i = 0; i < n; i++)
		fake_poke(place->pa + i, piece->byte[at + i], 1);
}

void
firmware_fill(struct input *in, const struct place *place, unsigned n)
{
	bool fix = input_number(in, 1) & 1;
	uint64_t ebda = input_number(in, 2), base = input_number(in, 2);

	shows_ebda = ebda == 0;
	fake_reset();
	for (unsigned i = 0; i < nitems(pieces); i++)
		memset(pieces[i].byte, 0, sizeof(pieces[i].byte));
	fake_poke(BDA_EBDA_SEGMENT, FAKE_EBDA >> 4 ^ ebda, 2);
	fake_poke(BDA_BASE_KB, FAKE_EBDA >> 10 ^ base, 2);
	while (in->left > 0)
		take_record(in, &place[input_number(in, 1) % n], fix);
}

bool
topology_equal(const struct topology *a, const struct topology *b)
{
	if (a->ncpus != b->ncpus || a->nioapics != b->nioapics ||
	    memcmp(a->apic_id, b->apic_id, a->ncpus) != 0)
		return (false);
	for (unsigned i = 0; i < a->nioapics; i++)
		if (a->ioapic[i].pa != b->ioapic[i].pa ||
		    a->ioapic[i].gsi_base != b->ioapic[i].gsi_base)
			return (false);
	return (a->ncpus_listed == b->ncpus_listed &&
	    a->boot_cpu_listed == b->boot_cpu_listed &&
	    a->ncpus_unusable == b->ncpus_unusable &&
	    a->lapic_pa == b->lapic_pa && a->com1_gsi == b->com1_gsi &&
	    a->com1_level == b->com1_level && a->com1_low == b->com1_low);
}

/* Leave something else on the stack than what was there. */
static __noinline void
dirty_stack(uint8_t with)
{
	volatile uint8_t junk[2048];

	for (size_t i = 0; i < sizeof(junk); i++)
		junk[i] = with;
}

const struct topology *
firmware_discover(void)
{
	static struct topology first;
	const struct topology *t;

	dirty_stack(0x55);
	t = fake_discover();
	ASSERT(topology_what_is_wrong(t) == NULL, "topology: %s",
	    topology_what_is_wrong(t));
	first = *t;
	dirty_stack(0xaa);
	t = fake_discover();
	ASSERT(t != NULL && topology_equal(&first, t) &&
		strcmp(first.note, t->note) == 0,
	    "topology: two readings of the same tables differ");
	return (t);
}

bool
firmware_agrees(const struct topology *t, const char *signature,
    bool (*model)(const uint8_t *table, size_t left, struct topology *t))
{
	static struct topology other;

	for (unsigned i = 0; i < nitems(pieces); i++) {
		const struct piece *p = &pieces[i];

		for (size_t at = 0; at + 4 <= p->size; at++) {
			if (memcmp(p->byte + at, signature, 4) != 0)
				continue;
			model_reset(&other);
			if (model(p->byte + at, p->size - at, &other) &&
			    topology_equal(t, &other))
				return (true);
		}
	}
	return (false);
}

void
model_reset(struct topology *t)
{
	memset(t, 0, sizeof(*t));
	t->ncpus = 1;
	t->apic_id[0] = FAKE_BOOT_ID;
	t->lapic_pa = 0xfee00000;
	t->com1_gsi = 4;
}

void
model_cpu(struct topology *t, uint32_t apic_id)
{
	t->ncpus_listed++;
	t->boot_cpu_listed |= apic_id == FAKE_BOOT_ID;
	if (apic_id < 255 && topology_has_cpu(t, apic_id))
		return;
	if (apic_id < 255 && t->ncpus < MAXCPU)
		t->apic_id[t->ncpus++] = (uint8_t)apic_id;
	else
		t->ncpus_unusable++;
}

bool
model_ioapic(struct topology *t, uint32_t pa, uint32_t gsi_base)
{
	if (pa < 0xfe000000 || pa % 16 != 0 ||
	    t->nioapics == TOPOLOGY_MAX_IOAPICS)
		return (false);
	for (unsigned i = 0; i < t->nioapics; i++)
		if (t->ioapic[i].pa == pa)
			return (false);
	t->ioapic[t->nioapics].pa = pa;
	t->ioapic[t->nioapics++].gsi_base = gsi_base;
	return (true);
}

void
model_lapic(struct topology *t, uint64_t pa)
{
	if (pa >> 32 == 0 && pa >= 0xfe000000 && pa % 4096 == 0)
		t->lapic_pa = pa;
}

void
model_com1(struct topology *t, uint32_t gsi, unsigned flags)
{
	t->com1_gsi = gsi;
	t->com1_low = (flags & 3) == 3;
	t->com1_level = (flags & 12) == 12;
}
