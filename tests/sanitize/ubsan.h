/*
 * What the compiler calls where it finds undefined behaviour, in a kernel built
 * with -fsanitize=undefined (tests/variants/ubsan.mk).  Each call is a bug: it
 * panics with the place, what was wrong, and the values.
 *
 * The structures and names are those that gcc and clang share.
 */
#ifndef TESTS_SANITIZE_UBSAN_H
#define TESTS_SANITIZE_UBSAN_H

#include "kernel/types.h"

struct ubsan_place {
	const char *file;
	uint32_t line, column;
};

struct ubsan_type {
	uint16_t kind; /* 0: an integer */
	uint16_t info; /* of an integer: bit 0 signed; then log2 of the bits */
	char name[];
};

/* Of most: a place, and up to two types. */
struct ubsan_data {
	struct ubsan_place place;
	const struct ubsan_type *type, *other;
};

struct ubsan_access {
	struct ubsan_place place;
	const struct ubsan_type *type;
	uint8_t log_align, kind;
};

struct ubsan_argument {
	struct ubsan_place place, attribute;
	int index;
};

/* A value of up to 32 bits, else its address. */
typedef uintptr_t ubsan_value;

/* The second type of a shift is its count's, of an index the index's. */
void __ubsan_handle_add_overflow(const struct ubsan_data *d, ubsan_value a,
    ubsan_value b);
void __ubsan_handle_sub_overflow(const struct ubsan_data *d, ubsan_value a,
    ubsan_value b);
void __ubsan_handle_mul_overflow(const struct ubsan_data *d, ubsan_value a,
    ubsan_value b);
void __ubsan_handle_divrem_overflow(const struct ubsan_data *d, ubsan_value a,
    ubsan_value b);
void __ubsan_handle_negate_overflow(const struct ubsan_data *d, ubsan_value a);
void __ubsan_handle_shift_out_of_bounds(const struct ubsan_data *d,
    ubsan_value a, ubsan_value count);
void
__ubsan_handle_out_of_bounds(const struct ubsan_data *d, ubsan_value index);
void __ubsan_handle_vla_bound_not_positive(const struct ubsan_data *d,
    ubsan_value bound);
void
__ubsan_handle_load_invalid_value(const struct ubsan_data *d, ubsan_value v);
void __ubsan_handle_type_mismatch_v1(const struct ubsan_access *d,
    uintptr_t pointer);
void __ubsan_handle_pointer_overflow(const struct ubsan_place *p,
    uintptr_t base, uintptr_t result);
void __ubsan_handle_builtin_unreachable(const struct ubsan_place *p);
void __ubsan_handle_missing_return(const struct ubsan_place *p);
void __ubsan_handle_invalid_builtin(const struct ubsan_place *p);
void __ubsan_handle_nonnull_arg(const struct ubsan_argument *d);
void __ubsan_handle_nonnull_return_v1(const struct ubsan_place *attribute,
    const struct ubsan_place *p);

#endif
