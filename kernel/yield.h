/*
 * Where another CPU or thread may come between.  In the variant `explore` each
 * step that others can see first calls explore_yield() (tests/explore/), which
 * may let them run; in every other build nothing is compiled.
 */
#ifndef KERNEL_YIELD_H
#define KERNEL_YIELD_H

/* Let others run here, or not: the seed decides. */
void explore_yield(void);

#ifdef EPHEMERA_EXPLORE

#define YIELD_POINT() explore_yield()

/* What all atomic operations are made of; a macro is not expanded in itself. */
#define __atomic_load(...) (YIELD_POINT(), __atomic_load(__VA_ARGS__))
#define __atomic_load_n(...) (YIELD_POINT(), __atomic_load_n(__VA_ARGS__))
#define __atomic_store(...) (YIELD_POINT(), __atomic_store(__VA_ARGS__))
#define __atomic_exchange(...) (YIELD_POINT(), __atomic_exchange(__VA_ARGS__))
#define __atomic_exchange_n(...) \
	(YIELD_POINT(), __atomic_exchange_n(__VA_ARGS__))
#define __atomic_compare_exchange(...) \
	(YIELD_POINT(), __atomic_compare_exchange(__VA_ARGS__))
#define __atomic_fetch_add(...) (YIELD_POINT(), __atomic_fetch_add(__VA_ARGS__))
#define __atomic_fetch_sub(...) (YIELD_POINT(), __atomic_fetch_sub(__VA_ARGS__))
#define __atomic_fetch_and(...) (YIELD_POINT(), __atomic_fetch_and(__VA_ARGS__))
#define __atomic_fetch_or(...) (YIELD_POINT(), __atomic_fetch_or(__VA_ARGS__))
#define __atomic_and_fetch(...) (YIELD_POINT(), __atomic_and_fetch(__VA_ARGS__))
#define __sync_val_compare_and_swap(...) \
	(YIELD_POINT(), __sync_val_compare_and_swap(__VA_ARGS__))
#define __sync_bool_compare_and_swap(...) \
	(YIELD_POINT(), __sync_bool_compare_and_swap(__VA_ARGS__))

#else

#define YIELD_POINT() ((void)0)

#endif

#endif
