"""A year of a fleet in virtual time: how large the state file becomes, and how much is written for it."""

import argparse
import tempfile

from bench import table, timed, tool

FLEETS = [(1000, 1), (1000, 6), (10000, 6)]  # endpoints, hours between two probes


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=365)
    options = parser.parse_args()
    rows = []
    for endpoints, hours in FLEETS:
        with tempfile.TemporaryDirectory() as directory:
            _, cpu, _, out = timed([tool("bench-year"), directory, str(endpoints), str(hours), str(options.days)], must=True)
        size, commits, written, told, longest = map(int, out.split())
        per_day = 1e6 * options.days
        rows.append([endpoints, f"{hours} h", f"{size / 1e6:.1f}", f"{size / endpoints / 1000:.1f}", f"{commits / options.days:.0f}", f"{written / per_day:.1f}",
                     told, f"{longest / 1000:.1f}", f"{cpu:.0f}"])
    table(f"{options.days} days of a fleet, in virtual time: each certificate rotates at its half-life, one probe of 1,000 fails",
          ["endpoints", "probed every", "state MB", "kB each", "transactions a day", "MB written a day", "alerts told", "longest, ms", "CPU s in all"], rows)


if __name__ == "__main__":
    main()
