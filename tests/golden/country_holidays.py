#!/usr/bin/env python3
"""Writes config/holidays/*.toml: public holidays of whole countries in 2026 and 2027.

The dates come from the PyPI package holidays (MIT), which keeps them with their sources. Those that
it calls estimated, because the moon has to be seen or a government has not said yet, go into a table
of their own. Days that only a part of a country has are left out. Run it again for further years:

    pip install holidays==0.109 && python3 tests/golden/country_holidays.py
"""

from pathlib import Path

import holidays

YEARS = [2026, 2027]
COUNTRIES = """AE AR AT AU BD BE BG BR CA CH CL CN CO CZ DE DK EE EG ES FI FR GB GR HK HR HU ID IE IL IN
IT JP KE KR LT LU LV MA MX MY NG NL NO NZ PE PH PK PL PT QA RO RS SA SE SG SI SK TH TR TW US VN ZA""".split()
FOLDER = Path(__file__).resolve().parents[2] / "config" / "holidays"


def days(country):
    """English names where the package has them."""
    known = getattr(holidays, country).supported_languages
    language = next((code for code in known if code.startswith("en")), None)
    return holidays.country_holidays(country, years=YEARS, language=language)


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


FOLDER.mkdir(exist_ok=True)
for country in COUNTRIES:
    found = sorted(days(country).items())
    sure = [(day, text) for day, text in found if "estimated" not in text]
    estimated = [(day, text.replace(" (estimated)", "")) for day, text in found if "estimated" in text]
    lines = [
        f"# Public holidays of the whole of {country}, {YEARS[0]} to {YEARS[-1]}, from the PyPI package holidays",
        f"# {holidays.__version__}; made by tests/golden/country_holidays.py.",
        "",
        f"country = {quoted(country)}",
        "",
        "[days]",
        *(f"{day} = {quoted(text)}" for day, text in sure),
    ]
    if estimated:
        lines += [
            "",
            "# Worked out ahead. What is announced may differ by a day: correct it in the shop's own dates.",
            "[estimated]",
            *(f"{day} = {quoted(text)}" for day, text in estimated),
        ]
    (FOLDER / f"{country.lower()}.toml").write_text("\n".join(lines) + "\n")
    print(country, len(sure), len(estimated))
