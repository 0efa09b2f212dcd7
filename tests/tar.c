/*
 * Walks through archives on a memory disk: good ones, hostile ones, and good
 * ones with bytes changed at random.
 */
#include "sf_buf/consumers/tar.h"
#include "kernel/console.h"
#include "kernel/string.h"
#include "sf_buf/consumers/md.h"
#include "tests/fake_tar.h"
#include "tests/sf_kit.h"
#include "tests/test.h"

/* The test's own thread only. */
static struct md disk;
static struct tar walk;
static struct tar_member member;

/* Put an archive on the disk and begin to walk.  False when memory is short. */
static bool
load(const struct fake_tar *f)
{
	uint64_t sectors = (f->n + MD_SECTOR_BYTES - 1) / MD_SECTOR_BYTES;

	if (md_create(&disk, sectors) != 0)
		return (false);
	if (md_write(&disk, 0, (size_t)sectors, f->byte) != 0)
		return (false);
	tar_open(&walk, &disk, f->n);
	return (true);
}

/* A test that may leave a disk. */
#define TAR_TEST(name_)                          \
	static void tar_##name_(void);           \
	WINDOW_TEST(tar, name_)                  \
	{                                        \
		disk = (struct md){.file = {0}}; \
		tar_##name_();                   \
		md_destroy(&disk);               \
	}                                        \
	static void tar_##name_(void)

#define CHECK_MEMBER(type_, size_, name_)                        \
	do {                                                     \
		CHECK_EQ(tar_next(&walk, &member), TAR_OK);      \
		CHECK_MSG(strcmp(member.name, name_) == 0,       \
		    "\"%s\" is not \"%s\"", member.name, name_); \
		CHECK_EQ(member.type, type_);                    \
		CHECK_EQ(member.size, size_);                    \
	} while (0)

#define CHECK_END(status_)                                   \
	do {                                                 \
		CHECK_EQ(tar_next(&walk, &member), status_); \
		CHECK_EQ(tar_next(&walk, &member), status_); \
	} while (0)

/* --- good ones --- */

TAR_TEST(members_come_in_their_order)
{
	struct fake_tar *f = fake_tar_begin();

	fake_tar_member(f, '5', "docs/", "");
	fake_tar_member(f, '0', "docs/empty", "");
	fake_tar_member(f, '0', "docs/hello", "Hello, world.\n");
	/* Links, whose size means nothing. */
	fake_tar_header(f, '1', "docs/same", 14);
	fake_tar_header(f, '2', "docs/there", 14);
	fake_tar_header(f, '6', "fifo", 0);
	fake_tar_member(f, 'V', "label", "x");
	fake_tar_zeros(f, 2);
	CHECK(load(f));
	CHECK_MEMBER(TAR_DIRECTORY, 0, "docs/");
	CHECK_MEMBER(TAR_FILE, 0, "docs/empty");
	CHECK_MEMBER(TAR_FILE, 14, "docs/hello");
	CHECK_MEMBER(TAR_HARD_LINK, 0, "docs/same");
	CHECK_MEMBER(TAR_SYMLINK, 0, "docs/there");
	CHECK_MEMBER(TAR_SPECIAL, 0, "fifo");
	CHECK_MEMBER(TAR_OTHER, 1, "label");
	CHECK_END(TAR_END);
}

TAR_TEST(what_follows_a_block_of_zeros_is_not_looked_at)
{
	struct fake_tar *f = fake_tar_begin();

	fake_tar_member(f, '0', "seen", "");
	fake_tar_zeros(f, 1);
	fake_tar_member(f, '0', "unseen", "");
	CHECK(load(f));
	CHECK_MEMBER(TAR_FILE, 0, "seen");
	CHECK_END(TAR_END);
}

TAR_TEST(a_file_whose_name_ends_in_a_slash_is_a_directory)
{
	struct fake_tar *f = fake_tar_begin();

	fake_tar_member(f, '\0', "old/", "ignored");
	fake_tar_member(f, '\0', "old/file", "x");
	fake_tar_zeros(f, 2);
	CHECK(load(f));
	CHECK_MEMBER(TAR_DIRECTORY, 0, "old/");
	CHECK_MEMBER(TAR_FILE, 1, "old/file");
	CHECK_END(TAR_END);
}

TAR_TEST(long_names_of_gnu_are_for_the_next_member)
{
	struct fake_tar *f = fake_tar_begin();

	fake_tar_member(f, 'K', "././@LongLink", "the target of a link");
	fake_tar_header(f, 'L', "././@LongLink", TAR_NAME_BYTES);
	fake_tar_data(f, fake_tar_long_name('n'), TAR_NAME_BYTES);
	/* It is cut there, where it may look like a directory's. */
	fake_tar_member(f, '0', "nnnn/", "12345");
	fake_tar_member(f, '0', "short", "");
	/* Without the NUL that GNU tar writes. */
	fake_tar_member(f, 'L', "././@LongLink", "a/name");
	fake_tar_member(f, '0', "", "");
	fake_tar_zeros(f, 2);
	CHECK(load(f));
	CHECK_MEMBER(TAR_FILE, 5, fake_tar_long_name('n'));
	CHECK_MEMBER(TAR_FILE, 0, "short");
	CHECK_MEMBER(TAR_FILE, 0, "a/name");
	CHECK_END(TAR_END);
}

TAR_TEST(pax_records_change_name_and_size)
{
	struct fake_tar *f = fake_tar_begin();

	fake_tar_member(f, 'g', "pax_global_header", "18 comment=0123456\n");
	fake_tar_pax_record(f, "path", fake_tar_long_name('p'));
	fake_tar_member(f, '0', "cut", "12345");
	/* The size counts, and no longer for the next one. */
	fake_tar_member(f, 'x', "PaxHeaders/0",
	    "11 mtime=1\n12 size=600\n8 uid=0\n");
	fake_tar_header(f, '0', "large", 0);
	fake_tar_data(f, fake_tar_long_name('d'), 600);
	fake_tar_member(f, '0', "next", "1");
	/* It says nothing of what has no data. */
	fake_tar_pax_record(f, "size", "100000");
	fake_tar_member(f, '5', "dir/", "");
	fake_tar_zeros(f, 2);
	CHECK(load(f));
	CHECK_MEMBER(TAR_FILE, 5, fake_tar_long_name('p'));
	CHECK_MEMBER(TAR_FILE, 600, "large");
	CHECK_MEMBER(TAR_FILE, 1, "next");
	CHECK_MEMBER(TAR_DIRECTORY, 0, "dir/");
	CHECK_END(TAR_END);
}

TAR_TEST(a_sparse_file_of_pax_is_not_taken_for_its_contents)
{
	struct fake_tar *f = fake_tar_begin();

	fake_tar_pax_record(f, "GNU.sparse.major", "1");
	fake_tar_member(f, '0', "GNUSparseFile.0/holes", "1\n0\n1\n");
	fake_tar_zeros(f, 2);
	CHECK(load(f));
	CHECK_MEMBER(TAR_OTHER, 6, "GNUSparseFile.0/holes");
	CHECK_END(TAR_END);
}

/* --- data --- */

#define DATA_BYTES (PAGE_SIZE + 1000)

TAR_TEST(any_part_of_a_member_can_be_read_and_nothing_beyond)
{
	static const size_t edge[] = {0, 1, 511, 512, PAGE_SIZE - 512,
	    PAGE_SIZE, DATA_BYTES - 1, DATA_BYTES, DATA_BYTES + 1};
	static uint8_t data[DATA_BYTES], got[DATA_BYTES + 1];
	struct fake_tar *f = fake_tar_begin();

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7 + i / 256);
	fake_tar_header(f, '0', "data", sizeof(data));
	fake_tar_data(f, data, sizeof(data));
	fake_tar_member(f, '0', "neighbour", "secret");
	fake_tar_zeros(f, 2);
	CHECK(load(f));
	CHECK_MEMBER(TAR_FILE, DATA_BYTES, "data");
	for (unsigned i = 0; i < nitems(edge) * nitems(edge); i++) {
		size_t from = edge[i / nitems(edge)],
		       n = edge[i % nitems(edge)];
		int error = tar_read(&walk, &member, from, got, n);

		CHECK_EQ(error, from + n <= DATA_BYTES ? 0 : EIO);
		CHECK(error != 0 || memcmp(got, data + from, n) == 0);
	}
	CHECK_EQ(tar_read(&walk, &member, ~0ull, got, 2), EIO);
	CHECK_EQ(tar_read(&walk, &member, 1, got, SIZE_MAX), EIO);
}

/* --- hostile ones --- */

/* An archive of which nothing but the first header is read may be empty. */
static void
check_hostile(const struct hostile_tar *want)
{
	struct fake_tar *f = fake_tar_begin();

	want->make(f);
	if (f->n == 0) {
		CHECK_EQ(md_create(&disk, 1), 0);
		tar_open(&walk, &disk, 0);
	} else {
		CHECK(load(f));
	}
	for (unsigned n = 0; n < want->members; n++)
		CHECK_MSG(tar_next(&walk, &member) == TAR_OK,
		    "%s: member %u: %s", want->name, n,
		    tar_status_text(walk.status));
	CHECK_MSG(tar_next(&walk, &member) == want->status, "%s: %s; not: %s",
	    want->name, tar_status_text(walk.status),
	    tar_status_text(want->status));
	CHECK_END(want->status);
}

TAR_TEST(hostile_archives_are_refused_with_the_right_reason)
{
	unsigned n;
	const struct hostile_tar *hostile = hostile_tars(&n);

	for (unsigned i = 0; i < n && !test_failed(); i++) {
		md_destroy(&disk);
		check_hostile(&hostile[i]);
	}
}

TAR_TEST(a_pax_header_without_end_is_refused)
{
	struct fake_tar *f = fake_tar_begin();
	uint64_t bytes = (2ull << 20) + 2 * TAR_BLOCK_BYTES;

	fake_tar_header(f, 'x', "PaxHeaders/0", 2 << 20);
	if (md_create(&disk, bytes / MD_SECTOR_BYTES) != 0)
		SKIP("no %llu bytes for a disk", bytes);
	CHECK_EQ(md_write(&disk, 0, 1, f->byte), 0);
	tar_open(&walk, &disk, bytes);
	CHECK_END(TAR_LONG_RECORDS);
}

TEST(tar, every_reason_has_a_text)
{
	for (enum tar_status s = 0; s < TAR_NSTATUS; s++) {
		CHECK_MSG(tar_status_text(s) != NULL, "%u", s);
		CHECK_MSG(tar_status_text(s)[0] != '\0', "%u", s);
	}
}

/* --- good ones, changed --- */

#define CHANGED_ARCHIVES 300

/* One of everything. */
static void
make_variety(struct fake_tar *f)
{
	fake_tar_member(f, 'g', "pax_global_header", "11 comment=\n");
	fake_tar_member(f, '5', "docs/", "");
	fake_tar_member(f, 'L', "././@LongLink", "a/long/name");
	fake_tar_member(f, '0', "a", "contents");
	fake_tar_member(f, 'x', "PaxHeaders/0",
	    "15 path=docs/x\n12 size=600\n8 uid=0\n");
	fake_tar_header(f, '0', "x", 600);
	fake_tar_data(f, fake_tar_long_name('d'), 600);
	fake_tar_header(f, '2', "link", 0);
	fake_tar_zeros(f, 2);
}

/* Change up to eight bytes, and make the checksums of some headers right. */
static void
change(struct fake_tar *f, uint32_t *random)
{
	for (unsigned n = test_random(random) % 8 + 1; n != 0; n--) {
		uint8_t *block = f->byte +
		    ROUND_DOWN(test_random(random) % f->n, TAR_BLOCK_BYTES);

		block[test_random(random) % TAR_BLOCK_BYTES] =
		    (uint8_t)test_random(random);
		if (test_random(random) % 2 == 0)
			fake_tar_seal(block);
	}
	if (test_random(random) % 4 == 0)
		f->n = test_random(random) % f->n + 1;
}

/* Walk to the end.  Every member lies within the archive, behind the last. */
static void
walk_changed(size_t bytes)
{
	uint64_t last = 0;

	for (size_t steps = 0; tar_next(&walk, &member) == TAR_OK; steps++) {
		CHECK_MSG(steps < bytes / TAR_BLOCK_BYTES,
		    "%zu members in %zu bytes", steps, bytes);
		CHECK_MSG(member.offset > last && member.offset <= bytes &&
			member.size <= bytes - member.offset,
		    "%llu bytes at %llu of %zu, after %llu", member.size,
		    member.offset, bytes, last);
		CHECK(member.name[0] != '\0');
		CHECK(strlen(member.name) < TAR_NAME_BYTES);
		CHECK(!tar_is_extension(member.type));
		last = member.offset;
	}
	CHECK(walk.status != TAR_UNREADABLE);
	CHECK(walk.at < bytes + TAR_BLOCK_BYTES);
}

TAR_TEST(archives_changed_at_random_never_lead_astray)
{
	uint32_t random = test_seed();
	unsigned count[TAR_NSTATUS] = {0};
	unsigned kinds = 0;

	for (unsigned i = 0; i < CHANGED_ARCHIVES && !test_failed(); i++) {
		struct fake_tar *f = fake_tar_begin();

		make_variety(f);
		change(f, &random);
		md_destroy(&disk);
		CHECK(load(f));
		walk_changed(f->n);
		count[walk.status]++;
	}
	for (unsigned s = 0; s < TAR_NSTATUS; s++)
		kinds += count[s] != 0;
	test_note("%u unharmed, %u kinds of harm found", count[TAR_END],
	    kinds - 1);
	CHECK(count[TAR_END] != 0 && kinds > 3);
}
