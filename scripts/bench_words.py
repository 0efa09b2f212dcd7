"""What the names in results stand for: engines, workloads, and reasons."""

import dataclasses
import fnmatch


@dataclasses.dataclass(frozen=True)
class Engine:
    """A way to map pages, in words, and how plots show it."""

    whose: str
    words: str
    light: str      # its colour on white
    dark: str       # and on black
    point: int      # its mark, by gnuplot's numbers
    dash: int = 1


# The hues are those of Okabe and Ito ("Color Universal Design", 2008). They
# are darker on white and lighter on black than there, so that a name has 4.5
# times the contrast of its ground, and as light or dark as keeps any two apart
# for every kind of colour vision; but for direct, whose line is dashed.
ENGINES = {
    "sf_buf": Engine(
        "this project",
        "the engine of this project: hits take no lock, and one round of "
        "interrupts cleans a whole window",
        "#0072b2", "#56b4e9", 7),
    "classic": Engine(
        "FreeBSD's way",
        "FreeBSD's published algorithm: a cache of mappings behind one "
        "lock, and a round of interrupts for each address used again",
        "#b84a00", "#f08a45", 5),
    "pkmap": Engine(
        "Linux kmap's way",
        "a window that all CPUs share; when it is used up, one flush of "
        "every TLB throws out all that nobody holds",
        "#005c43", "#00a878", 9),
    "local": Engine(
        "Linux kmap_local's way",
        "an entry of this CPU alone, taken away at the end; nothing is "
        "kept, and no other CPU may use it",
        "#b0427f", "#e0a0c4", 13),
    "naive": Engine(
        "the kernel before sf_buf",
        "no cache: allocate an address, map, use, unmap, flush it on every "
        "CPU, free the address",
        "#202020", "#ffffff", 11),
    "direct": Engine(
        "the floor",
        "the page lies in the direct map and is always visible; nothing "
        "is mapped at all",
        "#757575", "#8a8a8a", 6, dash=2),
}
OTHER = Engine("", "not described", "#707070", "#a8a8a8", 4, dash=3)


def engine(name):
    return ENGINES.get(name, OTHER)


def in_order(names):
    """Return engines in the order of ENGINES, then those it does not know."""
    names = set(names)
    return ([name for name in ENGINES if name in names]
            + sorted(names - set(ENGINES)))


# What one operation is, by workload; the first that matches.
WORKLOADS = (
    ("sf_buf.first_use", "a page into a buffer that was never used"),
    ("sf_buf.direct", "a page that the direct map shows"),
    ("sf_buf.shared_hit", "a page that is found mapped"),
    ("sf_buf.shared_hit_all", "a page that is found mapped, on every CPU "
     "at once"),
    ("sf_buf.private_hit", "a page that this CPU finds mapped for itself"),
    ("sf_buf.private_miss", "a page mapped anew, for this CPU alone"),
    ("sf_buf.private_miss_all", "a page mapped anew for one CPU, on every "
     "CPU at once"),
    ("sf_buf.shared_miss", "a page mapped anew for every CPU, the others "
     "idle"),
    ("sf_buf.shared_miss_all", "a page mapped anew for every CPU, on every "
     "CPU at once"),
    ("sf_buf.shared_miss_busy", "a page mapped anew for every CPU, the "
     "others busy"),
    ("sf_buf.shared_miss_busy_*", "a page mapped anew for every CPU, the "
     "others busy, the window as large as the name says"),
    ("sf_buf.shared_miss_scarce*", "a page mapped anew, when all buffers "
     "but one are held"),
    ("sf_buf.nowait_full*", "a request that may not wait, when all buffers "
     "are held"),
    ("sf_buf.alloc_n", "several pages in one request"),
    ("set.*", "the next of so many pages, round and round; the window has "
     "1,024 buffers"),
    ("pipe.*", "one write of so many bytes to a pipe, and the reading of "
     "it"),
    ("md.seq_*", "4 KiB from a memory disk of so many windows, in order"),
    ("md.random_*", "4 KiB from a memory disk of so many windows, anywhere"),
    ("sendfile.zipf", "a request of sendfile; some pages are asked for far "
     "more often than others"),
    ("sendfile.zipf_untouched", "a request of sendfile, some pages popular, "
     "and no CPU looks at the data"),
    ("sendfile.zipf_private", "a request of sendfile, some pages popular, "
     "by mappings of one CPU"),
    ("mix.shortage", "a page, while more threads want buffers than there "
     "are"),
    ("page.*", "page frames from the allocator, and back"),
    ("tlb.*", "a shootdown: ask the other CPUs, wait for all"),
)


def workload(name):
    """Return what one operation of a workload is, or nothing."""
    return next((words for glob, words in WORKLOADS
                 if fnmatch.fnmatchcase(name, glob)), "")


@dataclasses.dataclass(frozen=True)
class Reason:
    """Why ours is slower than others, for workloads that match."""

    glob: str
    words: str
    most_cpus: int = 255    # it holds on so many CPUs at most


# A reason is written down when it has been understood, and taken out when it
# has gone; what is slower and stands not here is reported as unexplained.
REASONS = (
    Reason("sf_buf.shared_miss_scarce*",
           "With one idle buffer there is nothing to share the cleaning "
           "with: each miss makes a sweep and a round of its own, as "
           "classic's do, and besides it keeps the order in which requests "
           "came. The other CPUs idle here; where they are busy the round "
           "decides, which both need."),
    Reason("mix.shortage",
           "A buffer that becomes free is handed to the request that has "
           "waited longest, after a search for its page; classic wakes one "
           "thread, which takes the buffer only if nobody has come by. The "
           "more CPUs have to be told of each mapping, the less that "
           "matters."),
    Reason("pipe.[14]k",
           "Writes of less than 8 KiB are copied through the pipe's ring, "
           "and nothing is mapped: the engines make no difference. What "
           "differs is how often writers and readers of many CPUs meet."),
)


def reason(name, cpus):
    """Return the reason for a workload on so many CPUs, or nothing."""
    return next((r.words for r in REASONS if cpus <= r.most_cpus
                 and fnmatch.fnmatchcase(name, r.glob)), "")
