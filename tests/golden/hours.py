#!/usr/bin/env python3
"""Writes hours.csv: when spans of local time are open, worked out by Python's zoneinfo.

An independent source for tests/schedule_hours.rs. For each zone it takes the first week of 2026
and every week of 2026 and 2027 in which the clock changes. Run it again only when a country
changes its rules: python3 tests/golden/hours.py > tests/golden/hours.csv
"""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

ZONES = """Africa/Cairo Africa/Casablanca Africa/Johannesburg America/Argentina/Buenos_Aires
America/Bogota America/Chicago America/Los_Angeles America/Mexico_City America/New_York
America/Santiago America/Sao_Paulo America/St_Johns Asia/Bangkok Asia/Beirut Asia/Dubai
Asia/Ho_Chi_Minh Asia/Jakarta Asia/Jerusalem Asia/Kathmandu Asia/Kolkata Asia/Shanghai
Asia/Singapore Asia/Tokyo Atlantic/Azores Australia/Lord_Howe Australia/Sydney Europe/Berlin
Europe/Istanbul Europe/London Pacific/Auckland Pacific/Chatham UTC""".split()

# Office hours with a break, one past midnight, and one inside the hours at which clocks change.
SPANS = [
    (range(0, 5), time(9), time(12, 30)),
    (range(0, 5), time(13, 15), time(17, 30)),
    (range(4, 6), time(22), time(6)),
    ([6], time(1, 30), time(2, 45)),
]


def instant(day, wall, zone):
    return datetime.combine(day, wall, tzinfo=zone).astimezone(UTC)


def spans(first, last, zone):
    found = []
    day = first - timedelta(days=2)
    while day <= last + timedelta(days=2):
        for days, start, end in SPANS:
            if day.weekday() in days:
                end_day = day + timedelta(days=1) if end <= start else day
                opens, closes = instant(day, start, zone), instant(end_day, end, zone)
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


def weeks(zone):
    monday, seen_first = date(2025, 12, 29), False
    while monday < date(2028, 1, 1):
        offsets = {
            instant(monday + timedelta(days=n), time(12), zone).astimezone(zone).utcoffset()
            for n in range(-1, 8)
        }
        if len(offsets) > 1 or not seen_first:
            yield monday
        seen_first = True
        monday += timedelta(days=7)


print("zone,week,opens,closes")
for name in ZONES:
    zone = ZoneInfo(name)
    for monday in weeks(zone):
        since = datetime.combine(monday, time(0), tzinfo=UTC)
        until = since + timedelta(days=7)
        for opens, closes in spans(monday, monday + timedelta(days=7), zone):
            if since <= opens < until:
                print(f"{name},{since:%Y-%m-%dT%H:%M}Z,{opens:%Y-%m-%dT%H:%M}Z,{closes:%Y-%m-%dT%H:%M}Z")
