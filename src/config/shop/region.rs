//! Where a customer writes from, told by the browser's locale and time zone.

use crate::domain::RegionId;

/// A sales region and the signs of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// Name of the region.
    pub id: RegionId,
    /// ISO 3166 country codes, such as `MX`.
    pub countries: Vec<String>,
    /// Locales that mean the region though they name no country, such as `th`.
    pub locales: Vec<String>,
    /// IANA time zones; a trailing `/*` stands for all below it.
    pub time_zones: Vec<String>,
}

/// The region of a customer; `None` when nothing points to one.
///
/// The time zone is asked first: it says where the customer is, while many browsers keep a locale
/// such as `en-US` all over the world. Then the locale's country, then the locale as a whole.
pub fn region_for(regions: &[Region], locale: &str, time_zone: &str) -> Option<RegionId> {
    let by_zone = regions
        .iter()
        .filter_map(|region| Some((zone_match(&region.time_zones, time_zone)?, region)))
        // The first of equal matches, as with the other signs.
        .min_by_key(|(length, _)| std::cmp::Reverse(*length))
        .map(|(_, region)| region);
    let country = locale.split(['-', '_']).skip(1).find(|part| part.len() == 2);
    let by_country = || {
        let country = country?;
        regions
            .iter()
            .find(|region| region.countries.iter().any(|code| code.eq_ignore_ascii_case(country)))
    };
    let by_locale = || {
        regions
            .iter()
            .find(|region| region.locales.iter().any(|known| known.eq_ignore_ascii_case(locale)))
    };
    by_zone.or_else(by_country).or_else(by_locale).map(|region| region.id.clone())
}

/// How many bytes of `zone` the longest fitting pattern spells out.
fn zone_match(patterns: &[String], zone: &str) -> Option<usize> {
    patterns
        .iter()
        .filter(|pattern| match pattern.strip_suffix('*') {
            Some(prefix) => zone.starts_with(prefix),
            None => pattern.as_str() == zone,
        })
        .map(String::len)
        .max()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn regions() -> Vec<Region> {
        let region = |id: &str, countries: &[&str], locales: &[&str], zones: &[&str]| Region {
            id: id.into(),
            countries: countries.iter().map(ToString::to_string).collect(),
            locales: locales.iter().map(ToString::to_string).collect(),
            time_zones: zones.iter().map(ToString::to_string).collect(),
        };
        vec![
            region("sea", &["TH", "ID"], &["th"], &["Asia/Bangkok"]),
            region("latam", &["MX", "AR"], &[], &["America/*", "America/Argentina/*"]),
            region("north", &["US"], &[], &["America/New_York"]),
        ]
    }

    fn at(locale: &str, zone: &str) -> Option<String> {
        region_for(&regions(), locale, zone).map(|id| id.to_string())
    }

    #[test]
    fn the_time_zone_weighs_more_than_the_country_of_the_locale() {
        assert_eq!(at("en-US", "Asia/Bangkok").as_deref(), Some("sea"));
        assert_eq!(at("es-MX", "Europe/Madrid").as_deref(), Some("latam"));
    }

    #[test]
    fn a_zone_named_in_full_wins_over_a_pattern() {
        assert_eq!(at("", "America/New_York").as_deref(), Some("north"));
        assert_eq!(at("", "America/Mexico_City").as_deref(), Some("latam"));
    }

    #[test]
    fn a_locale_without_country_counts_when_it_is_listed() {
        assert_eq!(at("th", "").as_deref(), Some("sea"));
        assert_eq!(at("sr-Latn-RS", ""), None);
        assert_eq!(at("zh_Hans_TH", "").as_deref(), Some("sea"));
    }
}
