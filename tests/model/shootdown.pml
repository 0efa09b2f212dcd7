/*
 * TLB shootdown: mm/tlb.c as it stands.
 *
 * Modelled, step by step in the code's order: tlb_start() (the draw, alone(),
 * others(), post_list(), ask(), serve_own()), tlb_wait() with served() and
 * wait_for(), tlb_poll(), catch_up(), flush_requests(), read_request(),
 * tlb_cpu_idle(), tlb_cpu_busy(), and of kernel/spinlock.c lock_slowly(), which
 * polls.  A step of the model reads or writes at most one word that CPUs share.
 *
 * Three CPUs withdraw pages, halt and wake (for an IPI or for any other reason),
 * or just use memory; what each does is in a table at the end.  In `crossed` two
 * ask with interrupts disabled, of which one or both want the same spinlock; in
 * `ring` one starts two rounds before it waits for either, so entries of the
 * ring, which has one, are overwritten while they are read; in `idle` two
 * ask and two halt.
 *
 * Abstractions, and why they lose nothing:
 * - A page that is still mapped is in every TLB, always: whoever flushes it fills
 *   it again at once.  TLBs decide nothing here, so what holds for the fullest
 *   one holds for all.
 * - A list has one address.  A list that is too long, or says "everything", makes
 *   the target flush more.
 * - A wait blocks until what it looks at changes, so the only cycles are those
 *   of CPUs with nothing left to do: an invalid end state is a wait for ever,
 *   and there is no other way not to terminate.
 * - Generations do not wrap (I4 is not covered).
 * - Memory is sequentially consistent.  Where the code stores and then loads what
 *   another CPU stores, there is a locked operation in between: page table,
 *   then the draw; cpumask_add/remove, then newest; tlb_asked is cleared by an
 *   exchange; idle's words are changed by locked operations.  tlb_asked is stored
 *   before the write that sends the IPI, and x86 keeps stores in order (the
 *   local APIC's page is uncached; nobody uses x2APIC).  A tlb_done that is
 *   late only makes its reader wait.
 *
 * Properties: when tlb_wait() returns, no CPU outside tlb_cpu_idle() to
 * tlb_cpu_busy() has the page in its TLB; nor has one that comes back.  A round
 * that was over when tlb_cpu_busy() began is over for it when it has joined.
 * Nobody waits for ever.
 *
 * @run crossed -DCONFIG=0
 * @run ring -DCONFIG=1
 * @run idle -DCONFIG=2
 * @bug BUG_GEN_BEFORE_CLEAR -DCONFIG=0
 * @bug BUG_DONE_FIRST -DCONFIG=0
 * @bug BUG_NO_POLL -DCONFIG=0
 * @bug BUG_NO_SECOND_LOOK -DCONFIG=1
 * @bug BUG_JOIN_NO_FIRST -DCONFIG=2
 * @bug BUG_JOIN_NO_SECOND -DCONFIG=2
 * @bug BUG_MASK_BEFORE_GEN -DCONFIG=2
 * @bug BUG_IPI_BEFORE_ASKED -DCONFIG=0
 */
#ifndef NCPU
#define NCPU 3
#endif
#define NREQ (NCPU + 1)		/* requests: a page each, a generation each */
#ifndef RING
#define RING 1			/* 64 in the code */
#endif
#define WRITING 15
#define BIT(i) (1 << (i))
#define ALL_PAGES (BIT(NREQ) - 1)

byte newest;			/* the generation drawn last */
byte busy = BIT(NCPU) - 1;
byte nbusy = NCPU;
byte mapped = ALL_PAGES;	/* pages that the page tables still show */
byte ring_gen[RING];
byte ring_va[RING];
byte owner = NCPU;		/* of the spinlock; NCPU: free */

bit asked[NCPU];
bit ipi[NCPU];			/* sent, and not yet taken */
byte done[NCPU];
byte tlb[NCPU] = ALL_PAGES;	/* pages that the TLB holds */

/* For the properties. */
byte gone;			/* pages whose tlb_wait() has returned */
byte over;			/* the highest generation that was waited for */
bit quiet[NCPU];		/* it uses no address that can change */

/* MOV to CR3, and invlpg; see above. */
#define FLUSH_ALL tlb[me] = tlb[me] & mapped
#define FLUSH(page) tlb[me] = tlb[me] & (mapped | (ALL_PAGES & ~BIT(page)))

/*
 * flush_requests(done, gen).  The flush itself is one step with the look before
 * it: flushed earlier, a TLB holds no less.
 */
inline flush_requests() {
	atomic { k = done[me] + 1; go = 1 };
	do
	:: atomic { !go -> k = 0; break }
	:: atomic { go && (gen - k >= RING || ring_gen[k % RING] != k) ->
		FLUSH_ALL; go = 0 }
	:: atomic { go && gen - k < RING && ring_gen[k % RING] == k };
		va = ring_va[k % RING];
		atomic {
			if
#ifdef BUG_NO_SECOND_LOOK
			:: false ->
#else
			:: ring_gen[k % RING] != k ->
#endif
				FLUSH_ALL; go = 0
			:: else ->
				FLUSH(va); k++; go = (k <= gen)
			fi;
			va = 0
		}
	od
}

inline catch_up() {
	if
	:: atomic { newest == done[me] }
	:: atomic { newest != done[me] -> gen = newest };
#ifdef BUG_DONE_FIRST
		done[me] = gen;
		FLUSH_ALL;
#else
		flush_requests();
		done[me] = gen;
#endif
		gen = 0
	fi
}

/* tlb_poll(), where tlb_asked was found set. */
inline poll() {
	do
#ifdef BUG_GEN_BEFORE_CLEAR
	:: atomic { asked[me] == 1 -> gen = newest };
		asked[me] = 0;
		if
		:: gen == done[me]
		:: gen != done[me] -> flush_requests(); done[me] = gen
		fi;
		gen = 0
#else
	:: atomic { asked[me] == 1 -> asked[me] = 0 }; catch_up()
#endif
	:: asked[me] == 0 -> break
	od
}

/* An occasion for the interrupt, where interrupts may be enabled. */
inline interrupts() {
	if
	:: atomic { irq && ipi[me] -> ipi[me] = 0 }; poll()
	:: skip
	fi
}

/* Each turn of a loop that waits, next to what ends the loop. */
#ifdef BUG_NO_POLL
#define POLL(me) (irq && ipi[me])
#else
#define POLL(me) ((irq && ipi[me]) || asked[me])
#endif
inline turn() {
	atomic { if :: irq -> ipi[me] = 0 :: else fi };
	poll()
}

inline lock() {
	do
	:: atomic { owner == NCPU -> owner = me }; break
	:: owner != NCPU && POLL(me) -> turn()
	od
}

inline serve_own() {
	/* Interrupts are disabled: done cannot change. */
	if
	:: atomic { done[me] == g - 1 -> FLUSH(page) }; done[me] = g
	:: else -> catch_up()
	fi
}

/* post_list(): its load and its exchange are one step.  Without a list, which is
 * what a failure of the exchange leads to, a target flushes more. */
inline post_list() {
	if
	:: atomic { ring_gen[g % RING] == WRITING }
	:: atomic { ring_gen[g % RING] != WRITING ->
			ring_gen[g % RING] = WRITING };
		ring_va[g % RING] = page;
		ring_gen[g % RING] = g
	fi
}

/* tlb_start(everyone, page) */
inline start() {
	mapped = mapped & ~BIT(page);
#ifdef BUG_MASK_BEFORE_GEN
	set = busy & ~BIT(me);
	atomic { newest++; g = newest };
	if
	:: set == 0
	:: set != 0 ->
#else
	atomic { newest++; g = newest };
	interrupts();
	if
	:: nbusy == 1
	:: nbusy != 1 ->
		set = busy & ~BIT(me);
#endif
		if
		:: set == 0
		:: set != 0 -> post_list()
		fi;
		do
		:: atomic { to < NCPU && !(set & BIT(to)) -> to++ }
		:: atomic { to < NCPU && (set & BIT(to)) ->
#ifdef BUG_IPI_BEFORE_ASKED
			ipi[to] = 1 }; atomic { asked[to] = 1;
#else
			asked[to] = 1; ipi[to] = 1;
#endif
			to++ }
		:: atomic { to == NCPU -> to = 0; set = 0; break }
		od;
		interrupts()
	fi;
	serve_own()
}

#define SERVED(to) (done[to] >= g || !(busy & BIT(to)))

/* tlb_wait(everyone, g), and what it promises. */
inline wait() {
	set = busy & ~BIT(me);
	do
	:: to == NCPU -> break
	:: atomic { to < NCPU && (!(set & BIT(to)) || done[to] >= g) -> to++ }
	:: atomic { to < NCPU && (set & BIT(to)) && !(busy & BIT(to)) ->
		to++ }
	:: to < NCPU && (set & BIT(to)) && !SERVED(to) && POLL(me) ->
		turn()
	od;
	atomic {
		gone = gone | BIT(page);
		if :: g > over -> over = g :: else fi;
		to = 0;
		do
		:: to == NCPU -> break
		:: else ->
			assert(quiet[to] || !(tlb[to] & BIT(page)));
			to++
		od;
		to = 0; set = 0; g = 0
	}
}

/* tlb_cpu_idle(), a halt, and tlb_wake() */
inline nap() {
	quiet[me] = 1;
	busy = busy & ~BIT(me);
	nbusy--;
	if				/* it halts: something wakes it, or */
	:: skip				/* nothing but a request */
	:: true ->
end_halted:	ipi[me]
	fi;
	was = over;
#ifndef BUG_JOIN_NO_FIRST
	catch_up();
#endif
	atomic { busy = busy | BIT(me); assert(done[me] >= was); was = 0 };
	nbusy++;
#ifndef BUG_JOIN_NO_SECOND
	catch_up();
#endif
	atomic { quiet[me] = 0; assert(!(tlb[me] & gone)) }
}

proctype cpu(byte me; bit irq, locks; byte requests, naps) {
	byte g, gen, k, va, set, to, page, was, second;
	bit go;

	page = me;
	do
	:: requests > 0 ->
		if
		:: locks -> lock()
		:: me == 0 || !locks
		fi;
		start();
		if
		:: requests == 2 ->
			/* A second round before the first is waited for. */
			atomic { second = g; page = NCPU };
			start();
			wait();
			atomic { page = 0; g = second; second = 0 }
		:: else
		fi;
		poll();			/* the first of tlb_wait() */
		wait();
		atomic {
			if :: owner == me -> owner = NCPU :: else fi;
			requests = 0; irq = 1
		}
	:: atomic { naps > 0 -> naps-- }; nap()
	:: atomic { irq && ipi[me] -> ipi[me] = 0 }; poll()
	:: requests == 0 -> break
	od;
	atomic { page = 0; naps = 0 };
end:	do
	:: atomic { ipi[me] -> ipi[me] = 0 }; poll()
	od
}

/* run cpu(id, interrupts enabled, takes the lock, requests, naps) */
init {
	atomic {
#if CONFIG == 0			/* crossed rounds, a lock */
		run cpu(0, 0, 1, 1, 0);
		run cpu(1, 0, 1, 1, 0);
		run cpu(2, 1, 0, 0, 0);
#elif CONFIG == 1		/* two rounds at once */
		run cpu(0, 0, 0, 2, 0);
		run cpu(1, 0, 0, 1, 0);
		run cpu(2, 1, 0, 0, 0);
#else				/* idle CPUs */
		run cpu(0, 0, 0, 1, 0);
		run cpu(1, 0, 0, 1, 1);
		run cpu(2, 1, 0, 0, 1);
#endif
	}
}
