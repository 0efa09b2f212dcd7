/*
 * Tar archives that are to be refused.
 */
#include "tests/fake_tar.h"
#include "kernel/string.h"
#include "sf_buf/consumers/tar.h"

static void
nothing(struct fake_tar *f __unused)
{
}

static void
less_than_a_block(struct fake_tar *f)
{
	fake_tar_zeros(f, 1);
	f->n = TAR_BLOCK_BYTES - 1;
}

static void
no_zeros(struct fake_tar *f)
{
	fake_tar_member(f, '0', "a", "data");
}

static void
cut_in_a_header(struct fake_tar *f)
{
	fake_tar_member(f, '0', "a", "data");
	fake_tar_header(f, '0', "b", 0);
	f->n -= 1;
}

static void
cut_in_the_padding(struct fake_tar *f)
{
	fake_tar_member(f, '0', "a", "data");
	f->n -= 1;
}

static void
cut_in_the_data(struct fake_tar *f)
{
	fake_tar_header(f, '0', "a", TAR_BLOCK_BYTES);
	fake_tar_data(f, fake_tar_long_name('d'), TAR_BLOCK_BYTES);
	f->n -= 1;
}

static void
no_archive(struct fake_tar *f)
{
	fake_tar_data(f, "Once upon a time", 16);
	fake_tar_zeros(f, 2);
}

static void
bad_checksum(struct fake_tar *f)
{
	fake_tar_header(f, '0', "a", 0)[FAKE_NAME]++;
	fake_tar_zeros(f, 2);
}

/* With the size field given. */
static void
sized(struct fake_tar *f, char type, const char *field)
{
	uint8_t *header = fake_tar_header(f, type, "a", 0);

	memcpy(header + FAKE_SIZE, field, FAKE_SIZE_BYTES);
	fake_tar_seal(header);
	fake_tar_zeros(f, 2);
}

static void
one_byte_too_large(struct fake_tar *f)
{
	sized(f, '0', "00000002001");
}

static void
as_large_as_octal_goes(struct fake_tar *f)
{
	sized(f, '0', "777777777777");
}

static void
as_large_as_can_be(struct fake_tar *f)
{
	sized(f, '0', "\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff");
}

static void
more_than_64_bits(struct fake_tar *f)
{
	sized(f, '0', "\x80\0\0\1\0\0\0\0\0\0\2\0");
}

static void
negative(struct fake_tar *f)
{
	sized(f, '0', "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe\0");
}

static void
an_extension_that_is_too_large(struct fake_tar *f)
{
	sized(f, 'g', "00000002001");
}

static void
size_in_a_record_too_large(struct fake_tar *f)
{
	fake_tar_pax_record(f, "size", "1025");
	fake_tar_header(f, '0', "a", 0);
	fake_tar_zeros(f, 2);
}

static void
size_in_a_record_no_number(struct fake_tar *f)
{
	fake_tar_pax_record(f, "size", "1e3");
	fake_tar_header(f, '0', "a", 0);
	fake_tar_zeros(f, 2);
}

static void
size_in_a_record_of_many_digits(struct fake_tar *f)
{
	fake_tar_pax_record(f, "size", "000000000000000000001");
	fake_tar_header(f, '0', "a", 0);
	fake_tar_zeros(f, 2);
}

static void
no_name(struct fake_tar *f)
{
	fake_tar_header(f, '0', "", 0);
	fake_tar_zeros(f, 2);
}

static void
empty_long_name(struct fake_tar *f)
{
	fake_tar_member(f, 'L', "././@LongLink", "");
	fake_tar_header(f, '0', "a", 0);
	fake_tar_zeros(f, 2);
}

static void
empty_path(struct fake_tar *f)
{
	fake_tar_pax_record(f, "path", "");
	fake_tar_header(f, '0', "a", 0);
	fake_tar_zeros(f, 2);
}

static void
long_name_that_does_not_end(struct fake_tar *f)
{
	fake_tar_long_name('n')[TAR_NAME_BYTES - 1] = 'n';
	fake_tar_header(f, 'L', "././@LongLink", TAR_NAME_BYTES);
	fake_tar_data(f, fake_tar_long_name('n'), TAR_NAME_BYTES);
	fake_tar_long_name('n')[TAR_NAME_BYTES - 1] = '\0';
	fake_tar_header(f, '0', "a", 0);
	fake_tar_zeros(f, 2);
}

static void
name_that_is_too_long(struct fake_tar *f)
{
	fake_tar_header(f, 'L', "././@LongLink", TAR_NAME_BYTES + 1);
	fake_tar_zeros(f, 8);
}

static void
record_without_newline(struct fake_tar *f)
{
	fake_tar_member(f, 'x', "PaxHeaders/0", "12 path=a/b ");
	fake_tar_header(f, '0', "a", 0);
	fake_tar_zeros(f, 2);
}

static void
record_of_length_0(struct fake_tar *f)
{
	fake_tar_member(f, 'x', "PaxHeaders/0", "0 path=a\n");
	fake_tar_header(f, '0', "a", 0);
	fake_tar_zeros(f, 2);
}

static void
record_that_reaches_beyond(struct fake_tar *f)
{
	fake_tar_member(f, 'x', "PaxHeaders/0", "512 path=a\n");
	fake_tar_header(f, '0', "a", 0);
	fake_tar_zeros(f, 2);
}

static void
zeros_for_records(struct fake_tar *f)
{
	fake_tar_header(f, 'x', "PaxHeaders/0", 100);
	fake_tar_zeros(f, 1);
	fake_tar_header(f, '0', "a", 0);
	fake_tar_zeros(f, 2);
}

static void
name_for_nobody(struct fake_tar *f)
{
	fake_tar_member(f, 'L', "././@LongLink", "a/name");
	fake_tar_zeros(f, 2);
}

static void
name_at_the_very_end(struct fake_tar *f)
{
	fake_tar_member(f, 'L', "././@LongLink", "a/name");
}

static void
old_sparse(struct fake_tar *f)
{
	fake_tar_header(f, 'S', "a", 0);
	fake_tar_zeros(f, 3);
}

static const struct hostile_tar hostile[] = {
#define HOSTILE(make, members, status)       \
	{                                    \
#make, make, members, status \
	}
    HOSTILE(nothing, 0, TAR_NO_END),
    HOSTILE(less_than_a_block, 0, TAR_NO_END),
    HOSTILE(no_zeros, 1, TAR_NO_END),
    HOSTILE(cut_in_a_header, 1, TAR_NO_END),
    HOSTILE(cut_in_the_padding, 1, TAR_NO_END),
    HOSTILE(cut_in_the_data, 0, TAR_BEYOND_END),
    HOSTILE(no_archive, 0, TAR_BAD_CHECKSUM),
    HOSTILE(bad_checksum, 0, TAR_BAD_CHECKSUM),
    HOSTILE(one_byte_too_large, 0, TAR_BEYOND_END),
    HOSTILE(as_large_as_octal_goes, 0, TAR_BEYOND_END),
    HOSTILE(as_large_as_can_be, 0, TAR_BEYOND_END),
    HOSTILE(more_than_64_bits, 0, TAR_BAD_NUMBER),
    HOSTILE(negative, 0, TAR_BAD_NUMBER),
    HOSTILE(an_extension_that_is_too_large, 0, TAR_BEYOND_END),
    HOSTILE(size_in_a_record_too_large, 0, TAR_BEYOND_END),
    HOSTILE(size_in_a_record_no_number, 0, TAR_BAD_RECORD),
    HOSTILE(size_in_a_record_of_many_digits, 0, TAR_BAD_RECORD),
    HOSTILE(no_name, 0, TAR_NO_NAME),
    HOSTILE(empty_long_name, 0, TAR_NO_NAME),
    HOSTILE(empty_path, 0, TAR_NO_NAME),
    HOSTILE(long_name_that_does_not_end, 0, TAR_LONG_NAME),
    HOSTILE(name_that_is_too_long, 0, TAR_LONG_NAME),
    HOSTILE(record_without_newline, 0, TAR_BAD_RECORD),
    HOSTILE(record_of_length_0, 0, TAR_BAD_RECORD),
    HOSTILE(record_that_reaches_beyond, 0, TAR_BAD_RECORD),
    HOSTILE(zeros_for_records, 0, TAR_BAD_RECORD),
    HOSTILE(name_for_nobody, 0, TAR_STRAY_EXTENSION),
    HOSTILE(name_at_the_very_end, 0, TAR_NO_END),
    HOSTILE(old_sparse, 0, TAR_OLD_SPARSE),
};

const struct hostile_tar *
hostile_tars(unsigned *n)
{
	*n = nitems(hostile);
	return (hostile);
}
