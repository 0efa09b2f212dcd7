/*
 * Runs a target on files, once each: for a compiler without libFuzzer.
 *
 *	replay FILE...
 */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/libc.h"

#define FILE_BYTES_MAX (64u << 10)

int main(int argc, char **argv);

static void
replay(const char *path)
{
	/* Of just its size, so that a read beyond it is noticed. */
	static uint8_t content[FILE_BYTES_MAX];
	size_t size = 0;
	intptr_t n;
	uint8_t *data;
	int fd = open(path, OPEN_READ);

	ASSERT(fd >= 0, "replay: %s cannot be opened", path);
	while ((n = read(fd, content + size, sizeof(content) - size)) > 0)
		size += (size_t)n;
	close(fd);
	ASSERT(n == 0 && size < sizeof(content), "replay: %s cannot be read",
	    path);
	data = malloc(size);
	memcpy(data, content, size);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
}

int
main(int argc, char **argv)
{
	ASSERT(argc > 1, "replay: no file is given");
	for (int i = 1; i < argc; i++)
		replay(argv[i]);
	return (0);
}
