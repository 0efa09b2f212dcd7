/*
 * Reports of undefined behaviour.
 */
#include "tests/sanitize/ubsan.h"
#include "kernel/console.h"
#include "kernel/panic.h"

#define PLACE "ubsan: %s:%u:%u: "
#define AT(p) (p)->file, (p)->line, (p)->column

/* A value in decimal; what is no integer, as it came. */
static const char *
number(const struct ubsan_type *t, ubsan_value v, char *buf, size_t size)
{
	unsigned bits = 1u << (t->info >> 1);
	uint64_t n = v;

	if (bits > 64 || t->kind != 0) {
		ksnprintf(buf, size, "%#lx", (unsigned long)v);
		return (buf);
	}
	if (bits == 64)
		n = *(const uint64_t *)v;
	if ((t->info & 1) != 0)
		ksnprintf(buf, size, "%lld",
		    (long long)(n << (64 - bits)) >> (64 - bits));
	else
		ksnprintf(buf, size, "%llu", n << (64 - bits) >> (64 - bits));
	return (buf);
}

#define NUMBER_BYTES 24

static void
overflow(const struct ubsan_data *d, ubsan_value a, const char *operator,
    ubsan_value b)
{
	char x[NUMBER_BYTES], y[NUMBER_BYTES];

	panic(PLACE "overflow: %s %s %s in type %s", AT(&d->place),
	    number(d->type, a, x, sizeof(x)), operator,
	    number(d->type, b, y, sizeof(y)), d->type->name);
}

void
__ubsan_handle_add_overflow(const struct ubsan_data *d, ubsan_value a,
    ubsan_value b)
{
	overflow(d, a, "+", b);
}

void
__ubsan_handle_sub_overflow(const struct ubsan_data *d, ubsan_value a,
    ubsan_value b)
{
	overflow(d, a, "-", b);
}

void
__ubsan_handle_mul_overflow(const struct ubsan_data *d, ubsan_value a,
    ubsan_value b)
{
	overflow(d, a, "*", b);
}

void
__ubsan_handle_divrem_overflow(const struct ubsan_data *d, ubsan_value a,
    ubsan_value b)
{
	overflow(d, a, "/", b);
}

/* The rest have one value each, or none. */

static void
bad_value(const struct ubsan_data *d, const struct ubsan_type *t, ubsan_value v,
    const char *what)
{
	char x[NUMBER_BYTES];

	panic(PLACE "%s: %s, type %s", AT(&d->place), what,
	    number(t, v, x, sizeof(x)), d->type->name);
}

void
__ubsan_handle_negate_overflow(const struct ubsan_data *d, ubsan_value a)
{
	bad_value(d, d->type, a, "cannot be negated");
}

void
__ubsan_handle_shift_out_of_bounds(const struct ubsan_data *d, ubsan_value a,
    ubsan_value count)
{
	char x[NUMBER_BYTES], y[NUMBER_BYTES];

	panic(PLACE "shift of %s by %s, type %s", AT(&d->place),
	    number(d->type, a, x, sizeof(x)),
	    number(d->other, count, y, sizeof(y)), d->type->name);
}

void
__ubsan_handle_out_of_bounds(const struct ubsan_data *d, ubsan_value index)
{
	bad_value(d, d->other, index, "index out of bounds");
}

void
__ubsan_handle_vla_bound_not_positive(const struct ubsan_data *d,
    ubsan_value bound)
{
	bad_value(d, d->type, bound, "an array of no length");
}

void
__ubsan_handle_load_invalid_value(const struct ubsan_data *d, ubsan_value v)
{
	bad_value(d, d->type, v, "no value of its type");
}

/*
 * An access by a pointer that is null, misaligned, or to an object that is too
 * small for its type.
 */
void
__ubsan_handle_type_mismatch_v1(const struct ubsan_access *d, uintptr_t pointer)
{
	uintptr_t align = (uintptr_t)1 << d->log_align;

	panic(PLACE "%s pointer %#lx to type %s", AT(&d->place),
	    pointer == 0                    ? "null" :
		!IS_ALIGNED(pointer, align) ? "misaligned" :
					      "too small an object for",
	    (unsigned long)pointer, d->type->name);
}

void
__ubsan_handle_pointer_overflow(const struct ubsan_place *p, uintptr_t base,
    uintptr_t result)
{
	panic(PLACE "pointer overflow: %#lx became %#lx", AT(p),
	    (unsigned long)base, (unsigned long)result);
}

void
__ubsan_handle_builtin_unreachable(const struct ubsan_place *p)
{
	panic(PLACE "what cannot be reached was", AT(p));
}

void
__ubsan_handle_missing_return(const struct ubsan_place *p)
{
	panic(PLACE "the function's end was reached without a value", AT(p));
}

void
__ubsan_handle_invalid_builtin(const struct ubsan_place *p)
{
	panic(PLACE "bits of 0 counted", AT(p));
}

void
__ubsan_handle_nonnull_arg(const struct ubsan_argument *d)
{
	panic(PLACE "argument %d is null", AT(&d->place), d->index);
}

void
__ubsan_handle_nonnull_return_v1(const struct ubsan_place *attribute __unused,
    const struct ubsan_place *p)
{
	panic(PLACE "null returned", AT(p));
}
