//! `[[webhooks]]`: the shop's own systems that are told what happens in its conversations.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::domain::HookEvent;

use super::load::roots;
use super::openid::WebAddress;
use super::secret::{OutsideSecret, SecretFrom};
use super::section::Section;

/// More than this are a mistake, not a choice.
const WEBHOOKS_MAX: usize = 8;
/// Bytes of a key, after the Standard Webhooks specification.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// The present one and the one before it.
const KEYS_MAX: usize = 2;
const URL: &str = "an address such as https://crm.shop.example/hooks; http on this machine, or elsewhere \
                   with plain_http = true";
const NAME: &str = "1 to 64 of a-z, 0-9, `-`, `_` and `.`";
const SECRET: &str = "a line with a key of 24 to 64 bytes in base64, such as \
                      \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\", and on a second line the one before it";

/// Somebody who is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShopWebhook {
    /// What it is called in the journal, in metrics and in the log.
    pub name: Arc<str>,
    /// Where it is.
    pub url: WebAddress,
    /// What it is told of.
    pub events: BTreeSet<HookEvent>,
    /// Whether it is told what was said.
    pub include_text: bool,
    /// Whether it is told the shop's own id of a verified customer.
    pub include_customer: bool,
    /// Where the key comes from.
    secret_from: Option<SecretFrom>,
    /// The key, and the one before it where both hold for a while; read once the shop is loaded from its
    /// folder.
    pub keys: Vec<SigningKey>,
    /// File of roots that are believed beside those that browsers believe.
    roots_file: Option<PathBuf>,
    /// Those roots, PEM.
    pub roots: Option<Arc<[u8]>>,
}

/// What webhooks are signed with.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey(Vec<u8>);

impl SigningKey {
    /// The key in `secret`, with or without the `whsec_` in front of it.
    fn of(secret: &OutsideSecret) -> Option<Self> {
        let text = secret.reveal();
        let key = STANDARD.decode(text.strip_prefix("whsec_").unwrap_or(text)).ok()?;
        KEY_BYTES.contains(&key.len()).then_some(Self(key))
    }

    /// One key or two.
    fn all_of(words: &[OutsideSecret]) -> Result<Vec<Self>, String> {
        let keys: Option<Vec<Self>> = words.iter().map(Self::of).collect();
        match keys {
            Some(keys) if (1..=KEYS_MAX).contains(&keys.len()) => Ok(keys),
            Some(keys) if keys.len() > KEYS_MAX => Err("holds too many keys".to_owned()),
            _ => Err("holds no key of that length in base64".to_owned()),
        }
    }

    /// The key itself.
    pub fn reveal(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(…)")
    }
}

/// Reads `[[webhooks]]`.
pub(super) fn read(sections: Vec<Section<'_>>) -> Vec<ShopWebhook> {
    let mut hooks: Vec<ShopWebhook> = Vec::new();
    for (number, section) in sections.into_iter().enumerate() {
        if number >= WEBHOOKS_MAX {
            section.note("url", "is one too many", format!("at most {WEBHOOKS_MAX} webhooks"));
            break;
        }
        hooks.extend(hook(section, &hooks));
    }
    hooks
}

fn hook(mut section: Section<'_>, others: &[ShopWebhook]) -> Option<ShopWebhook> {
    let plain_http = section.flag("plain_http");
    let text = section.required_text("url", URL);
    let url = if plain_http { WebAddress::with_plain(&text) } else { text.parse() }.ok();
    if url.is_none() && !text.is_empty() {
        section.note("url", "does not fit", URL);
    }
    let usual = url.as_ref().map(|url| url.host().to_ascii_lowercase());
    let name = section.text("name").or(usual).unwrap_or_default();
    let is_plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.:".contains(&byte);
    if name.len() > 64 || !name.bytes().all(is_plain) {
        section.note("name", "does not fit", NAME);
    }
    if others.iter().any(|other| *other.name == *name) {
        section.note("name", format!("`{name}` stands twice"), "a name of its own");
    }
    let accepted = HookEvent::ALL.map(HookEvent::as_str).join(", ");
    if !section.has("events") {
        section.note("events", "is missing", format!("some of {accepted}"));
    }
    let events = section.parsed_list("events", &accepted).into_iter().collect();
    let secret_from = SecretFrom::section(&mut section, "secret_file", "secret_env");
    if secret_from.is_none() {
        section.note(
            "secret_file",
            "is missing",
            "a file or, as secret_env, a variable with the key",
        );
    }
    let (include_text, include_customer) =
        (section.flag("include_text"), section.flag("include_customer"));
    let roots_file = section.text("ca_file").map(PathBuf::from);
    section.finish();
    Some(ShopWebhook {
        name: name.into(),
        url: url?,
        events,
        include_text,
        include_customer,
        secret_from,
        keys: Vec::new(),
        roots_file,
        roots: None,
    })
}

impl ShopWebhook {
    /// Reads the key and the roots; what is wrong with them is noted, and nothing of the key is.
    pub(super) fn read_outside(&mut self, folder: &Path, note: &dyn Fn(&str, String, &str)) {
        let Some(from) = &self.secret_from else { return };
        match from.read_words(folder).and_then(|words| SigningKey::all_of(&words)) {
            Ok(keys) => self.keys = keys,
            Err(problem) => note(&format!("secret_{}", from.suffix()), problem, SECRET),
        }
        self.roots = self.roots_file.as_ref().and_then(|path| roots(&folder.join(path), note));
    }
}

#[cfg(test)]
mod tests {
    use super::super::load::demo_with as shop;
    use super::*;

    const HOOK: &str = "\n[[webhooks]]\nurl = \"https://crm.shop.example/in\"\n\
                        events = [\"conversation.closed\"]\nsecret_env = \"HOOK\"\n";

    #[test]
    fn a_hook_needs_an_address_events_and_a_key_and_tells_no_text_unless_asked() {
        let hooks = shop(HOOK).expect("a shop").webhooks;

        let [hook] = &hooks[..] else { panic!("one hook: {hooks:?}") };
        assert_eq!((&*hook.name, hook.url.path()), ("crm.shop.example", "/in"));
        assert_eq!(hook.events, BTreeSet::from([HookEvent::Closed]));
        assert!(!hook.include_text && !hook.include_customer);
        let plain = HOOK.replace("https://crm.shop.example", "http://crm:8080");
        assert!(shop(&format!("{plain}plain_http = true\n")).is_ok());
        assert!(shop("").expect("a shop").webhooks.is_empty());
    }

    #[test]
    fn mistakes_name_the_key_and_no_secret() {
        let without = |key: &str| {
            let lines = HOOK.lines().filter(|line| !line.starts_with(key));
            lines.map(|line| format!("{line}\n")).collect::<String>()
        };
        for (lines, part) in [
            (without("url"), "webhooks[0].url: is missing"),
            (without("events"), "webhooks[0].events: is missing"),
            (without("secret"), "webhooks[0].secret_file: is missing"),
            (HOOK.replace("https", "http"), "webhooks[0].url: does not fit"),
            (HOOK.replace("https", "ftp"), "webhooks[0].url: does not fit"),
            (HOOK.replace("crm.shop.example", "10.0.0.256"), "webhooks[0].url: does not fit"),
            (HOOK.replace("crm.shop.example", "[zz]"), "webhooks[0].url: does not fit"),
            (HOOK.replace("closed", "shut"), "webhooks[0].events"),
            (format!("{HOOK}secret = \"hush\"\n"), "secret: is not a setting"),
            (format!("{HOOK}name = \"CRM!\"\n"), "webhooks[0].name"),
            (HOOK.repeat(2), "`crm.shop.example` stands twice"),
            (HOOK.repeat(9), "webhooks[8].url: is one too many"),
        ] {
            let error = shop(&lines).expect_err("a mistake");
            assert!(error.contains(part), "{lines}: {error}");
            assert!(!error.contains("hush"), "{error}");
        }
    }

    #[test]
    fn a_key_is_base64_of_a_length_that_is_safe() {
        let key = |text: &str| SigningKey::of(&OutsideSecret::new(text).expect("a secret"));

        let good = key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a key");
        assert_eq!(Some(good.clone()), key("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"));
        assert_eq!(good.reveal().len(), 24);
        assert_eq!(format!("{good:?}"), "SigningKey(…)");
        let secret = OutsideSecret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("one");
        for (count, fits) in [(0, false), (1, true), (2, true), (3, false)] {
            assert_eq!(SigningKey::all_of(&vec![secret.clone(); count]).is_ok(), fits, "{count}");
        }
        for text in
            ["whsec_", "whsec_short", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa", "not base64 at all!"]
        {
            assert_eq!(key(text), None, "{text}");
        }
    }
}
