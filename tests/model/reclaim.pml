/*
 * Reclaiming slots of the shared window by the accessed bit: the theory at the
 * head of sf_buf/sf_buf.c.
 *
 * Modelled, step by step in the code's order: sf_buf_try_hit(), sf_buf_unhold(),
 * sf_buf_map() with slot_mark(), sf_window_take_entry(), slot_forget_page(),
 * slot_install(), slot_publish() and the unmarking, sf_window_let_go();
 * sweep_slots_locked(), next_round_locked(), finish_round_locked(); and of the
 * scarce window's way map_one_locked() with sf_window_clean_one_locked(), and
 * clean_with_idle() with sf_window_detach_locked(), stamp_locked(),
 * sf_window_sweep_one_locked(), sf_idle_sweep_locked() and
 * sf_window_flush_locked().  A step reads or writes at most one word that CPUs
 * share; a locked operation is one step.
 *
 * Users map pages, use and free them, for ever.  A sweeper sweeps and ends rounds
 * until no number is left.  Each CPU's processor walks any present entry at any
 * moment, which sets A, and flushes for a round at any moment between its start
 * and its end.
 *
 * Abstractions, and why they lose nothing:
 * - A user tries any slot at any time, with whatever way: portions, harvests,
 *   `recent` and the list of idle slots only say which slot is tried.
 * - The sweeper is nobody's CPU, and flushes wait for nobody's interrupts: more
 *   interleavings than there are.  That rounds end is shootdown.pml's part.
 * - Each sweep goes over all slots.  Numbers do not wrap, and there are MAXROUND.
 * - A TLB holds one bit for each slot: something.  It drops nothing by itself
 *   (see private.pml).  At the new entry the assertion is I3: all are empty,
 *   from which it follows that what one holds later is the new page's.
 * - Memory is sequentially consistent.  Stores that are not locked: a stamp before
 *   a clearing, which is locked; a stamp without one: the older stamp that a
 *   reader may see instead is one that A was clear before, too; rounds_done:
 *   a late one only says "not clean"; unlinking, page and entry: the marking's
 *   owner stores them, and publishes and unmarks by locked operations, and
 *   until then hits are turned away by the mark; the entry put back: the same.
 *
 * Properties: I3; who holds a buffer finds its page by it, and no other slot
 * that is held has that page but for the same slot; nobody marks a held slot;
 * when nobody is amid a call, `state` is the number of holders and each linked
 * page leads to a slot that has it: no slot is lost.
 *
 * @run plenty -DNSLOT=1 -DNUSER=2 -DNCPU=3 -DMAXROUND=2
 * @run slots -DNSLOT=2 -DNPAGE=3 -DNUSER=2 -DNCPU=1 -DMAXROUND=0
 * @run sweeps -DNSLOT=2 -DNPAGE=3 -DNUSER=1 -DNCPU=3 -DMAXROUND=2
 * @run scarce -DNSLOT=2 -DNPAGE=3 -DNUSER=1 -DNCPU=3 -DMAXROUND=2 -DSCARCE
 * @run mixed -DNSLOT=1 -DNUSER=2 -DNCPU=2 -DMAXROUND=2 -DSCARCE
 * @bug BUG_JUDGE_BEFORE_TAKE -DNSLOT=1
 * @bug BUG_CLEAR_BEFORE_STAMP -DNSLOT=1
 * @bug BUG_NO_A -DNSLOT=1
 * @bug BUG_NO_STAMP -DNSLOT=1
 * @bug BUG_START_BEFORE_SWEEP -DNSLOT=1
 * @bug BUG_NOT_LISTED -DNSLOT=2 -DNUSER=1 -DNCPU=2 -DSCARCE
 * @bug BUG_ONE_BY_A -DNSLOT=1 -DNCPU=2 -DSCARCE
 * @bug BUG_UNMARK_BEFORE_ENTRY -DNSLOT=1
 * @bug BUG_FORGET_AFTER_UNMARK -DNSLOT=2 -DNCPU=1
 * @bug BUG_NO_CAS -DNSLOT=2 -DNCPU=1
 * @bug BUG_NO_SECOND_LOOK -DNSLOT=2 -DNCPU=1
 */
#ifndef NUSER
#define NUSER 2
#endif
#ifndef NCPU
#define NCPU 3
#endif
#ifndef NSLOT
#define NSLOT 2
#endif
#ifndef NPAGE
#define NPAGE 2			/* 1 to NPAGE; 0: none */
#endif
#ifndef MAXROUND
#define MAXROUND 2
#endif
#define MARK 64
#define BIT(i) (1 << (i))
#define ALL_CPUS (BIT(NCPU) - 1)
#define ALL_SLOTS (BIT(NSLOT) - 1)

short state[NSLOT];
byte page[NSLOT];
bit present[NSLOT], accessed[NSLOT];	/* the entry; it maps `page` */
byte stamp[NSLOT];
byte slot_of[NPAGE + 1];		/* m->sf: the slot and 1; 0: NULL */
byte tlb[NSLOT];			/* CPUs whose TLB holds something */

byte rounds_done;
/* Under the lock. */
bit window_lock;
byte round;			/* sweeps.round */
bit pending;
byte list;			/* slots on the list of the next round */

/* The round under way: which CPUs have yet to flush what. */
byte to_flush, what;
/* The same for one slot's shootdown. */
byte to_flush_one, what_one;

/* For the properties. */
byte refs[NSLOT];
byte busy;

#define IS_OVER(s) (rounds_done >= stamp[s])

inline mark(s) {
	if
	:: atomic { state[s] == 0 -> state[s] = state[s] - MARK; ok = 1;
		assert(refs[s] == 0) }
	:: atomic { state[s] != 0 -> ok = 0 }
	fi
}

#define UNHOLD(s) state[s] = state[s] - 1

/* sf_buf_try_hit(m), and the undoing */
inline hit() {
	s = slot_of[m];
	if
	:: s == 0
	:: s != 0 ->
		atomic { s--; old = state[s]; state[s] = state[s] + 1 };
		if
#ifdef BUG_NO_SECOND_LOOK
		:: atomic { old >= 0 -> ok = 1; refs[s]++ }
		:: atomic { old < 0 -> UNHOLD(s) }
#else
		:: atomic { old >= 0 && slot_of[m] == s + 1 -> ok = 1; refs[s]++ }
		:: atomic { old < 0 || slot_of[m] != s + 1 }; UNHOLD(s)
#endif
		fi;
		old = 0
	fi
}

/* slot_forget_page(s) */
inline forget() {
	if
	:: atomic { page[s] != 0 && slot_of[page[s]] == s + 1 };
		slot_of[page[s]] = 0
	:: atomic { else }
	fi
}

#define UNMARK_HELD(s) state[s] = state[s] + MARK + 1; refs[s]++; ok = 1
#define UNMARK(s) state[s] = state[s] + MARK; ok = 0

/* slot_install(s, m), slot_publish() and what follows */
inline install() {
	page[s] = m;
	atomic { assert(tlb[s] == 0);	/* I3 */
#ifndef BUG_UNMARK_BEFORE_ENTRY
		present[s] = 1; accessed[s] = 0
#endif
	};
	/*
	 * To publish before the entry is written would do as well: until the
	 * unmarking a hit is turned away.
	 */
#ifdef BUG_NO_CAS
	old = slot_of[m];
	if
	:: atomic { old == 0 -> slot_of[m] = s + 1 };
#else
	if
	:: atomic { slot_of[m] == 0 -> slot_of[m] = s + 1 };
#endif
		atomic { UNMARK_HELD(s) }
	:: atomic { else }; atomic { UNMARK(s) }
	fi;
	old = 0;
#ifdef BUG_UNMARK_BEFORE_ENTRY
	atomic { present[s] = 1; accessed[s] = 0 }
#endif
}

/* sf_buf_map() with slot s */
inline take() {
	mark(s);
	if
	:: !ok
	:: ok ->
		/* sf_window_take_entry() */
#ifdef BUG_JUDGE_BEFORE_TAKE
		done = rounds_done;
		clean = (done >= stamp[s]);
#endif
		atomic { a = accessed[s]; was = present[s];
			present[s] = 0; accessed[s] = 0 };
#ifndef BUG_JUDGE_BEFORE_TAKE
		done = rounds_done;
		clean = (done >= stamp[s]);
#endif
#ifdef BUG_NO_A
		a = 0;
#endif
		if
		:: atomic { clean && !a -> clean = 0; done = 0; was = 0 };
#ifdef BUG_FORGET_AFTER_UNMARK
			forgot = page[s];
			install();
			if
			:: atomic { forgot != 0 && slot_of[forgot] == s + 1 &&
				forgot != m -> slot_of[forgot] = 0 }
			:: else
			fi;
			forgot = 0
#else
			forget();
			install()
#endif
		:: atomic { else -> present[s] = was; accessed[s] = a;
				a = 0; was = 0; done = 0; clean = 0 };
			atomic { UNMARK(s) }
		fi
	fi
}

inline lock() {
	atomic { !window_lock -> window_lock = 1 }
}

/* finish_round_locked() */
inline finish_round() {
	if
	:: !pending
	:: pending ->
		to_flush == 0;
		pending = 0;
		rounds_done = round
	fi
}

/* stamp_locked(i) */
inline stamp_slot(i) {
	if
	:: stamp[i] == round + 1
	:: stamp[i] != round + 1 ->
		stamp[i] = round + 1;
#ifndef BUG_NOT_LISTED
		list = list | BIT(i)
#endif
	fi
}

/* map_one_locked(m) with slot s */
inline take_scarce() {
	lock();
	if
	:: slot_of[m] != 0 -> ok = 0
	:: slot_of[m] == 0 -> mark(s)
	fi;
	if
	:: !ok
	:: ok ->
		atomic { a = accessed[s]; present[s] = 0; accessed[s] = 0 };
		if
		:: skip; /* sf_window_clean_one_locked() */
			forget();
			if
#ifdef BUG_ONE_BY_A
			:: a ->
#else
			:: a || !IS_OVER(s) ->
#endif
				atomic { to_flush_one = ALL_CPUS;
					what_one = BIT(s) };
				atomic { to_flush_one == 0 -> what_one = 0 }
			:: else
			fi;
			a = 0
		:: round < MAXROUND -> /* clean_with_idle() */
			if
			:: a -> stamp_slot(s); a = 0
			:: !a
			fi;
			forget();
			page[s] = 0;
			if
			:: IS_OVER(s)
			:: !IS_OVER(s) ->
				/* sf_window_sweep_one_locked(s) */
				stamp_slot(s);
				/* sf_idle_sweep_locked() */
				i = 0;
				do
				:: i == NSLOT -> break
				:: i < NSLOT && state[i] != 0 -> i++
				:: i < NSLOT && state[i] == 0 ->
					if
					:: accessed[i] ->
						stamp_slot(i);
						accessed[i] = 0
					:: !accessed[i] && !IS_OVER(i) ->
						stamp_slot(i)
					:: !accessed[i] && IS_OVER(i)
					fi;
					i++
				od;
				i = 0;
				/* sf_window_flush_locked() */
				finish_round();
				atomic { round++; to_flush = ALL_CPUS;
					what = list; list = 0 };
				to_flush == 0;
				rounds_done = round
			fi
		fi;
		install()
	fi;
	window_lock = 0
}

/* sweep_ahead_locked() */
inline sweep() {
#ifdef BUG_START_BEFORE_SWEEP
	atomic { round++; pending = 1; to_flush = ALL_CPUS; what = ALL_SLOTS };
#define NEXT round
#else
#define NEXT (round + 1)
#endif
	i = 0;
	do
	:: i == NSLOT -> break
	:: atomic { i < NSLOT && accessed[i] };
#ifdef BUG_CLEAR_BEFORE_STAMP
		accessed[i] = 0;
		stamp[i] = NEXT;
#else
#ifndef BUG_NO_STAMP
		stamp[i] = NEXT;
#endif
		accessed[i] = 0;
#endif
		atomic { any = 1; i++ }
	:: atomic { i < NSLOT && !accessed[i] };
		if
		:: atomic { IS_OVER(i) -> i++ }
		:: atomic { !IS_OVER(i) -> stamp[i] = NEXT; any = 1; i++ }
		fi
	od;
	atomic {
		i = 0;
#ifdef BUG_START_BEFORE_SWEEP
		skip;
#else
		if
		:: any || list != 0 -> round++; pending = 1;
			to_flush = ALL_CPUS; what = ALL_SLOTS; list = 0
		:: else
		fi;
#endif
		any = 0
	}
}

proctype sweeper() {
	byte i;
	bit any;

end:	do
	:: atomic { !window_lock && !pending && round < MAXROUND ->
			window_lock = 1 };
		sweep();
		window_lock = 0
	:: atomic { !window_lock && pending -> window_lock = 1 };
		finish_round();
		window_lock = 0
	od
}

/* A processor: walks, and flushes. */
proctype cpu(byte c) {
	byte s;

end:	do
	:: atomic { present[0] && !((tlb[0] & BIT(c)) && accessed[0]) ->
		accessed[0] = 1; tlb[0] = tlb[0] | BIT(c) }
#if NSLOT > 1
	:: atomic { present[1] && !((tlb[1] & BIT(c)) && accessed[1]) ->
		accessed[1] = 1; tlb[1] = tlb[1] | BIT(c) }
#endif
	:: atomic { (to_flush & BIT(c)) ->
		to_flush = to_flush & ~BIT(c);
		if :: what & BIT(0) -> tlb[0] = tlb[0] & ~BIT(c) :: else fi;
#if NSLOT > 1
		if :: what & BIT(1) -> tlb[1] = tlb[1] & ~BIT(c) :: else fi;
#endif
		if :: to_flush == 0 -> what = 0 :: else fi }
	:: atomic { (to_flush_one & BIT(c)) ->
		to_flush_one = to_flush_one & ~BIT(c);
		s = what_one / 2;
		tlb[s] = tlb[s] & ~BIT(c); s = 0 }
	od
}

#if NPAGE > 2
#define CHOOSE_PAGE if :: m = 1 :: m = 2 :: m = 3 fi
#else
#define CHOOSE_PAGE if :: m = 1 :: m = 2 fi
#endif
#if NSLOT > 1
#define CHOOSE_SLOT if :: s = 0 :: s = 1 fi
#define ALONE(s) (refs[1 - (s)] == 0 || page[1 - (s)] != page[s])
#define QUIET(s) \
	assert(busy != 0 || state[1 - (s)] == refs[1 - (s)])
#else
#define CHOOSE_SLOT s = 0
#define ALONE(s) true
#define QUIET(s) skip
#endif

/* What holding a buffer promises. */
inline check() {
	atomic {
		assert(page[s] == m && present[s]);
		assert(refs[s] > 0 && state[s] >= refs[s]);
		assert(slot_of[m] == s + 1 && ALONE(s))
	}
}

proctype user() {
	byte m, s, done, i, forgot;
	short old;
	bit ok, a, was, clean;

end:	do
	:: atomic { CHOOSE_PAGE; busy++ };
		hit();
		if
		:: ok
		:: atomic { !ok -> CHOOSE_SLOT };
			if
			:: take()
#ifdef SCARCE
			:: take_scarce()
#endif
			fi
		fi;
		if
		:: !ok
		:: ok -> check();
			atomic { check(); refs[s]--; UNHOLD(s) }
		fi;
		atomic {
			busy--;
			assert(busy != 0 || state[s] == refs[s]); QUIET(s);
			assert(busy != 0 || slot_of[1] == 0 ||
			    page[slot_of[1] - 1] == 1);
			m = 0; s = 0; ok = 0
		}
	od
}

init {
	byte n;

	atomic {
		do
		:: n < NUSER -> run user(); n++
		:: n >= NUSER -> break
		od;
		n = 0;
		do
		:: n < NCPU -> run cpu(n); n++
		:: n >= NCPU -> break
		od;
		run sweeper()
	}
}
