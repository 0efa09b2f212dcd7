/*
 * Waiting for slots of a scarce window: sf_buf/sf_wait.c, sf_buf_idle() of
 * sf_buf/sf_scarce.c, sf_idle_enter_locked(), and kernel/sleepq.c below them.
 *
 * Modelled in the code's order: the hit without the lock, sf_wait_alloc(),
 * fulfil_pages() with find_all(), drop_found(), uncollect_behind() and
 * install_missing(), wait_locked(), serve_waiters(), give_up_all(),
 * sf_wait_idle_locked(), the free and sf_buf_idle(); msleep_spin() with
 * begin_sleep_locked() and wait_for_end(), wakeup(), tdsignal() with end_sleep().
 *
 * Threads map one page or two at once, use them and free them, some twice.  One
 * is sent a signal at any moment.
 *
 * Abstractions, and why they lose nothing:
 * - What the window's lock guards is changed in one step with a locked operation
 *   on a slot's state next to it: only states are seen without that lock.
 * - The list of idle slots has no order: any listed slot may be the coldest.
 * - Each thread sleeps on its own request, so a wakeup ends one sleep.  A bucket's
 *   lock is held over several steps only by who goes to sleep.
 * - Slots are clean: reclaim.pml has what cleaning is.  Under the lock nobody but
 *   the thread itself publishes, so its second find() in install_missing() is
 *   left out.
 * - Memory is sequentially consistent: states and `scarce` are changed by locked
 *   operations, wchan and sig_pending are seq_cst, the rest is under locks.
 *
 * Not covered: runs, strict mode, and CPUs that have slots in hand from before
 * the window became scarce.
 *
 * Properties: an allocation that succeeds holds all its pages, one that fails
 * none; nobody sleeps with a signal that is delivered; a slot goes to the first
 * that can use it, and no idle slot stays when one that waited leaves; nobody
 * waits for ever; in the end no slot is held or marked, and each is on the list.
 *
 * @run two -DCONFIG=0
 * @run leave -DCONFIG=1
 * @run all -DCONFIG=2
 * @bug BUG_NO_RECHECK -DCONFIG=0
 * @bug BUG_QUEUED_LATE -DCONFIG=0
 * @bug BUG_LEAK_ON_SIGNAL -DCONFIG=0
 * @bug BUG_NO_SERVE -DCONFIG=1
 * @bug BUG_SIGNAL_BEFORE_WCHAN -DCONFIG=0
 * @bug BUG_SCARCE_AFTER_LOOK -DCONFIG=1
 * @bug BUG_SCARCE_BEFORE_FREE -DCONFIG=1
 */
#define NT 3
#ifndef NSLOT
#define NSLOT 2
#endif
#define NPAGE 3			/* 0 to 2 */
#define NONE 7
#define MARK 64
#define BIT(i) (1 << (i))
#define EINTR 1

short state[NSLOT];
byte page[NSLOT];
byte slot_of[NPAGE] = NONE;	/* m->sf */
bit scarce;

/* Under the window's lock. */
bit window_lock;
bit listed[NSLOT];
byte queue[NT] = NONE;		/* requests, in the order of arrival */
byte got[NT];			/* slots collected, a mask */
byte want[NT];			/* how many are waited for */
byte pages[NT];			/* which are wanted, a mask */

/* Sleep queues. */
bit bucket[NT];			/* the lock */
bit wchan[NT];			/* asleep on its request */
bit result[NT];
bit signalled[NT];

/* For the properties. */
bit told[NT];			/* tdsignal() has returned */
byte finished;

#define COUNT(set) (((set) & 1) + ((set) / 2 & 1) + ((set) / 4 & 1))
#define NGOT(t) COUNT(got[t])
#define CAN_USE(t) ((t) != NONE && NGOT(t) < want[t])
#define NOBODY_CAN_USE \
	(!CAN_USE(queue[0]) && !CAN_USE(queue[1]) && !CAN_USE(queue[2]))

inline lock() {
	atomic { !window_lock -> window_lock = 1 }
}
inline unlock() {
	window_lock = 0
}

/* The first position in the queue that can use a slot, in r. */
#define FIRST_USER \
	if \
	:: CAN_USE(queue[0]) -> r = queue[0] \
	:: !CAN_USE(queue[0]) && CAN_USE(queue[1]) -> r = queue[1] \
	:: !CAN_USE(queue[0]) && !CAN_USE(queue[1]) && CAN_USE(queue[2]) -> \
		r = queue[2] \
	:: else -> r = NONE \
	fi

#define WAKEUP(t) \
	if \
	:: wchan[t] -> wchan[t] = 0; result[t] = 0 \
	:: else \
	fi

/* sf_window_detach_locked(s) */
#define DETACH(s) \
	if \
	:: page[s] != NONE && slot_of[page[s]] == s -> slot_of[page[s]] = NONE \
	:: else \
	fi; \
	page[s] = NONE

/* sf_wait_idle_locked(s) */
inline wait_idle(s) {
	atomic {
		listed[s] = 0;
		FIRST_USER;
		if
		:: r == NONE && state[s] == 0 -> listed[s] = 1
		:: r != NONE && state[s] == 0 ->
			state[s] = state[s] - MARK;
			DETACH(s);
			got[r] = got[r] | BIT(s);
			if
			:: NGOT(r) >= want[r] -> assert(!bucket[r]); WAKEUP(r)
			:: else
			fi
		:: else
		fi;
		r = 0
	}
}

/* The last free, whose decrement is over: sf_buf_idle(s). */
inline idle(s) {
	lock();
	if
	:: !scarce || state[s] != 0
	:: scarce && state[s] == 0 -> wait_idle(s)
	fi;
	unlock()
}

/* sf_buf_free(s), sf_buf_unhold(s) */
inline free(s) {
#ifdef BUG_SCARCE_BEFORE_FREE
	last = scarce;
	atomic { state[s] = state[s] - 1; last = last && state[s] == 0 };
	if
	:: last -> idle(s)
	:: !last
	fi;
#else
	atomic { state[s] = state[s] - 1; last = (state[s] == 0) };
	if
	:: atomic { last && scarce }; idle(s)
	:: atomic { !last || !scarce }
	fi;
#endif
	last = 0
}

/* give_up(s): whether it is idle now is known from the unmarking. */
inline give_up(s) {
	atomic { state[s] = state[s] + MARK; last = (state[s] == 0) };
	if
	:: last -> wait_idle(s)
	:: !last
	fi;
	last = 0
}

inline give_up_all() {
	do
	:: got[me] & 1 -> atomic { got[me] = got[me] & ~1 }; give_up(0)
	:: got[me] & 2 -> atomic { got[me] = got[me] & ~2 }; give_up(1)
#if NSLOT > 2
	:: got[me] & 4 -> atomic { got[me] = got[me] & ~4 }; give_up(2)
#endif
	:: got[me] == 0 -> break
	od
}

/* sf_idle_take_locked(), in s; NONE: there is none. */
inline take_idle() {
	do
	:: atomic { listed[0] -> listed[0] = 0;
		if :: state[0] == 0 -> state[0] = state[0] - MARK; s = 0
		   :: else -> s = NONE fi };
		if :: s != NONE -> break :: s == NONE fi
	:: atomic { listed[1] -> listed[1] = 0;
		if :: state[1] == 0 -> state[1] = state[1] - MARK; s = 1
		   :: else -> s = NONE fi };
		if :: s != NONE -> break :: s == NONE fi
#if NSLOT > 2
	:: atomic { listed[2] -> listed[2] = 0;
		if :: state[2] == 0 -> state[2] = state[2] - MARK; s = 2
		   :: else -> s = NONE fi };
		if :: s != NONE -> break :: s == NONE fi
	:: atomic { !listed[0] && !listed[1] && !listed[2] -> s = NONE }; break
#else
	:: atomic { !listed[0] && !listed[1] -> s = NONE }; break
#endif
	od
}

/* Takes a slot from who waits behind me.  b: 1 after me. */
#define BEHIND(k) \
	:: k < NT && queue[k] != NONE && b && got[queue[k]] != 0 -> \
		r = queue[k]; \
		if \
		:: got[r] & 1 -> s = 0 \
		:: !(got[r] & 1) && (got[r] & 2) -> s = 1 \
		:: !(got[r] & 3) -> s = 2 \
		fi; \
		got[r] = got[r] & ~BIT(s); break

inline uncollect_behind() {
	atomic {
		i = 0; b = 0; s = NONE;
		do
		:: i == NT -> break
		BEHIND(i)
		:: else ->
			if :: queue[i] == me -> b = 1 :: else fi;
			i++
		od;
		i = 0; r = 0; b = 0
	}
}

#define IS_FIRST(t) (queue[0] == NONE || queue[0] == t)
/* FIFO: whoever collects has nobody before it that could. */
#define IN_TURN(t) \
	((queue[0] == t || !CAN_USE(queue[0])) && \
	(queue[0] == t || queue[1] == t || !CAN_USE(queue[1])) && \
	(queue[0] == t || queue[1] == t || queue[2] == t || !CAN_USE(queue[2])))

#define WAKE_SHARER(k) \
	if \
	:: queue[k] != NONE && (pages[queue[k]] & BIT(p)) -> WAKEUP(queue[k]) \
	:: else \
	fi

/* drop_found() */
inline drop_found() {
	p = 0;
	do
	:: p == NPAGE -> break
	:: p < NPAGE && !(held & BIT(p)) -> p++
	:: p < NPAGE && (held & BIT(p)) ->
		atomic { s = slot_of[p]; held = held & ~BIT(p);
			state[s] = state[s] - 1; last = (state[s] == 0) };
		if :: last -> wait_idle(s) :: !last fi;
		atomic { p++; last = 0; s = 0 }
	od;
	p = 0
}

/* fulfil_pages(); the result in ok. */
inline fulfil() {
	ok = 0;
	do
	:: ok -> break
	:: !ok ->
		/* find_all() */
		p = 0;
		do
		:: atomic { p == NPAGE -> p = 0 }; break
		:: atomic { p < NPAGE && (!(pages[me] & BIT(p)) ||
			slot_of[p] == NONE) -> p++ }
		:: atomic { p < NPAGE && (pages[me] & BIT(p)) &&
			slot_of[p] != NONE ->
			assert(state[slot_of[p]] >= 0);
			state[slot_of[p]] = state[slot_of[p]] + 1;
			held = held | BIT(p); p++ }
		od;
		missing = COUNT(pages[me]) - COUNT(held);
		do
		:: NGOT(me) < missing && IS_FIRST(me) ->
			take_idle();
			if
			:: atomic { s != NONE -> assert(IN_TURN(me));
				DETACH(s);
				got[me] = got[me] | BIT(s); s = 0 }
			:: atomic { s == NONE -> s = 0 }; break
			fi
		:: NGOT(me) >= missing || !IS_FIRST(me) -> break
		od;
		/* A slot that caches a page which was found has a holder. */
		do
		:: NGOT(me) < missing ->
			uncollect_behind();
			if
			:: atomic { s != NONE ->
				got[me] = got[me] | BIT(s); s = 0 }
			:: atomic { s == NONE -> s = 0 }; break
			fi
		:: NGOT(me) >= missing -> break
		od;
		if
		:: NGOT(me) < missing ->
			want[me] = missing;
			drop_found();
			if
			:: NGOT(me) < missing -> break
			:: NGOT(me) >= missing
			fi
		:: NGOT(me) >= missing ->
			/* install_missing() */
			p = 0;
			do
			:: p == NPAGE -> break
			:: atomic { p < NPAGE && (!(pages[me] & BIT(p)) ||
				(held & BIT(p))) -> p++ }
			:: atomic { p < NPAGE && (pages[me] & BIT(p)) &&
				!(held & BIT(p)) ->
				if
				:: got[me] & 1 -> s = 0
				:: !(got[me] & 1) && (got[me] & 2) -> s = 1
				:: !(got[me] & 3) && (got[me] & 4) -> s = 2
				fi;
				got[me] = got[me] & ~BIT(s);
				assert(slot_of[p] == NONE);
				page[s] = p;
				slot_of[p] = s };
				atomic { state[s] = state[s] + MARK + 1;
				held = held | BIT(p);
				WAKE_SHARER(0); WAKE_SHARER(1); WAKE_SHARER(2);
				s = 0; p++ }
			od;
			atomic { p = 0; ok = 1; want[me] = 0 };
			give_up_all()
		fi
	od;
	missing = 0
}

/* msleep_spin(); the result in error. */
inline sleep() {
	atomic { !bucket[me] -> bucket[me] = 1 };
#ifdef BUG_SIGNAL_BEFORE_WCHAN
	error = (catch && signalled[me]);
	wchan[me] = !error;
#else
	wchan[me] = 1;
	atomic {
		error = (catch && signalled[me]);
		if :: error -> wchan[me] = 0 :: else fi
	};
#endif
	atomic {
		assert(error || !catch || !told[me]);
		bucket[me] = 0
	};
	unlock();
	if
	:: error
	:: !error -> atomic { !wchan[me] -> error = result[me] }
	fi;
	lock()
}

/* request_add(), request_remove() */
#define ADD \
	if \
	:: queue[0] == NONE -> queue[0] = me \
	:: queue[0] != NONE && queue[1] == NONE -> queue[1] = me \
	:: queue[1] != NONE -> queue[2] = me \
	fi
#define REMOVE \
	if \
	:: queue[0] == me -> queue[0] = queue[1]; queue[1] = queue[2] \
	:: queue[1] == me -> queue[1] = queue[2] \
	:: queue[2] == me \
	fi; \
	queue[2] = NONE

#if NSLOT > 2
#define ANY_LISTED (listed[0] || listed[1] || listed[2])
#else
#define ANY_LISTED (listed[0] || listed[1])
#endif

/* serve_waiters(): each turn gives a slot to the first that can use it. */
inline serve_waiters() {
	do
	:: NOBODY_CAN_USE -> break
	:: !NOBODY_CAN_USE ->
		take_idle();
		if
		:: s == NONE -> break
		:: s != NONE -> give_up(s)
		fi
	od;
	s = 0
}

/* sf_idle_enter_locked() */
inline enter() {
	if
	:: scarce
	:: !scarce ->
#ifndef BUG_SCARCE_AFTER_LOOK
		scarce = 1;
#endif
		atomic { if :: state[0] == 0 -> listed[0] = 1 :: else fi };
		atomic { if :: state[1] == 0 -> listed[1] = 1 :: else fi };
#if NSLOT > 2
		atomic { if :: state[2] == 0 -> listed[2] = 1 :: else fi };
#endif
		scarce = 1
	fi
}

/*
 * sf_wait_alloc(); the result in ok.  The calls of fulfil() before and after
 * sleeping are one here, for Spin's sake.
 */
inline wait_alloc() {
	lock();
	enter();
	do
	::
#ifdef BUG_NO_RECHECK
		if
		:: queued -> ok = 1
		:: !queued -> fulfil()
		fi;
#else
		fulfil();
#endif
		if
		:: ok -> break
		:: !ok && queued
		:: !ok && !queued ->
#ifdef BUG_QUEUED_LATE
			unlock();
			lock();
#endif
			atomic { ADD; queued = 1 }
		fi;
		sleep();
		if
		:: error -> break
		:: !error
		fi
	od;
	error = 0;
	if
	:: !queued
	:: queued ->
		atomic { REMOVE; queued = 0 };
#ifndef BUG_NO_SERVE
		serve_waiters();
#endif
		if
		:: ok
		:: !ok ->
			want[me] = 0;
#ifndef BUG_LEAK_ON_SIGNAL
			give_up_all()
#endif
		fi;
		/* I6, where it has no exceptions. */
		assert(NOBODY_CAN_USE || !ANY_LISTED)
	fi;
	unlock()
}

/* sf_buf_hit(p), without the lock. */
inline hit() {
	s = slot_of[p];
	if
	:: s == NONE
	:: s != NONE ->
		atomic { before = state[s]; state[s] = state[s] + 1 };
		if
		:: atomic { before >= 0 && slot_of[p] == s ->
			held = held | BIT(p); ok = 1 }
		:: atomic { else }; free(s)
		fi;
		before = 0
	fi;
	s = 0
}

proctype thread(byte me, set, times; bit catch) {
	byte held, p, s, r, i, missing;
	short before;
	bit ok, last, error, b, queued;

	do
	:: times == 0 -> break
	:: times > 0 ->
		/* sf_buf_alloc() tries a hit first */
		atomic { times--; pages[me] = set; p = set / 2 };
		if
		:: COUNT(set) == 1 -> hit()
		:: COUNT(set) != 1
		fi;
		p = 0;
		if
		:: ok
		:: !ok -> wait_alloc()
		fi;
		atomic {
			assert(held == (ok -> set : 0));
			assert(got[me] == 0 && want[me] == 0);
			assert(!ok || !(set & 1) || page[slot_of[0]] == 0);
			assert(!ok || !(set & 2) || page[slot_of[1]] == 1);
			assert(!ok || !(set & 4) || page[slot_of[2]] == 2);
			pages[me] = 0; ok = 0
		};
		p = 0;
		do
		:: p == NPAGE -> break
		:: atomic { p < NPAGE && !(held & BIT(p)) -> p++ }
		:: atomic { p < NPAGE && (held & BIT(p)) ->
			held = held & ~BIT(p); s = slot_of[p] };
			free(s);
			atomic { s = 0; p++ }
		od;
		p = 0
	od;
	finished++
}

/* tdsignal(t) */
proctype signaller(byte t) {
	signalled[t] = 1;
	if
	:: !wchan[t]
	:: wchan[t] ->
		/* end_sleep(): the bucket's lock, and a second look */
		atomic { !bucket[t] ->
			if
			:: wchan[t] && signalled[t] ->
				wchan[t] = 0; result[t] = EINTR
			:: else
			fi
		}
	fi;
	told[t] = 1
}

/* When all is over. */
active proctype judge() {
	atomic {
		finished == NT ->
		assert(state[0] == 0 && state[1] == 0);
		assert(queue[0] == NONE && !window_lock);
		assert(!scarce || (listed[0] && listed[1]));
#if NSLOT > 2
		assert(state[2] == 0 && (!scarce || listed[2]))
#endif
	}
}

/* run thread(id, pages, times, signals end its sleeps) */
init {
	atomic {
		page[0] = 0; slot_of[0] = 0;
		page[1] = 1; slot_of[1] = 1;
#if CONFIG == 0			/* two of two pages, and one that is signalled */
		run thread(0, 3, 1, 0);
		run thread(1, 6, 1, 1);
		run thread(2, 4, 1, 0);
		run signaller(1)
#elif CONFIG == 1		/* one that leaves before others */
		run thread(0, 1, 1, 0);
		run thread(1, 6, 1, 1);
		run thread(2, 4, 2, 0);
		run signaller(1)
#else				/* all three want two */
		run thread(0, 3, 1, 1);
		run thread(1, 6, 1, 0);
		run thread(2, 5, 1, 0);
		run signaller(0)
#endif
	}
}
