/*
 * Tests of strings, formatting, numbers and command-line words.
 */
#include "boot/bootinfo.h"
#include "kernel/types.h"
#include "kernel/console.h"
#include "kernel/option.h"
#include "kernel/string.h"
#include "tests/test.h"

/* Does formatting give `want`, and its length? */
#define CHECK_FORMAT(want, ...)                                            \
	do {                                                               \
		char buf_[128];                                            \
		int len_ = ksnprintf(buf_, sizeof(buf_), __VA_ARGS__);     \
		CHECK_MSG(strcmp(buf_, (want)) == 0, "\"%s\", not \"%s\"", \
		    buf_, (want));                                         \
		CHECK_EQ(len_, strlen(want));                              \
	} while (0)

TEST(string, numbers_print_in_every_size)
{
	CHECK_FORMAT("0 7 -7", "%d %i %d", 0, 7, -7);
	CHECK_FORMAT("-2147483648", "%d", INT32_MIN);
	CHECK_FORMAT("4294967295", "%u", UINT32_MAX);
	CHECK_FORMAT("18446744073709551615", "%llu", UINT64_MAX);
	CHECK_FORMAT("-9223372036854775808", "%lld", INT64_MIN);
	CHECK_FORMAT("deadbeef CAFE", "%x %X", 0xdeadbeef, 0xcafe);
	CHECK_FORMAT("123456789abcdef0", "%llx", 0x123456789abcdef0ull);
	CHECK_FORMAT("1 2 3", "%lu %zu %llu", 1ul, (size_t)2, 3ull);
}

/* The formats are variables: compilers warn of just what is meant here. */
TEST(string, an_argument_is_cut_to_its_length_letters)
{
	const char *bytes = "%hhu %hhd", *words = "%hu %hd";

	CHECK_FORMAT("255 -1", bytes, 0x1ff, 0x1ff);
	CHECK_FORMAT("65535 -1", words, 0x1ffff, 0x1ffff);
}

TEST(string, fields_are_padded_as_asked)
{
	CHECK_FORMAT("|    7|7    |00007|", "|%5d|%-5d|%05d|", 7, 7, 7);
	CHECK_FORMAT("|   -7|-7   |-0007|", "|%5d|%-5d|%05d|", -7, -7, -7);
	CHECK_FORMAT("|+7| 7|  +7|", "|%+d|% d|%+4d|", 7, 7, 7);
	CHECK_FORMAT("|  007|007  |", "|%5.3d|%-5.3d|", 7, 7);
	CHECK_FORMAT("|   7|7   |", "|%*d|%*d|", 4, 7, -4, 7);
	CHECK_FORMAT("|0x2a|0X2A|0|", "|%#x|%#X|%#x|", 42, 42, 0);
	CHECK_FORMAT("|  0x2a|0x002a|", "|%#6x|%#06x|", 42, 42);
	CHECK_FORMAT("||", "|%.0d|", 0);
	CHECK_FORMAT("123456", "%3d", 123456);
}

TEST(string, texts_are_cut_and_padded)
{
	const char unterminated[3] = {'a', 'b', 'c'};
	const char *volatile none = NULL; /* compilers object to a plain one */

	CHECK_FORMAT("|ab|  ab|ab  |", "|%s|%4s|%-4s|", "ab", "ab", "ab");
	CHECK_FORMAT("|abc|  ab|", "|%.3s|%4.*s|", unterminated, 2, "abc");
	CHECK_FORMAT("x  y%", "%c%3c%%", 'x', 'y');
	CHECK_FORMAT("(null)", "%s", none);
	CHECK_FORMAT("0xc0001234", "%p", (void *)0xc0001234);
}

TEST(string, an_unknown_conversion_prints_as_it_stands)
{
	const char *strange = "%y %-5k %d%";

	CHECK_FORMAT("%y %-5k 3%", strange, 3);
}

TEST(string, a_long_text_is_cut_and_its_length_told)
{
	char buf[8] = "#######";

	CHECK_EQ(ksnprintf(buf, 5, "%s", "abcdefgh"), 8);
	CHECK(memcmp(buf, "abcd\0##", 8) == 0);
	CHECK_EQ(ksnprintf(buf, 1, "%d", 12345), 5);
	CHECK_EQ(buf[0], '\0');
}

/* Every length, alignment and overlap that the loops tell apart. */
TEST(string, memory_moves_as_if_byte_by_byte)
{
	uint8_t got[96], want[96];

	for (unsigned n = 0; n <= 40; n++) {
		for (unsigned to = 8; to < 32; to++) {
			for (unsigned i = 0; i < sizeof(got); i++)
				got[i] = want[i] = (uint8_t)i;
			for (unsigned i = 0; i < n; i++)
				want[to + i] = (uint8_t)(20 + i);
			memmove(got + to, got + 20, n);
			CHECK_MSG(memcmp(got, want, sizeof(got)) == 0,
			    "%u bytes from 20 to %u", n, to);
		}
	}
}

TEST(string, memory_is_filled_and_copied_to_the_byte)
{
	uint8_t from[64], to[64];

	for (unsigned n = 0; n <= 40; n++) {
		unsigned at = n % 5;

		memset(from, 0x5a, sizeof(from));
		memset(to, 0, sizeof(to));
		memset(from + at, 0xff01, n);
		memcpy(to + 1, from + at, n);
		for (unsigned i = 0; i < sizeof(to); i++) {
			CHECK_EQ(from[i], i >= at && i < at + n ? 1 : 0x5a);
			CHECK_EQ(to[i], i >= 1 && i < 1 + n ? 1 : 0);
		}
	}
}

TEST(string, comparisons_are_of_unsigned_bytes)
{
	CHECK(memcmp("a\x7f", "a\x80", 2) < 0);
	CHECK(strcmp("\x80", "\x7f") > 0);
	CHECK(strcmp("ab", "abc") < 0 && strcmp("", "") == 0);
	CHECK(strncmp("abx", "aby", 2) == 0 && strncmp("a", "b", 0) == 0);
}

TEST(string, a_bounded_copy_is_always_terminated)
{
	char buf[4] = "zzz";

	CHECK_EQ(strlcpy(buf, "abcdef", sizeof(buf)), 6);
	CHECK(strcmp(buf, "abc") == 0);
	CHECK_EQ(strlcpy(buf, "x", sizeof(buf)), 1);
	CHECK(strcmp(buf, "x") == 0);
	CHECK_EQ(strlcpy(buf, "abc", 0), 3);
	CHECK(strcmp(buf, "x") == 0);
}

TEST(string, globs_match_whole_names)
{
	CHECK(glob_match("*", "") && glob_match("*", "page.x"));
	CHECK(glob_match("page.*", "page.alloc"));
	CHECK(!glob_match("page.*", "pages.alloc"));
	CHECK(!glob_match("page", "page.alloc") && !glob_match("", "x"));
	CHECK(glob_match("?a*c", "xabbbc") && !glob_match("?a*c", "xabbbd"));
	CHECK(glob_match("*ab*ab", "abxabab") && glob_match("**a**", "bab"));
	CHECK(!glob_match("a?", "a") && glob_match("[a]", "[a]"));
}

/* Trying every star again for every other would take longer than the budget. */
TEST(string, a_glob_of_many_stars_ends_soon)
{
	CHECK(!glob_match("a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b",
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
}

TEST(string, numbers_are_read)
{
	static const struct {
		const char *text;
		uint64_t value;
	} good[] = {
	    {"0", 0},
	    {"42", 42},
	    {"007", 7},
	    {"0x1f", 0x1f},
	    {"0xFFFFFFFFFFFFFFFF", UINT64_MAX},
	    {"18446744073709551615", UINT64_MAX},
	    {"4K", 4096},
	    {"0x10M", 16 << 20},
	    {"60G", (uint64_t)60 << 30},
	    {"17179869183G", UINT64_MAX << 30},
	};
	for (unsigned i = 0; i < nitems(good); i++) {
		uint64_t v = ~good[i].value;

		CHECK_MSG(parse_number(good[i].text, &v), "%s", good[i].text);
		CHECK_EQ(v, good[i].value);
	}
}

TEST(string, what_is_no_number_is_refused)
{
	static const char *const bad[] = {"", "x", "-1", "+1", " 1", "1 ", "0x",
	    "0xg", "12a", "1k", "1KB", "K", "18446744073709551616",
	    "0x10000000000000000", "17179869184G", "99999999999999999999"};

	for (unsigned i = 0; i < nitems(bad); i++) {
		uint64_t v = 77;

		CHECK_MSG(!parse_number(bad[i], &v), "\"%s\"", bad[i]);
		CHECK_EQ(v, 77);
	}
}

/* --- command-line words: a line of ours, then the real one again --- */

static void
the_last_word_counts(void)
{
	option_parse("  list\tseed=7 test=page.* seed=0x10  panic ");
	CHECK(option_present("list") && !option_present("monitor"));
	CHECK_EQ(option_number("seed", 1), 16);
	CHECK_EQ(option_number("repeat", 3), 3);
	CHECK(strcmp(option_string("test"), "page.*") == 0);
	CHECK(option_present("panic") && option_string("panic") == NULL);
}

TEST(string, the_last_of_two_equal_words_counts)
{
	the_last_word_counts();
	option_parse(bootinfo()->cmdline);
}

static void
bad_words_are_ignored(void)
{
	option_parse("seed=x repeat=0 cpus=256 list=1 sfbuf.dmap=maybe "
		     "kern.ipc.nsfbufs= nonsense tests=a = =on");
	CHECK_EQ(option_number("seed", 5), 5);
	CHECK_EQ(option_number("repeat", 1), 1);
	CHECK_EQ(option_number("cpus", 255), 255);
	CHECK(!option_present("list") && !option_present("test"));
	CHECK(option_on("sfbuf.dmap", true) && !option_on("sfbuf.dmap", false));
	CHECK(!option_present("kern.ipc.nsfbufs"));
}

TEST(string, bad_command_line_words_are_ignored)
{
	bad_words_are_ignored();
	option_parse(bootinfo()->cmdline);
}

static void
on_and_off_are_read(void)
{
	option_parse("sfbuf.dmap=off cpus=3 panic=a=b");
	CHECK(!option_on("sfbuf.dmap", true));
	CHECK_EQ(option_number("cpus", 0), 3);
	CHECK(strcmp(option_string("panic"), "a=b") == 0);
}

TEST(string, on_and_off_words_are_read)
{
	on_and_off_are_read();
	option_parse(bootinfo()->cmdline);
}
