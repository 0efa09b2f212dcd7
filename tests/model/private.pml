/*
 * CPU-private slots: sf_buf/sf_private.c and the inlines of <sys/sf_buf.h>.
 *
 * Modelled, step by step in the code's order: sf_buf_private_hit(), try_take()
 * with slot_mark(), pte_take(), slot_install() and the unmarking,
 * sf_buf_free(), sf_buf_unhold(), sf_private_unmap() in strict mode, and
 * sf_private_process_page() on another CPU.
 *
 * Threads of the owner CPU map pages for ever; between any two of their
 * steps another may run, which includes an interrupt handler that maps: that
 * is the same with fewer interleavings.  A buffer is freed by its thread or is
 * handed to another CPU, which frees it.  Other CPUs also look for pages in
 * these slots at any time.
 *
 * Abstractions, and why they lose nothing:
 * - One CPU's slots: no other's tables lead to them, so no other TLB matters.
 * - A walk, speculative or not, can come at any moment at which the entry is
 *   present; it sets A.  A TLB never drops an entry by itself: one that is
 *   dropped and filled again is a walk, one that is dropped cannot be stale.
 * - A thread tries any slot, in either way, and gives up if that fails: which
 *   slots sf_buf_map_elsewhere() tries in which order is one case of that.  Slots
 *   share nothing then, so one stands for all; a search with two agrees.
 *   has_held_buffer() and the shared window's help are left out: they return
 *   shared buffers only.
 * - The round of sf_private_unmap() is one step: see shootdown.pml.
 * - The threads share a CPU, so they see memory in the order of the program.
 *   Another CPU changes only `state`, by locked operations (and in strict mode
 *   the rest, between locked mark and locked unmark): sequentially consistent.
 *
 * Properties: who holds a buffer reads its page through it, by the TLB or by a
 * walk; page and entry stay fixed while it is held; nobody marks a held slot;
 * `state` counts the holders, and no slot is lost.
 *
 * @run usual -DNTHREADS=2 -DNOTHERS=2 -DNSLOT=1 -DNPAGE=2 -DSTRICT=0
 * @run strict -DNTHREADS=2 -DNOTHERS=1 -DNSLOT=1 -DNPAGE=3 -DSTRICT=1
 * @run slots -DNTHREADS=2 -DNOTHERS=1 -DNSLOT=2 -DNPAGE=2 -DSTRICT=0
 * @run cpus -DNTHREADS=1 -DNOTHERS=2 -DNSLOT=2 -DNPAGE=2 -DSTRICT=1
 * @bug BUG_PAGE_BEFORE_MARK -DNTHREADS=2 -DNSLOT=1 -DNPAGE=2 -DSTRICT=0
 * @bug BUG_USE_AFTER_FREE -DNTHREADS=2 -DNSLOT=1 -DNPAGE=2 -DSTRICT=0
 * @bug BUG_INVLPG_BEFORE_TAKE -DNTHREADS=2 -DNSLOT=1 -DNPAGE=2 -DSTRICT=0
 * @bug BUG_NO_INVLPG -DNTHREADS=2 -DNSLOT=1 -DNPAGE=2 -DSTRICT=0
 * @bug BUG_NO_SECOND_LOOK -DNTHREADS=2 -DNSLOT=1 -DNPAGE=2 -DSTRICT=0
 * @bug BUG_UNMARK_BY_STORE -DNTHREADS=2 -DNSLOT=1 -DNPAGE=2 -DSTRICT=0
 */
#ifndef NSLOT
#define NSLOT 2
#endif
#ifndef NOTHERS
#define NOTHERS 1
#endif
#ifndef NPAGE
#define NPAGE 3			/* 1 to NPAGE; 0: none */
#endif
#define MARK 64

short state[NSLOT];
byte page[NSLOT];
byte pte[NSLOT];		/* the page it maps; 0: not present */
bit accessed[NSLOT];
byte tlb[NSLOT];		/* the page that the TLB leads to; 0: none */
bit strict;

/* For the properties. */
byte refs[NSLOT];		/* buffers that were returned, and not freed */
byte busy;			/* threads between the steps of one call */

/* A buffer on its way to the other CPU. */
bit mail;
byte mail_slot, mail_page;

inline mark() {
	if
	:: atomic { state[s] == 0 -> state[s] = state[s] - MARK;
		assert(refs[s] == 0); ok = 1 }
	:: atomic { state[s] != 0 -> ok = 0 }
	fi
}

/* sf_private_unmap(s) */
inline unmap() {
	mark();
	if
	:: !ok
	:: ok ->
		atomic { pte[s] = 0; accessed[s] = 0 };
		page[s] = 0;
		tlb[s] = 0;
		atomic { state[s] = state[s] + MARK; ok = 0 }
	fi
}

/* The decrement, and what the last one does. */
inline unhold() {
	if
	:: atomic { state[s] == 1 && strict -> state[s] = 0 };
		unmap()
	:: atomic { else -> state[s] = state[s] - 1 }
	fi
}

/* sf_buf_private_hit(s, m) */
inline hit() {
	if
	:: atomic { page[s] != m -> ok = 0 }
	:: page[s] == m ->
		atomic { old = state[s]; state[s] = state[s] + 1 };
		if
#ifdef BUG_NO_SECOND_LOOK
		:: atomic { old >= 0 -> ok = 1; refs[s]++; old = 0 }
		:: atomic { old < 0 -> old = 0 };
#else
		:: atomic { old >= 0 && page[s] == m ->
			ok = 1; refs[s]++; old = 0 }
		:: atomic { old < 0 || page[s] != m -> old = 0 };
#endif
			unhold();
			ok = 0
		fi
	fi
}

/* try_take(s, m) */
/* An else that came first in an option would be the outer choice's, so skip. */
inline take() {
	skip;
#ifdef BUG_PAGE_BEFORE_MARK
	if
	:: state[s] == 0 -> page[s] = m
	:: else
	fi;
#endif
#ifdef BUG_INVLPG_BEFORE_TAKE
	if
	:: accessed[s] -> tlb[s] = 0
	:: else
	fi;
#endif
	mark();
	if
	:: !ok
	:: ok ->
		/* The exchange */
		atomic { a = accessed[s]; pte[s] = 0; accessed[s] = 0 };
#ifndef BUG_PAGE_BEFORE_MARK
		page[s] = m;
#endif
		pte[s] = m;
		/*
		 * An invlpg between the exchange and the new entry would do as
		 * well: nothing is present there, so no walk comes between.
		 */
#ifndef BUG_INVLPG_BEFORE_TAKE
#ifdef BUG_NO_INVLPG
		a = 0;
#endif
		atomic {
			if
			:: a -> tlb[s] = 0; a = 0
			:: else
			fi
		};
#else
		a = 0;
#endif
#ifdef BUG_UNMARK_BY_STORE
		atomic { state[s] = 1; refs[s]++ }
#else
		atomic { state[s] = state[s] + 1 + MARK; refs[s]++ }
#endif
	fi
}

#if NPAGE == 2
#define CHOOSE_PAGE if :: m = 1 :: m = 2 fi
#else
#define CHOOSE_PAGE if :: m = 1 :: m = 2 :: m = 3 fi
#endif
#if NSLOT == 1
#define CHOOSE_SLOT skip
#else
#define CHOOSE_SLOT if :: s = 0 :: s = 1 fi
#endif

/* What holding a buffer promises; and its use: by the TLB, else a walk. */
inline use(s, m) {
	atomic {
		assert(page[s] == m && pte[s] == m);
		assert(state[s] >= refs[s] && refs[s] > 0);
		if
		:: tlb[s] == 0 -> tlb[s] = pte[s]; accessed[s] = 1
		:: else
		fi;
		assert(tlb[s] == m)
	}
}

/* A call is over.  When nobody is amid one, nothing is marked, lost or extra. */
#define QUIET \
	busy--; \
	assert(busy != 0 || state[0] == refs[0]); \
	assert(busy != 0 || state[NSLOT - 1] == refs[NSLOT - 1]); \
	assert(busy != 0 || refs[0] + (NSLOT - 1) * refs[NSLOT - 1] == mail)

/* sf_buf_free(s) of a buffer that maps m */
inline free() {
#ifdef BUG_USE_AFTER_FREE
	/* A decrement that is no release: the last use comes after it. */
	skip;
	if
	:: atomic { state[s] == 1 -> state[s] = 0; refs[s]-- }
	:: atomic { else -> state[s] = state[s] - 1; refs[s]-- }
	fi;
	atomic { assert(tlb[s] == 0 || tlb[s] == m); assert(pte[s] == m) }
#else
	atomic { refs[s]-- ;
		if
		:: state[s] == 1 && strict -> state[s] = 0; ok = 1
		:: else -> state[s] = state[s] - 1; ok = 0
		fi
	};
	if
	:: ok -> unmap()
	:: !ok
	fi
#endif
}

proctype thread() {
	byte s, m;
	short old;
	bit ok, a;

end:	do
	:: atomic {
			CHOOSE_PAGE; CHOOSE_SLOT; busy++
		};
		if :: hit() :: take() fi;
		if
		:: atomic { !ok -> m = 0; s = 0; QUIET }
		:: atomic { ok -> ok = 0 };
			use(s, m);
			if
			:: free()
			:: atomic { !mail -> mail = 1; mail_slot = s;
				mail_page = m }
			fi;
			atomic { m = 0; s = 0; ok = 0; QUIET }
		fi
	od
}

/* Another CPU: frees, and looks for pages. */
proctype other() {
	byte s, m;
	short old;
	bit ok;

end:	do
	:: atomic { mail -> mail = 0; s = mail_slot; m = mail_page;
			mail_slot = 0; mail_page = 0; busy++;
			assert(page[s] == m && pte[s] == m) };
		free();
		atomic { s = 0; m = 0; ok = 0; QUIET }
	:: atomic {
			CHOOSE_PAGE; CHOOSE_SLOT; busy++
		};
		hit();
		if
		:: !ok
		:: ok -> assert(page[s] == m && pte[s] == m); free()
		fi;
		atomic { s = 0; m = 0; ok = 0; QUIET }
	od
}

/* Walks of the owner CPU. */
proctype walker(byte s) {
end:	do
	:: atomic { pte[s] != 0 && !(tlb[s] == pte[s] && accessed[s]) ->
		tlb[s] = pte[s]; accessed[s] = 1 }
	od
}

init {
	byte n;

	atomic {
		strict = STRICT;
		do
		:: n < NTHREADS -> run thread(); n++
		:: n >= NTHREADS -> break
		od;
		n = 0;
		do
		:: n < NOTHERS -> run other(); n++
		:: n >= NOTHERS -> break
		od;
		run walker(0);
#if NSLOT > 1
		run walker(1)
#endif
	}
}
