//! Which web pages may open a connection for a shop.

use std::str::FromStr;

/// The origins that a shop accepts: exact ones, and pages on the machine itself when allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins {
    loopback: bool,
    exact: Vec<String>,
}

/// One line of the allow-list.
pub(super) enum OriginRule {
    /// Any page served from this machine over plain HTTP.
    Loopback,
    /// One origin, as browsers write it.
    Exact(String),
}

impl Origins {
    pub(super) fn from_rules(rules: Vec<OriginRule>) -> Self {
        let mut origins = Self::default();
        for rule in rules {
            match rule {
                OriginRule::Loopback => origins.loopback = true,
                OriginRule::Exact(origin) => origins.exact.push(origin),
            }
        }
        origins
    }

    /// Whether a page of `origin`, as the browser's `Origin` header names it, may connect.
    pub fn allow(&self, origin: &str) -> bool {
        self.exact.iter().any(|exact| exact == origin) || (self.loopback && is_loopback(origin))
    }

    /// The list as a shop's file has it.
    pub fn list(&self) -> Vec<&str> {
        let loopback = self.loopback.then_some("loopback");
        loopback.into_iter().chain(self.exact.iter().map(String::as_str)).collect()
    }

    /// Whether pages served from this machine may connect.
    pub fn allow_loopback(&self) -> bool {
        self.loopback
    }
}

impl FromStr for OriginRule {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text == "loopback" {
            return Ok(Self::Loopback);
        }
        let (scheme, host) = text.split_once("://").ok_or(())?;
        let is_host = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-:[]".contains(c);
        let fits =
            matches!(scheme, "http" | "https") && !host.is_empty() && host.chars().all(is_host);
        if fits { Ok(Self::Exact(text.to_owned())) } else { Err(()) }
    }
}

/// `http://127.0.0.1`, `http://localhost` or `http://[::1]`, on any port and with nothing after it.
fn is_loopback(origin: &str) -> bool {
    ["http://127.0.0.1", "http://localhost", "http://[::1]"].iter().any(|host| {
        origin.strip_prefix(host).is_some_and(|rest| {
            rest.is_empty()
                || rest.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins(rules: &[&str]) -> Origins {
        Origins::from_rules(rules.iter().filter_map(|rule| rule.parse().ok()).collect())
    }

    #[test]
    fn loopback_means_this_machine_on_any_port_and_no_look_alike() {
        let origins = origins(&["loopback"]);

        for origin in ["http://127.0.0.1:8080", "http://localhost:3000", "http://localhost"] {
            assert!(origins.allow(origin), "{origin}");
        }
        for origin in [
            "http://localhost.evil.example",
            "http://127.0.0.1.evil.example:80",
            "http://127.0.0.1:8080/path",
            "http://localhost:99999",
            "https://evil.example",
            "null",
            "",
        ] {
            assert!(!origins.allow(origin), "{origin}");
        }
    }

    #[test]
    fn an_exact_origin_is_that_origin_and_nothing_like_it() {
        let origins = origins(&["https://shop.example"]);

        assert!(origins.allow("https://shop.example"));
        assert!(!origins.allow("http://shop.example"));
        assert!(!origins.allow("https://shop.example:8443"));
        assert!(!origins.allow("http://localhost"));
    }

    #[test]
    fn rules_that_no_browser_would_send_are_refused() {
        for text in ["*", "shop.example", "https://", "https://shop.example/", "HTTPS://SHOP"] {
            assert!(text.parse::<OriginRule>().is_err(), "{text}");
        }
    }
}
