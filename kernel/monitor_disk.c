/*
 * The monitor's commands about a tar archive: the first one among the boot
 * modules, on a memory disk.
 */
#include "kernel/monitor_cmds.h"
#include "boot/bootinfo.h"
#include "kernel/console.h"
#include "kernel/serial_input.h"
#include "kernel/string.h"
#include "mm/pmap.h"
#include "mm/vm_page.h"
#include "sf_buf/consumers/cksum.h"
#include "sf_buf/consumers/md.h"
#include "sf_buf/consumers/tar.h"

/* All of it is the monitor's thread's only. */
static struct md disk;         /* made when first needed, and kept */
static uint64_t archive_bytes; /* of it; 0: it is not made yet */
static struct tar_member member;
static uint8_t buffer[PAGE_SIZE];

/* --- the disk --- */

/* Does it begin with the header of a member, whatever may be wrong with it? */
static bool
is_archive(const struct boot_module *module)
{
	struct tar_header h;
	enum tar_status status;

	if (module->end - module->start < TAR_BLOCK_BYTES ||
	    !pmap_read_phys(module->start, buffer, TAR_BLOCK_BYTES))
		return (false);
	status = tar_parse_header(buffer, &h);
	return (status != TAR_END && status != TAR_BAD_CHECKSUM);
}

static const struct boot_module *
find_archive(void)
{
	const struct bootinfo *bi = bootinfo();

	for (unsigned i = 0; i < bi->nmodules; i++)
		if (is_archive(&bi->module[i]))
			return (&bi->module[i]);
	kprintf("%s.  On the host: tar cf x.tar FILE... && make run "
		"FILE=x.tar\n",
	    bi->nmodules == 0 ? "No file was passed" :
				"The file that was passed is no tar archive");
	return (NULL);
}

/* Have the disk; false, having said why, if that cannot be. */
static bool
open_disk(void)
{
	const struct boot_module *module;
	uint64_t bytes;

	if (archive_bytes != 0)
		return (true);
	module = find_archive();
	if (module == NULL)
		return (false);
	bytes = module->end - module->start;
	switch (md_create_from_phys(&disk, module->start, bytes)) {
	case 0:
		archive_bytes = bytes;
		return (true);
	case ENOMEM:
		kprintf("The disk does not fit: %llu KiB are needed, %llu KiB "
			"are free.  Give the machine more memory (make run "
			"MEM=4G).\n",
		    (bytes + 1023) >> 10, (uint64_t)vm_page_available() << 2);
		return (false);
	default:
		kprintf("The boot loader put it where this processor cannot "
			"reach: %#llx.\n",
		    module->start);
		return (false);
	}
}

/* --- text from elsewhere --- */

/* Pieces this small do not keep interrupts disabled for long. */
#define PIECE_BYTES 64

struct printer {
	char piece[PIECE_BYTES];
	int n;
};

static void
flush(struct printer *p)
{
	kprintf("%.*s", p->n, p->piece);
	p->n = 0;
}

static void
put(struct printer *p, char c)
{
	if (p->n == PIECE_BYTES)
		flush(p);
	p->piece[p->n++] = c;
}

/* A byte as `cat -v` shows it: nothing of it reaches the terminal as a command. */
static void
put_visible(struct printer *p, uint8_t c)
{
	if (c >= 0x80) {
		put(p, 'M');
		put(p, '-');
		c &= 0x7f;
	}
	if (c < ' ' || c == 0x7f) {
		put(p, '^');
		c ^= 0x40;
	}
	put(p, (char)c);
}

static void
print_name(const char *name)
{
	struct printer p = {.n = 0};

	while (*name != '\0')
		put_visible(&p, (uint8_t)*name++);
	flush(&p);
}

/* --- members --- */

/* Returns false to leave the others alone. */
typedef bool member_fn(const struct tar *t);

static bool
interrupted(void)
{
	if (!console_interrupted())
		return (false);
	kprintf("^C\n");
	return (true);
}

/* Call fn for each member whose name matches; it stands in `member`. */
static void
for_each(const char *glob, member_fn *fn)
{
	struct tar t;
	unsigned n = 0;

	if (!open_disk())
		return;
	tar_open(&t, &disk, archive_bytes);
	while (tar_next(&t, &member) == TAR_OK) {
		if (interrupted())
			return;
		if (!glob_match(glob, member.name))
			continue;
		n++;
		if (!fn(&t))
			return;
	}
	if (t.status != TAR_END)
		kprintf("Byte %llu and all that follows is refused: %s.\n",
		    t.at, tar_status_text(t.status));
	else if (n == 0)
		kprintf("The archive has no '%s'; ls lists what it has.\n",
		    glob);
}

static bool
list(const struct tar *t __unused)
{
	static const char letter[] = {
	    [TAR_FILE] = '-',
	    [TAR_DIRECTORY] = 'd',
	    [TAR_HARD_LINK] = 'h',
	    [TAR_SYMLINK] = 'l',
	    [TAR_SPECIAL] = 's',
	    [TAR_OTHER] = '?',
	};

	kprintf("%c %12llu  ", letter[member.type], member.size);
	print_name(member.name);
	kprintf("\n");
	return (true);
}

bool
cmd_ls(unsigned argc, char **argv)
{
	for_each(argc > 1 ? argv[1] : "*", list);
	return (true);
}

/* Is it a file?  Says so if not. */
static bool
has_contents(void)
{
	static const char *const what[] = {
	    [TAR_FILE] = NULL,
	    [TAR_DIRECTORY] = "is a directory",
	    [TAR_HARD_LINK] = "is a link to a member before it",
	    [TAR_SYMLINK] = "is a symbolic link",
	    [TAR_SPECIAL] = "is a device or a FIFO",
	    [TAR_OTHER] = "is of a kind that this kernel cannot read",
	};

	if (member.type == TAR_FILE)
		return (true);
	print_name(member.name);
	kprintf(" %s.\n", what[member.type]);
	return (false);
}

/* Returns false to stop. */
typedef bool piece_fn(size_t n, void *arg);

/* Read the member through the buffer, calling fn for each piece.  False, having
 * said why, if it stops before the end. */
static bool
read_member(const struct tar *t, piece_fn *fn, void *arg)
{
	for (uint64_t at = 0; at < member.size; at += sizeof(buffer)) {
		size_t n = (size_t)MIN(member.size - at, sizeof(buffer));
		int error = tar_read(t, &member, at, buffer, n);

		if (error != 0)
			kprintf_line("It cannot be read: error %d.\n", error);
		if (error != 0 || !fn(n, arg) || interrupted())
			return (false);
	}
	return (true);
}

/* A piece takes a moment to print, so ^C is looked for at each line. */
static bool
print_piece(size_t n, void *arg)
{
	struct printer *p = arg;

	for (size_t i = 0; i < n; i++) {
		if (buffer[i] != '\n' && buffer[i] != '\t')
			put_visible(p, buffer[i]);
		else
			put(p, (char)buffer[i]);
		if (buffer[i] == '\n' && interrupted())
			return (false);
	}
	return (true);
}

static bool
print(const struct tar *t)
{
	struct printer p = {.n = 0};

	if (!has_contents())
		return (true);
	if (!read_member(t, print_piece, &p))
		return (false);
	flush(&p);
	kprintf_line("%s", ""); /* ends the last line */
	return (true);
}

bool
cmd_cat(unsigned argc, char **argv)
{
	if (argc < 2)
		return (false);
	for_each(argv[1], print);
	return (true);
}

static bool
sum_piece(size_t n, void *arg)
{
	cksum_update(arg, buffer, n);
	return (true);
}

static bool
sum(const struct tar *t)
{
	struct cksum c;

	if (!has_contents())
		return (true);
	cksum_init(&c);
	if (!read_member(t, sum_piece, &c))
		return (false);
	kprintf("%u %llu ", cksum_final(&c), member.size);
	print_name(member.name);
	kprintf("\n");
	return (true);
}

bool
cmd_sum(unsigned argc, char **argv)
{
	if (argc < 2)
		return (false);
	for_each(argv[1], sum);
	return (true);
}
