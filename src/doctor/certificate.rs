//! Whether the public address speaks TLS, and how long its certificate lasts.

use std::time::{SystemTime, UNIX_EPOCH};

use super::{Finding, Verdict};
use crate::config::Config;
use crate::runtime::{Certificate, CertificateFiles, Validity};

const CHECK: &str = "certificate";
const DAY_S: i64 = 24 * 3600;
/// Time enough to notice that a renewal does not work.
const SOON_DAYS: i64 = 14;

pub(super) fn examine(config: &Config) -> Finding {
    let server = &config.server;
    let Some(files) = CertificateFiles::of(&server.tls_certificate, &server.tls_key) else {
        let address = server.listen;
        if address.ip().to_canonical().is_loopback() {
            let text = "no TLS on the main address, which is on loopback: a proxy is to speak it";
            return Finding::new(CHECK, Verdict::Good, text);
        }
        let text = format!(
            "{address} is not loopback and speaks no TLS: set server.tls_certificate, or see that \
             only a proxy reaches it"
        );
        return Finding::new(CHECK, Verdict::Odd, text);
    };
    let validity = Certificate::load(files).and_then(|certificate| certificate.validity());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    match validity {
        Ok(validity) => judge(validity, i64::try_from(now.as_secs()).unwrap_or(i64::MAX)),
        Err(error) => Finding::new(CHECK, Verdict::Wrong, error.to_string()),
    }
}

fn judge(validity: Validity, now: i64) -> Finding {
    let days = (validity.until - now) / DAY_S;
    if now < validity.from {
        let text = format!("not good yet: from {}", date(validity.from));
        Finding::new(CHECK, Verdict::Wrong, text)
    } else if now > validity.until {
        Finding::new(CHECK, Verdict::Wrong, format!("over since {}", date(validity.until)))
    } else if days < SOON_DAYS {
        let text = format!("ends on {}, in {days} days", date(validity.until));
        Finding::new(CHECK, Verdict::Odd, text)
    } else {
        let text = format!("good until {}, {days} days", date(validity.until));
        Finding::new(CHECK, Verdict::Good, text)
    }
}

fn date(second: i64) -> String {
    jiff::Timestamp::from_second(second).map_or_else(
        |_| "another age".to_owned(),
        |at| at.strftime("%Y-%m-%d %H:%M UTC").to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_judged_by_its_dates() {
        let validity = Validity { from: 100 * DAY_S, until: 190 * DAY_S };
        for (day, verdict, text) in [
            (99, Verdict::Wrong, "not good yet: from 1970-04-11 00:00 UTC"),
            (100, Verdict::Good, "good until 1970-07-10 00:00 UTC, 90 days"),
            (177, Verdict::Odd, "ends on 1970-07-10 00:00 UTC, in 13 days"),
            (191, Verdict::Wrong, "over since 1970-07-10 00:00 UTC"),
        ] {
            let found = judge(validity, day * DAY_S);
            assert_eq!((found.verdict, found.text.as_str()), (verdict, text));
        }
    }
}
