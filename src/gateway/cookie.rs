//! Cookies of the sign-in by a provider: out of reach of scripts, and of every other site.

use axum::http::{HeaderMap, HeaderValue, header};

/// Which requests of other sites carry a cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SameSite {
    /// None.
    Strict,
    /// Those that only bring a browser here, as the way back from a provider does.
    Lax,
}

/// A cookie by its name. Behind TLS its name begins with `__Host-`: browsers then take it from no other
/// host and over nothing else (RFC 6265bis, 4.1.3.2).
pub(super) struct Cookie {
    name: String,
    is_secure: bool,
    same_site: SameSite,
}

impl Cookie {
    pub fn new(name: &str, is_secure: bool, same_site: SameSite) -> Self {
        let name = if is_secure { format!("__Host-{name}") } else { name.to_owned() };
        Self { name, is_secure, same_site }
    }

    /// What the browser sent; nothing where it sent two.
    pub fn read<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
        let pairs = lines.flat_map(|line| line.split(';'));
        let own = pairs.filter_map(|pair| pair.trim().strip_prefix(&self.name)?.strip_prefix('='));
        let mut own = own.fuse();
        let first = own.next();
        if own.next().is_some() { None } else { first }
    }

    /// The header line that sets it for so long.
    pub fn set(&self, value: &str, for_s: u64) -> HeaderValue {
        let Self { name, is_secure, same_site } = self;
        let secure = if *is_secure { "; Secure" } else { "" };
        let line = format!(
            "{name}={value}; Path=/; Max-Age={for_s}; HttpOnly; SameSite={same_site:?}{secure}"
        );
        HeaderValue::from_str(&line).expect("names and sealed values are ASCII")
    }

    /// The header line that takes it away.
    pub fn clear(&self) -> HeaderValue {
        self.set("", 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(line: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, line.parse().expect("a value"));
        headers
    }

    #[test]
    fn a_cookie_is_out_of_reach_of_scripts_and_secure_behind_tls() {
        let behind_tls = Cookie::new("tradewind-seat-cafe", true, SameSite::Strict).set("a.b", 60);
        let plain = Cookie::new("tradewind-seat-cafe", false, SameSite::Lax).clear();

        assert_eq!(
            behind_tls,
            "__Host-tradewind-seat-cafe=a.b; Path=/; Max-Age=60; HttpOnly; SameSite=Strict; Secure"
        );
        assert_eq!(plain, "tradewind-seat-cafe=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
    }

    #[test]
    fn a_cookie_is_read_by_its_whole_name_and_only_when_there_is_one() {
        let cookie = Cookie::new("tradewind-seat-cafe", false, SameSite::Strict);

        assert_eq!(cookie.read(&sent("a=b; tradewind-seat-cafe=x.y; c=d")), Some("x.y"));
        assert_eq!(cookie.read(&sent("tradewind-seat-cafe2=x.y")), None);
        assert_eq!(cookie.read(&sent("tradewind-seat-cafe=x; tradewind-seat-cafe=y")), None);
        assert_eq!(cookie.read(&HeaderMap::new()), None);
    }
}
