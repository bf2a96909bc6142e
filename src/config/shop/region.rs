//! Where a customer writes from, told by the browser's locale and time zone.

use std::time::Duration;

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
    /// Whether only seats that name the region may see its customers, as some laws ask.
    pub resident: bool,
    /// How long closed conversations of its customers are kept, in place of the shop's time.
    pub keeps_closed: Option<Duration>,
}

/// What speaks for where a customer is, each part empty when it is not known.
#[derive(Clone, Copy, Debug, Default)]
pub struct Evidence<'a> {
    /// The time zone of the widget's browser.
    pub widget_zone: &'a str,
    /// The time zone in the profile that the shop has signed.
    pub profile_zone: &'a str,
    /// The country in that profile.
    pub profile_country: &'a str,
    /// The time zone that a trusted proxy in front of the router has seen.
    pub header_zone: &'a str,
    /// The country that it has seen.
    pub header_country: &'a str,
    /// The locale of the page.
    pub locale: &'a str,
}

impl<'a> Evidence<'a> {
    /// The customer's time zone by the best evidence; empty when nothing tells.
    pub fn time_zone(&self) -> &'a str {
        let zones = [self.widget_zone, self.profile_zone, self.header_zone];
        zones.into_iter().find(|zone| !zone.is_empty()).unwrap_or_default()
    }
}

/// The region of a customer; `None` when nothing points to one.
///
/// The widget's time zone is asked first: it says where the customer is now. Then the profile that
/// the shop has signed, then what a trusted proxy saw of the connection, and last the page's locale,
/// for many browsers keep one such as `en-US` all over the world.
pub fn region_for(regions: &[Region], evidence: &Evidence<'_>) -> Option<RegionId> {
    let by_zone = |zone: &str| {
        let matches = regions.iter().filter_map(|region| {
            let length = zone_match(&region.time_zones, zone).filter(|_| !zone.is_empty())?;
            Some((length, region))
        });
        // The first of equal matches, as with the other signs.
        matches.min_by_key(|(length, _)| std::cmp::Reverse(*length)).map(|(_, region)| region)
    };
    let by_country = |country: &str| {
        regions
            .iter()
            .find(|region| region.countries.iter().any(|code| code.eq_ignore_ascii_case(country)))
    };
    let locale = evidence.locale;
    let of_locale = locale.split(['-', '_']).skip(1).find(|part| part.len() == 2);
    by_zone(evidence.widget_zone)
        .or_else(|| by_zone(evidence.profile_zone))
        .or_else(|| by_country(evidence.profile_country))
        .or_else(|| by_zone(evidence.header_zone))
        .or_else(|| by_country(evidence.header_country))
        .or_else(|| by_country(of_locale?))
        .or_else(|| {
            let is_listed = |region: &&Region| {
                region.locales.iter().any(|known| known.eq_ignore_ascii_case(locale))
            };
            regions.iter().find(is_listed)
        })
        .map(|region| region.id.clone())
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
            resident: false,
            keeps_closed: None,
        };
        vec![
            region("sea", &["TH", "ID"], &["th"], &["Asia/Bangkok"]),
            region("latam", &["MX", "AR"], &[], &["America/*", "America/Argentina/*"]),
            region("north", &["US"], &[], &["America/New_York"]),
        ]
    }

    fn at(locale: &str, zone: &str) -> Option<String> {
        told(Evidence { locale, widget_zone: zone, ..Evidence::default() })
    }

    fn told(evidence: Evidence<'_>) -> Option<String> {
        region_for(&regions(), &evidence).map(|id| id.to_string())
    }

    #[test]
    fn the_widget_comes_before_the_profile_and_the_profile_before_the_proxy() {
        let mut evidence = Evidence { locale: "en-US", ..Evidence::default() };
        assert_eq!(told(evidence).as_deref(), Some("north"));
        evidence.header_country = "AR";
        assert_eq!(told(evidence).as_deref(), Some("latam"));
        evidence.header_zone = "America/New_York";
        assert_eq!(told(evidence).as_deref(), Some("north"));
        evidence.profile_country = "TH";
        assert_eq!(told(evidence).as_deref(), Some("sea"));
        evidence.profile_zone = "America/Lima";
        assert_eq!(told(evidence).as_deref(), Some("latam"));
        evidence.widget_zone = "Asia/Bangkok";
        assert_eq!(told(evidence).as_deref(), Some("sea"));
        assert_eq!(evidence.time_zone(), "Asia/Bangkok");
        // What points to no region leaves the word to the next.
        evidence.widget_zone = "Europe/Paris";
        assert_eq!(told(evidence).as_deref(), Some("latam"));
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
