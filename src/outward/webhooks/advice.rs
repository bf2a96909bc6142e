//! What to do about a hook that does not take what it is told, in plain words.

use crate::runtime::{NoPlace, WebError};

use super::trial::Trouble;

impl Trouble {
    /// What whoever set the hook up can do.
    pub const fn advice(&self) -> &'static str {
        match self {
            Self::NoKey => "name its key in secret_file or secret_env of shop.toml",
            Self::Place(NoPlace::Unknown) => {
                "look at how the host of url is spelled, and whether this machine can resolve it"
            }
            Self::Place(NoPlace::NotPublic) | Self::Web(WebError::NotPublic) => {
                "hooks may lead to public addresses only; webhooks.reach = \"anywhere\" in the \
                 settings allows this machine and its networks, for all shops"
            }
            Self::Web(WebError::Late) => {
                "if nobody is there, see whether a firewall drops what this machine sends and whether \
                 the name can be resolved from here; if the receiver is slow, have it answer as soon as \
                 it has kept what it was told and work on it afterwards; webhooks.timeout is how long \
                 all of it may take"
            }
            Self::Web(WebError::Unreachable(_)) => {
                "see whether something listens at that port, and whether a firewall lets this \
                 machine through"
            }
            Self::Web(WebError::Tls(_)) => {
                "have it show a certificate for that name which browsers believe, or name the roots \
                 of your own authority in ca_file"
            }
            Self::Web(WebError::Broken) => {
                "what answers speaks no HTTP, or breaks off: see whether url has the right scheme \
                 and port"
            }
            Self::Web(WebError::TooLarge) => {
                "have it answer with a short body or none: of a longer one than 64 KiB the status \
                 does not count"
            }
            Self::Web(WebError::Unusable(_)) => "look at url in shop.toml",
        }
    }
}

/// What to do about a status; `None` where it means that the webhook was taken.
pub const fn advice_for_status(status: u16) -> Option<&'static str> {
    Some(match status {
        200..=299 => return None,
        300..=399 => "redirects are not followed: write the address that it leads to in url",
        401 | 403 => {
            "the receiver refuses the signature, or something before it asks for a sign-in: see \
             that both sides hold the same key, that it signs id.timestamp.body with the bytes as \
             they came, and that both clocks are right"
        }
        404 => "nobody is there under that path: look at url",
        405 => "it has to take POST under that path: look at url",
        410 => {
            "it says that it is gone for good: the router would leave it alone until the shops are \
             loaded anew"
        }
        429 => "it is told too much, or believes so: raise its limit for this router",
        500..=599 => "the receiver failed: look for the id in its log",
        _ => {
            "the receiver does not take it: it has to answer 2xx to every type, also to those that \
             it does not know; where it refuses signatures so, see that both sides hold the same \
             key and that it signs id.timestamp.body with the bytes as they came"
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_router_counts_as_taken_needs_no_advice() {
        for status in 100..600 {
            assert_eq!(advice_for_status(status).is_none(), (200..300).contains(&status));
        }
        let about = |status| advice_for_status(status).expect("advice");
        assert!(about(308).contains("redirects are not followed"));
        assert!(about(401).contains("the same key"));
        assert!(about(400).contains("the same key"));
        assert!(Trouble::from(NoPlace::NotPublic).advice().contains("webhooks.reach"));
    }
}
