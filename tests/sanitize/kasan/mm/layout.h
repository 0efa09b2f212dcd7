/*
 * The map of virtual addresses with room for the shadow of tests/sanitize/kasan.h
 * in slot 2: the KVA arena ends early.
 */
#ifndef TESTS_SANITIZE_KASAN_MM_LAYOUT_H
#define TESTS_SANITIZE_KASAN_MM_LAYOUT_H

#include_next "mm/layout.h"

#undef KVA_END
#define KVA_END 0xa8000000u

#endif
