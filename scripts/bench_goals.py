"""What operations should cost here, and what they cost elsewhere.

A bar is what this project holds itself to; an aim is what a prototype of the
same design needed. docs/bench.md says how the others were measured.
"""

import dataclasses

from bench_cases import WINDOW, split_name


@dataclasses.dataclass
class Bar:
    """The most that a figure may be; `exact`: neither less."""

    limit: float
    exact: bool = False
    same: bool = False      # and what it is on 1 CPU
    aim: float = None

    def missed(self, figure, on_one=None):
        """Say whether a figure is worse; on_one: that of 1 CPU, if known."""
        if self.same and on_one is not None and abs(figure - on_one) >= 0.5:
            return True
        if self.exact:
            return round(figure, 2) != self.limit
        # Two decimals of an instruction are the measuring's own.
        return figure > self.limit + 1e-9


# Misses that one round has to serve, of as many buffers as are inactive.
ROUND_SHARE = 1.1

# Instructions: on one CPU, on more, and the aim.
INSTRUCTIONS = {
    "shared_hit": (44, 44, 31),
    "shared_hit_all": (44, 44, 31),
    "private_hit": (50, 50, 39),
    "private_miss": (82, 82, 68),
    "private_miss_all": (82, 82, 68),
    "shared_miss": (95, 98, 74),
    "shared_miss_all": (95, 98, 74),
    "shared_miss_busy": (95, 98, 74),
    "shared_miss_scarce": (350, 350, None),
    "nowait_full": (150, 150, None),
    "direct": (18, 18, 12),
}

# The count must be the same on any number of CPUs.
SAME = ("shared_hit_all", "private_miss_all")

EVENTS = {
    "first_use": {"rounds": Bar(0), "invlpg": Bar(0)},
    "shared_hit": {"locked_ops": Bar(2, exact=True), "locks": Bar(0)},
    "shared_hit_all": {"locked_ops": Bar(2, exact=True), "locks": Bar(0),
                       "shared_lines": Bar(0)},
    "private_hit": {"ipis": Bar(0)},
    "private_miss": {"ipis": Bar(0), "invlpg": Bar(1),
                     "pte_writes": Bar(1, exact=True)},
    "private_miss_all": {"ipis": Bar(0), "invlpg": Bar(1),
                         "pte_writes": Bar(1, exact=True)},
}
SHARE_ROUNDS = ("shared_miss", "shared_miss_all", "shared_miss_busy")

ENGINE = "sf_buf."


def bars(name, cpus):
    """Return the bars of a case, by metric."""
    base, window = split_name(name)
    if not base.startswith(ENGINE):
        return {}
    base = base[len(ENGINE):]
    found = {}
    if base in INSTRUCTIONS:
        one, more, aim = INSTRUCTIONS[base]
        found["instructions"] = Bar(one if cpus == 1 else more, aim=aim,
                                    same=base in SAME and cpus > 1)
    if base in SHARE_ROUNDS:
        found["rounds"] = Bar(ROUND_SHARE / window)
    return {**found, **EVENTS.get(base, {})}


# ---- scaling of hits on disjoint pages

SCALING_CASE = "sf_buf.shared_hit_all"

# CPUs, and what share of the throughput on how many they must reach.
SCALING = {2: (1.8, 1), 16: (0.8, 2)}
SCALING_PEERS = ("FreeBSD reaches 1.2 times one CPU's at 2 CPUs; with Linux's "
                 "kmap, 4 CPUs do a third of what one does.")


# ---- what others need, all CPUs together

# The row for 0 CPUs holds for any number of them.
PEER_NAMES = ("FreeBSD", "2005", "Linux", "naive")
PEERS = {
    ("sf_buf.shared_hit", 0): (126, 110, 313, None),
    ("sf_buf.shared_hit_all", 0): (126, 110, None, None),
    ("sf_buf.private_hit", 0): (122, 104, None, None),
    ("sf_buf.private_miss", 0): (237, 156, 256, None),
    ("sf_buf.shared_miss", 1): (241, 162, 660, 78),
    ("sf_buf.shared_miss", 2): (531, 448, 660, 365),
    ("sf_buf.shared_miss", 4): (861, 778, None, 695),
}


def peers(name, cpus):
    """Return what the others need for a case, None where it is not known."""
    base, window = split_name(name)
    for count in (cpus, 0):
        if window == WINDOW and (base, count) in PEERS:
            return PEERS[base, count]
    return (None,) * len(PEER_NAMES)
