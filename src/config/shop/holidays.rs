//! Public holidays: a dated file for each country, inside the program or in the shop's own folder.

use std::collections::BTreeSet;

use jiff::civil::Date;

use super::load::ShopFiles;
use super::section::{Mistakes, Section};

macro_rules! holiday_files {
    ($($country:literal)+) => {
        &[$(($country, include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"), "/config/holidays/", $country, ".toml"
        )))),+]
    };
}

/// The countries that the program knows, by code in small letters.
#[rustfmt::skip] // a table
const BUILT_IN: &[(&str, &str)] = holiday_files!(
    "ae" "ar" "at" "au" "bd" "be" "bg" "br" "ca" "ch" "cl" "cn" "co" "cz" "de" "dk" "ee"
    "eg" "es" "fi" "fr" "gb" "gr" "hk" "hr" "hu" "id" "ie" "il" "in" "it" "jp" "ke" "kr"
    "lt" "lu" "lv" "ma" "mx" "my" "ng" "nl" "no" "nz" "pe" "ph" "pk" "pl" "pt"
    "qa" "ro" "rs" "sa" "se" "sg" "si" "sk" "th" "tr" "tw" "us" "vn" "za"
);

/// The holidays of a country, by code in capitals, or of a file of the shop, by its name:
/// `holidays/NAME.toml` in the folder of the shop goes before what the program knows. `None` when
/// there is neither.
pub(super) fn of(name: &str, files: &ShopFiles, mistakes: &Mistakes) -> Option<BTreeSet<Date>> {
    let stem = name.to_ascii_lowercase();
    let own = format!("holidays/{stem}.toml");
    if let Some(text) = files.0.get(&own) {
        return Some(read(mistakes, &own, text));
    }
    let (_, text) = BUILT_IN.iter().find(|(code, _)| *code == stem)?;
    Some(read(mistakes, &format!("holidays/{stem}.toml (built in)"), text))
}

/// The names that need no file of the shop.
pub(super) fn built_in() -> String {
    BUILT_IN.iter().map(|(code, _)| code.to_uppercase()).collect::<Vec<_>>().join(", ")
}

fn read(mistakes: &Mistakes, file: &str, text: &str) -> BTreeSet<Date> {
    let mut root = Section::root(mistakes, file, text);
    root.text("country");
    let mut days = BTreeSet::new();
    for key in ["days", "estimated"] {
        let named =
            root.section(key).map::<Date, ()>("a date such as 2026-12-25", |section, day, name| {
                match name.as_str() {
                    Some(_) => Some(()),
                    None => section.refuse(day, &name, "the name of the holiday"),
                }
            });
        days.extend(named.into_keys());
    }
    root.finish();
    days
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days_of(country: &str) -> BTreeSet<Date> {
        let mistakes = Mistakes::default();
        let days = of(country, &ShopFiles::default(), &mistakes).expect("a country");
        assert_eq!(mistakes.or(()).map_err(|errors| errors.to_string()), Ok(()));
        days
    }

    #[test]
    fn every_country_has_holidays_in_both_years_and_none_in_others() {
        assert!(BUILT_IN.len() >= 60, "{}", BUILT_IN.len());
        for (country, _) in BUILT_IN {
            for year in [2026, 2027] {
                let of_year = days_of(country).iter().filter(|day| day.year() == year).count();
                assert!((4..=31).contains(&of_year), "{country} has {of_year} in {year}");
            }
            assert!(days_of(country).iter().all(|day| [2026, 2027].contains(&day.year())));
        }
    }

    #[test]
    fn days_that_everybody_knows_are_there() {
        for (country, day) in [
            ("DE", "2026-10-03"),
            ("US", "2027-07-04"),
            ("US", "2026-11-26"),
            ("FR", "2026-07-14"),
            ("CN", "2026-02-17"),
            ("VN", "2027-02-06"),
            ("TH", "2026-04-13"),
            ("IN", "2026-08-15"),
            ("JP", "2027-05-05"),
            ("BR", "2026-09-07"),
            ("MX", "2026-09-16"),
            ("SA", "2026-09-23"),
            ("ZA", "2027-04-27"),
            ("GB", "2026-12-25"),
        ] {
            assert!(days_of(country).contains(&day.parse().expect("a date")), "{country} {day}");
        }
    }

    #[test]
    fn a_file_of_the_shop_goes_before_the_built_in_one() {
        let mistakes = Mistakes::default();
        let mut files = ShopFiles::default();
        let text = "[days]\n2026-05-04 = \"Founder's day\"\n";
        files.0.insert("holidays/de.toml".to_owned(), text.to_owned());

        let days = of("DE", &files, &mistakes).expect("a file");

        assert_eq!(days.into_iter().collect::<Vec<_>>(), [jiff::civil::date(2026, 5, 4)]);
        assert!(of("Atlantis", &files, &mistakes).is_none());
    }
}
