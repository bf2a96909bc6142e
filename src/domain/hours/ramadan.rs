//! The month of Ramadan by the Umm al-Qura calendar of Saudi Arabia, which is worked out ahead.
//! Countries that go by the sight of the moon may begin a day later.

use icu_calendar::Date as CalendarDate;
use icu_calendar::cal::Hijri;
use jiff::civil::Date;

const RAMADAN: u8 = 9;

/// Whether a day is in Ramadan.
pub(super) fn holds(day: Date) -> bool {
    let (month, day_of_month) = (day.month() as u8, day.day() as u8);
    CalendarDate::try_new_iso(i32::from(day.year()), month, day_of_month)
        .is_ok_and(|day| day.to_calendar(Hijri::new_umm_al_qura()).month().ordinal == RAMADAN)
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;
    use jiff::civil::date;

    use super::*;

    #[test]
    fn ramadan_has_the_days_that_the_umm_al_qura_calendar_names() {
        // First day and the day after the last, as the PyPI package hijridate 2.6.0 has them.
        let months = [
            (date(2024, 3, 11), date(2024, 4, 10)),
            (date(2025, 3, 1), date(2025, 3, 30)),
            (date(2026, 2, 18), date(2026, 3, 20)),
            (date(2027, 2, 8), date(2027, 3, 9)),
            (date(2028, 1, 28), date(2028, 2, 26)),
            (date(2029, 1, 16), date(2029, 2, 14)),
            (date(2030, 1, 5), date(2030, 2, 4)),
            (date(2030, 12, 26), date(2031, 1, 24)),
        ];

        let mut day = date(2024, 1, 1);
        while day < date(2031, 12, 1) {
            let expected = months.iter().any(|(first, after)| *first <= day && day < *after);
            assert_eq!(holds(day), expected, "{day}");
            day = day.checked_add(1.day()).expect("a day");
        }
    }
}
