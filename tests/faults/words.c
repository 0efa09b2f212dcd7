/*
 * Words of the command line that only a variant knows.
 */
#include "tests/faults/words.h"
#include "boot/bootinfo.h"
#include "kernel/panic.h"
#include "kernel/string.h"

#define PREFIX "variant."

static struct {
	const char *name;
	bool present;
	uint32_t value;
} words[] = {
    /* The allocation of the boot that fails, from 1; 0: none. */
    {.name = "boot"},
    /* Time is exact (icount), so that no host can make anything late. */
    {.name = "exact"},
    /* Operations, virtual seconds, and where numbers stand that wrap. */
    {.name = "operations"},
    {.name = "seconds"},
    {.name = "newest"},
    {.name = "last_tid"},
    {.name = "harvest"},
};

static char line[BOOT_CMDLINE_BYTES];

/* A word of ours, ended by 0: keep its number. */
static void
keep(const char *word)
{
	size_t n;
	uint64_t v;

	for (unsigned i = 0; i < nitems(words); i++) {
		n = strlen(words[i].name);
		if (strncmp(word, words[i].name, n) != 0 || word[n] != '=')
			continue;
		ASSERT(parse_number(word + n + 1, &v) && v <= UINT32_MAX,
		    "%s takes a number", word);
		words[i].present = true;
		words[i].value = (uint32_t)v;
		return;
	}
	panic("no word is called %s%s", PREFIX, word);
}

void
__wrap_option_parse(const char *cmdline)
{
	char *p = line;

	strlcpy(line, cmdline, sizeof(line));
	while (*p != '\0') {
		char *word = p, *end;

		while (*p != '\0' && *p != ' ')
			p++;
		end = p;
		while (*p == ' ')
			p++;
		if (strncmp(word, PREFIX, sizeof(PREFIX) - 1) != 0)
			continue;
		*end = '\0';
		keep(word + sizeof(PREFIX) - 1);
		memset(word, ' ', (size_t)(end - word));
		if (p != end)
			*end = ' ';
	}
	__real_option_parse(line);
}

uint32_t
variant_word(const char *name, uint32_t otherwise)
{
	for (unsigned i = 0; i < nitems(words); i++)
		if (strcmp(words[i].name, name) == 0)
			return (words[i].present ? words[i].value : otherwise);
	panic("no word is called %s%s", PREFIX, name);
}
