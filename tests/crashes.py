"""Looks in a server's log for what no test may cause: processes that died, failed assertions, damaged or leaked
memory and resources, panics of the library.

    crashes.py LOG            exit code 1 when there is any
    crashes.py --self-check   whether it finds what it looks for

A session that has the library panic says so with the application name `panics_on_purpose`.
"""

import re
import sys

# In the words of PostgreSQL 15 to 18.
CRASHES = re.compile(
    r"terminated by signal|PANIC:|TRAP:|terminating any other active server processes"
    r"|\b(?:refcount|reference|context|file|memory) leak\b|leaked hash_seq_search|was not closed"
    r"|non-empty SPI stack|snapshot \S+ still active"
    r"|problem in (?:alloc set|slab|generation|bump)|detected write past chunk end|could not find block containing chunk"
    r"|pfree called with invalid pointer|double free|stack smashing",
    re.IGNORECASE,
)
PANICS = re.compile(r"panicked at|timedb: panic:")
# A line that has none of these in it is not looked at further: a whole run logs a gigabyte, and the patterns are slow.
WORDS = ("terminated by signal", "panic:", "panicked at", "trap:", "terminating any other", "leak", "was not closed",
         "non-empty spi stack", "still active", "problem in", "detected write past", "could not find block",
         "pfree called", "double free", "stack smashing")
# log_line_prefix = '%m [%p] app=%a ' or '%m [%p] '; what follows without it belongs to the entry above.
ENTRY = re.compile(r"^\d{4}-\d\d-\d\d \S+ \S+ \[\d+\] (?:app=(\S*) )?")
ON_PURPOSE = "panics_on_purpose"
BEFORE, AFTER, WIDTH, MOST = 5, 12, 400, 20


def search(lines):
    """The numbers of the lines that tell of a crash, how many tell of a panic on purpose, and how many there are."""
    found, meant, count, app = [], 0, 0, ""
    for number, line in enumerate(lines):
        count += 1
        start = line[:1].isdigit() and ENTRY.match(line)
        if start:
            app = start[1] or ""
        lower = line.lower()
        if not any(word in lower for word in WORDS):
            continue
        if PANICS.search(line) and app == ON_PURPOSE:
            meant += 1
        elif PANICS.search(line) or CRASHES.search(line):
            found.append(number)
    return found, meant, count


def groups(found):
    """First and last finding of those that are shown together."""
    together = []
    for number in found:
        if together and number <= together[-1][1] + AFTER:
            together[-1][1] = number
        else:
            together.append([number, number])
    return together


def show(log, found):
    together = groups(found)
    left = iter(together[:MOST])
    part = next(left)
    with open(log, errors="replace") as stream:
        for number, line in enumerate(stream):
            if number > part[1] + AFTER:
                part = next(left, None)
                if part is None:
                    break
            if number == part[0] - BEFORE or (number == 0 and part[0] < BEFORE):
                print(f"CRASH: {log}, line {part[0] + 1}", file=sys.stderr)
            if number >= part[0] - BEFORE:
                mark = ">" if part[0] <= number <= part[1] and number in found else " "
                print(f"  {mark} {line.rstrip()[:WIDTH]}", file=sys.stderr)
    if len(together) > MOST:
        print(f"... and {len(together) - MOST} more places", file=sys.stderr)


def self_check():
    start = "2025-01-01 00:00:00.000 UTC [7] "
    crashes = [
        start + "app= LOG:  00000: server process (PID 8) was terminated by signal 11: Segmentation fault",
        start + "LOG:  terminating any other active server processes",
        start + "app=x PANIC:  XX000: stuck spinlock detected",
        'TRAP: FailedAssertion("false", File: "execMain.c", Line: 1, PID: 8)',
        'TRAP: failed Assert("false"), File: "execMain.c", Line: 1, PID: 8',
        start + "app= WARNING:  01000: buffer refcount leak: [001] (rel=base/5/1259, blockNum=0, flags=0x1, refcount=1 1)",
        start + 'WARNING:  relcache reference leak: relation "segments" not closed',
        start + "WARNING:  TupleDesc reference leak: TupleDesc 0x55 (2249,-1) still referenced",
        start + "WARNING:  resource was not closed: relation 1259",
        start + 'WARNING:  01000: problem in alloc set ExprContext: detected write past chunk end in block 0x1, chunk 0x2',
        start + "WARNING:  transaction left non-empty SPI stack",
        start + "WARNING:  snapshot 0x55d0 still active",
        start + "WARNING:  leaked hash_seq_search scan for hash table 0x55d0",
        start + "app=x ERROR:  XX000: could not find block containing chunk 0x55d0",
        start + "app=x ERROR:  XX000: pfree called with invalid pointer 0x55d0 (header 0x0000000000000000)",
        "free(): double free detected in tcache 2",
        "*** stack smashing detected ***: terminated",
        start + "app=x LOG:  XX000: timedb: panic: index out of bounds",
        start + f"app={ON_PURPOSE} LOG:  00000: server process (PID 8) was terminated by signal 6: Aborted",
        "thread '<unnamed>' panicked at timedb_ext/src/lib.rs:1:1:",
    ]
    for line in crashes:
        # What has no entry of its own belongs to one of nobody's here.
        assert search([start + "app=x LOG:  before", line])[0] == [1], f"not found: {line}"
    harmless = [
        start + "app= LOG:  00000: database system is ready to accept connections",
        start + "app=x FATAL:  57P01: terminating connection due to administrator command",
        start + "app=x ERROR:  XX000: timedb met an internal error",
        start + "app=x LOG:  00000: statement: SELECT public.panic_at(1)",
    ]
    for line in harmless:
        assert search([line])[0] == [], f"found: {line}"
    panic = start + f"app={ON_PURPOSE} LOG:  XX000: timedb: panic: index out of bounds"
    assert search([panic]) == ([], 1, 1), "a panic on purpose is taken for another"
    other = start + "app=x LOG:  XX000: timedb: panic: index out of bounds"
    assert search([panic, other]) == ([1], 1, 2), "a panic is taken for one on purpose"
    assert groups([1, 2, 40]) == [[1, 2], [40, 40]], "findings are shown apart"


def main(argument):
    if argument == "--self-check":
        self_check()
        return
    with open(argument, errors="replace") as stream:
        found, meant, count = search(stream)
    if not count:
        sys.exit(f"{argument} is empty: no look for crashes there")
    if found:
        show(argument, found)
        sys.exit(f"{len(found)} lines of the server's log tell of crashes, leaks or panics")
    print(f"    crashes, leaks and panics looked for in {count} lines of the log; {meant} panics were on purpose")


if __name__ == "__main__":
    main(sys.argv[1])
