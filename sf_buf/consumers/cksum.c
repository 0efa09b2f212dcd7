/*
 * The checksum that cksum(1) prints.
 */
#include "sf_buf/consumers/cksum.h"

/*
 * What a byte adds to the remainder is the sum of what its bits add: division
 * by a polynomial is linear, and addition is exclusive or.  The lowest bit adds
 * the polynomial without its highest term; each other one x times what the
 * next lower one does, reduced.
 */
#define BIT0 0x04c11db7u
#define BIT1 0x09823b6eu
#define BIT2 0x130476dcu
#define BIT3 0x2608edb8u
#define BIT4 0x4c11db70u
#define BIT5 0x9823b6e0u
#define BIT6 0x34867077u
#define BIT7 0x690ce0eeu
#define ROW2(x) (x), (x) ^ BIT0
#define ROW4(x) ROW2(x), ROW2((x) ^ BIT1)
#define ROW8(x) ROW4(x), ROW4((x) ^ BIT2)
#define ROW16(x) ROW8(x), ROW8((x) ^ BIT3)
#define ROW32(x) ROW16(x), ROW16((x) ^ BIT4)
#define ROW64(x) ROW32(x), ROW32((x) ^ BIT5)
#define ROW128(x) ROW64(x), ROW64((x) ^ BIT6)

static const uint32_t added_by[256] = {ROW128(0u), ROW128(BIT7)};

static uint32_t
add_byte(uint32_t crc, uint8_t byte)
{
	return (crc << 8 ^ added_by[crc >> 24 ^ byte]);
}

void
cksum_init(struct cksum *c)
{
	*c = (struct cksum){.crc = 0};
}

void
cksum_update(struct cksum *c, const void *buf, size_t n)
{
	const uint8_t *byte = buf;
	uint32_t crc = c->crc;

	for (size_t i = 0; i < n; i++)
		crc = add_byte(crc, byte[i]);
	c->crc = crc;
	c->bytes += n;
}

/* The number of bytes follows them, its lowest byte first, without zeros at
 * its end. */
uint32_t
cksum_final(const struct cksum *c)
{
	uint32_t crc = c->crc;

	for (uint64_t n = c->bytes; n != 0; n >>= 8)
		crc = add_byte(crc, (uint8_t)n);
	return (~crc);
}
