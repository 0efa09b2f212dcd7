/*
 * Formatting, without output: what stands behind every printing function.
 */
#include "kernel/types.h"
#include "kernel/console.h"
#include "kernel/string.h"
#include "kernel/x86.h"

/* Where the text goes; `len` counts what did not fit, too. */
struct sink {
	char *buf;
	size_t size;
	size_t len;
};

/* One conversion: %[flags][width][.precision][length]letter */
struct conversion {
	bool left, zero, plus, space, alternate; /* - 0 + space # */
	int width;
	int precision;  /* -1: none given */
	unsigned bytes; /* size of an integer argument: 1, 2, 4 or 8 */
};

/* A va_list may be an array, which no pointer to it survives; this may not. */
struct args {
	va_list ap;
};

#define DIGITS "0123456789abcdef"
#define DIGITS_UPPER "0123456789ABCDEF"

static void
put(struct sink *out, char c)
{
	if (out->len + 1 < out->size)
		out->buf[out->len] = c;
	out->len++;
}

static void
put_many(struct sink *out, char c, int n)
{
	while (n-- > 0)
		put(out, c);
}

/*
 * Put prefix (sign, 0x), then zeros, then text, in a field of the width.
 */
static void
put_field(struct sink *out, const struct conversion *cv, const char *prefix,
    int zeros, const char *text, int len)
{
	int pad = cv->width - (int)strlen(prefix) - zeros - len;

	if (!cv->left)
		put_many(out, ' ', pad);
	while (*prefix != '\0')
		put(out, *prefix++);
	put_many(out, '0', zeros);
	for (int i = 0; i < len; i++)
		put(out, text[i]);
	if (cv->left)
		put_many(out, ' ', pad);
}

static void
put_text(struct sink *out, const struct conversion *cv, const char *s)
{
	int len = 0;

	if (s == NULL)
		s = "(null)";
	/* Not strlen(): with a precision, s need not be terminated. */
	while ((cv->precision < 0 || len < cv->precision) && s[len] != '\0')
		len++;
	put_field(out, cv, "", 0, s, len);
}

static void
put_number(struct sink *out, const struct conversion *cv, uint64_t v,
    unsigned base, const char *digits, const char *prefix)
{
	char text[20]; /* 2^64 has 20 decimal digits */
	int len = 0, zeros = 0;

	while (v != 0) {
		uint32_t digit;

		v = div64(v, base, &digit);
		text[sizeof(text) - ++len] = digits[digit];
	}
	if (cv->precision >= 0)
		zeros = MAX(cv->precision - len, 0);
	else if (cv->zero && !cv->left)
		zeros = MAX(cv->width - (int)strlen(prefix) - len, 0);
	if (len == 0 && zeros == 0 && cv->precision != 0)
		zeros = 1;
	put_field(out, cv, prefix, zeros, text + sizeof(text) - len, len);
}

static void
put_signed(struct sink *out, const struct conversion *cv, int64_t v)
{
	const char *sign = v < 0 ? "-" : cv->plus ? "+" : cv->space ? " " : "";

	put_number(out, cv, v < 0 ? -(uint64_t)v : (uint64_t)v, 10, DIGITS,
	    sign);
}

static void
put_hex(struct sink *out, const struct conversion *cv, uint64_t v, bool upper)
{
	const char *prefix = "";

	if (cv->alternate && v != 0)
		prefix = upper ? "0X" : "0x";
	put_number(out, cv, v, 16, upper ? DIGITS_UPPER : DIGITS, prefix);
}

/* Every pointer has the same width, so that columns of them line up. */
static void
put_pointer(struct sink *out, const struct conversion *cv, uintptr_t v)
{
	struct conversion hex = *cv;

	hex.precision = 2 * sizeof(v);
	put_number(out, &hex, v, 16, DIGITS, "0x");
}

static const char *
parse_flags(const char *p, struct conversion *cv)
{
	for (;; p++) {
		switch (*p) {
		case '-':
			cv->left = true;
			break;
		case '0':
			cv->zero = true;
			break;
		case '+':
			cv->plus = true;
			break;
		case ' ':
			cv->space = true;
			break;
		case '#':
			cv->alternate = true;
			break;
		default:
			return (p);
		}
	}
}

static const char *
parse_length(const char *p, struct conversion *cv)
{
	cv->bytes = 4;
	if (*p == 'h') {
		cv->bytes = p[1] == 'h' ? 1 : 2;
		return (p + (p[1] == 'h' ? 2 : 1));
	}
	if (p[0] == 'l' && p[1] == 'l') {
		cv->bytes = 8;
		return (p + 2);
	}
	return (*p == 'l' || *p == 'z' ? p + 1 : p);
}

/* Cut an argument, as passed, to the size that the length letter names. */
static uint64_t
cut_unsigned(uint64_t v, unsigned bytes)
{
	return (bytes == 8 ? v : v & (((uint64_t)1 << 8 * bytes) - 1));
}

static int64_t
cut_signed(uint64_t v, unsigned bytes)
{
	unsigned shift = 64 - 8 * bytes;

	return ((int64_t)(v << shift) >> shift);
}

/* A width or precision: digits, or `*` and the next argument. */
static int
parse_count(const char **p, struct args *args)
{
	int n = 0;

	if (**p == '*') {
		++*p;
		return (va_arg(args->ap, int));
	}
	for (; **p >= '0' && **p <= '9'; ++*p)
		n = 10 * n + (**p - '0');
	return (n);
}

/* Take apart what follows a percent sign; returns where its letter stands. */
static const char *
parse_conversion(const char *p, struct conversion *cv, struct args *args)
{
	*cv = (struct conversion){.precision = -1};
	p = parse_flags(p, cv);
	cv->width = parse_count(&p, args);
	if (cv->width < 0) {
		cv->left = true;
		cv->width = -cv->width;
	}
	if (*p == '.') {
		p++;
		cv->precision = parse_count(&p, args);
	}
	return (parse_length(p, cv));
}

static uint64_t
integer_arg(const struct conversion *cv, struct args *args)
{
	if (cv->bytes == 8)
		return (va_arg(args->ap, uint64_t));
	return (va_arg(args->ap, uint32_t));
}

/* Convert the next argument; false if no one knows the letter. */
static bool
convert(struct sink *out, const struct conversion *cv, char letter,
    struct args *args)
{
	char c;

	switch (letter) {
	case 'd':
	case 'i':
		put_signed(out, cv,
		    cut_signed(integer_arg(cv, args), cv->bytes));
		return (true);
	case 'u':
		put_number(out, cv,
		    cut_unsigned(integer_arg(cv, args), cv->bytes), 10, DIGITS,
		    "");
		return (true);
	case 'x':
	case 'X':
		put_hex(out, cv, cut_unsigned(integer_arg(cv, args), cv->bytes),
		    letter == 'X');
		return (true);
	case 'p':
		put_pointer(out, cv, va_arg(args->ap, uintptr_t));
		return (true);
	case 's':
		put_text(out, cv, va_arg(args->ap, const char *));
		return (true);
	case 'c':
		c = (char)va_arg(args->ap, int);
		put_field(out, cv, "", 0, &c, 1);
		return (true);
	case '%':
		put(out, '%');
		return (true);
	default:
		return (false);
	}
}

int
kvsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
	struct sink out = {.buf = buf, .size = size};
	struct args args;

	va_copy(args.ap, ap);
	while (*fmt != '\0') {
		struct conversion cv;
		const char *letter;

		if (*fmt != '%') {
			put(&out, *fmt++);
			continue;
		}
		letter = parse_conversion(fmt + 1, &cv, &args);
		if (convert(&out, &cv, *letter, &args))
			fmt = letter + 1;
		else /* as it stands, so that someone sees it */
			while (fmt < letter)
				put(&out, *fmt++);
	}
	va_end(args.ap);
	if (size > 0)
		buf[MIN(out.len, size - 1)] = '\0';
	return ((int)out.len);
}

int
ksnprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = kvsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return (len);
}
