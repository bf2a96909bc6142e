//! `[email]`: where answers to the shop's e-mails come to, and the mailbox that they are fetched from.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::config::limits::is_reply_address;
use crate::config::{EmailTls, kinds::Kind};

use super::secret::{OutsideSecret, SecretFrom};
use super::section::Section;

const TEXT_BYTES_MAX: usize = 255;
const EVERY: Duration = Duration::from_secs(60);
const EVERY_MIN: Duration = Duration::from_secs(1);
const EVERY_MAX: Duration = Duration::from_secs(3_600);
const TIMEOUT: Duration = Duration::from_secs(60);
const TIMEOUT_MAX: Duration = Duration::from_secs(600);
const LETTERS: u32 = 50;
const LETTERS_MAX: u32 = 1_000;
const FOLDER: &str =
    "the name of a folder in plain ASCII, at most 255 letters, without `\"` and `\\`";

/// What a shop decides about e-mail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShopEmail {
    /// The mailbox that answers to the shop's e-mails come to; `None`: that of the settings.
    pub reply_to: Option<Arc<str>>,
    /// Where they are fetched from; `None` where they are brought.
    pub imap: Option<ImapMailbox>,
}

/// A mailbox that is looked into again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImapMailbox {
    /// The server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is encrypted.
    pub tls: EmailTls,
    /// Who signs in.
    pub user: String,
    /// Where the password comes from.
    pub(super) password_from: Option<SecretFrom>,
    /// The password; there is one once the shop was loaded from its folder.
    pub password: Option<OutsideSecret>,
    /// File of roots to trust in place of the system's.
    pub(super) roots_file: Option<PathBuf>,
    /// Those roots, PEM.
    pub roots: Option<Arc<[u8]>>,
    /// The folder that letters come to.
    pub folder: String,
    /// The folder that they are moved to once they are taken; `None`: they stay, as read.
    pub move_to: Option<String>,
    /// How often it is looked into.
    pub every: Duration,
    /// Longest wait for one step of the server.
    pub timeout: Duration,
    /// Most letters that are fetched at a time.
    pub letters_max: usize,
}

/// Reads `[email]`.
pub(super) fn read(mut section: Section<'_>) -> ShopEmail {
    let reply_to = section.text("reply_to");
    if reply_to.as_deref().is_some_and(|address| !is_reply_address(address)) {
        let accepted = "an e-mail address whose first part has 20 letters at most";
        section.note("reply_to", "does not fit", accepted);
    }
    let has_mailbox = section.has("imap");
    let imap = section.section("imap");
    section.finish();
    ShopEmail { reply_to: reply_to.map(Arc::from), imap: has_mailbox.then(|| mailbox(imap)) }
}

fn mailbox(mut section: Section<'_>) -> ImapMailbox {
    let host = section.required_text("host", "the name of the server, such as imap.shop.example");
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-:".contains(&byte);
    if host.len() > TEXT_BYTES_MAX || !host.bytes().all(is_host) {
        section.note("host", "is no name of a server", "a host name or an IP address");
    }
    let tls = match section.text("tls") {
        None => EmailTls::Wrapped,
        Some(text) => <EmailTls as Kind>::parse(&text).unwrap_or_else(|| {
            section.note("tls", "does not fit", EmailTls::EXPECTED);
            EmailTls::Wrapped
        }),
    };
    if tls == EmailTls::None && !["127.0.0.1", "::1", "localhost"].contains(&host.as_str()) {
        let accepted = "\"tls\" or \"starttls\": the password would travel in clear";
        section.note("tls", "is \"none\" for another machine", accepted);
    }
    let usual_port = if tls == EmailTls::Wrapped { 993 } else { 143 };
    let user = section.required_text("user", "who signs in");
    if user.len() > TEXT_BYTES_MAX || user.chars().any(char::is_control) {
        section.note("user", "does not fit", "a name of at most 255 bytes");
    }
    let password_from = SecretFrom::section(&mut section, "password_file", "password_env");
    if password_from.is_none() {
        let accepted = "a file or, as password_env, a variable with the password";
        section.note("password_file", "is missing", accepted);
    }
    let every = section.length("every", EVERY_MAX, EVERY);
    if every < EVERY_MIN {
        section.note("every", "is too short", "at least 1s");
    }
    let timeout = section.length("timeout", TIMEOUT_MAX, TIMEOUT);
    if timeout < EVERY_MIN {
        section.note("timeout", "is too short", "at least 1s");
    }
    let mailbox = ImapMailbox {
        port: section.whole("port", 1..=65_535, usual_port) as u16,
        folder: folder(&mut section, "folder").unwrap_or_else(|| "INBOX".to_owned()),
        move_to: folder(&mut section, "move_to"),
        letters_max: section.whole("letters_max", 1..=LETTERS_MAX, LETTERS) as usize,
        roots_file: section.text("ca_file").map(PathBuf::from),
        roots: None,
        password: None,
        password_from,
        host,
        tls,
        user,
        every,
        timeout,
    };
    if mailbox.move_to.as_ref() == Some(&mailbox.folder) {
        section.note("move_to", "is the folder itself", "another folder");
    }
    section.finish();
    mailbox
}

/// The name of a folder. Others than plain ones are written in a coding of their own (RFC 3501, 5.1.3),
/// which older servers need and newer ones refuse.
fn folder(section: &mut Section<'_>, key: &'static str) -> Option<String> {
    let name = section.text(key)?;
    let is_plain = |byte: u8| (b' '..=b'~').contains(&byte) && !b"\"\\&".contains(&byte);
    if name.len() > TEXT_BYTES_MAX || !name.bytes().all(is_plain) {
        section.note(key, "does not fit", FOLDER);
    }
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::super::load::demo_with as shop;
    use super::*;

    const MAILBOX: &str = "\n[email]\nreply_to = \"answers@shop.example\"\n[email.imap]\n\
        host = \"imap.shop.example\"\nuser = \"answers\"\npassword_env = \"MAIL\"\n";

    #[test]
    fn a_mailbox_needs_a_server_a_name_and_a_password_and_has_the_usual_rest() {
        let email = shop(MAILBOX).expect("a shop").email;

        assert_eq!(email.reply_to.as_deref(), Some("answers@shop.example"));
        let imap = email.imap.expect("a mailbox");
        assert_eq!((imap.port, imap.tls), (993, EmailTls::Wrapped));
        assert_eq!((imap.folder.as_str(), imap.move_to), ("INBOX", None));
        assert_eq!((imap.every, imap.letters_max), (Duration::from_secs(60), 50));
        let starttls = shop(&format!("{MAILBOX}tls = \"starttls\"\n")).expect("a shop").email;
        assert_eq!(starttls.imap.expect("a mailbox").port, 143);
        assert_eq!(shop("").expect("a shop").email, ShopEmail::default());
    }

    #[test]
    fn mistakes_name_the_key_and_no_secret() {
        for (lines, part) in [
            ("\n[email.imap]\nuser = \"a\"\npassword_env = \"P\"\n", "email.imap.host: is missing"),
            ("\n[email.imap]\nhost = \"a\"\nuser = \"a\"\n", "password_file: is missing"),
            ("\n[email]\nreply_to = \"nobody\"\n", "email.reply_to: does not fit"),
        ] {
            let error = shop(lines).expect_err("a mistake");
            assert!(error.contains(part), "{lines}: {error}");
        }
        for (line, part) in [
            ("tls = \"none\"", "for another machine"),
            ("tls = \"ssl\"", "email.imap.tls"),
            ("folder = \"a\\\"b\"", "email.imap.folder"),
            ("move_to = \"INBOX\"", "is the folder itself"),
            ("every = \"10ms\"", "email.imap.every"),
            ("timeout = \"2h\"", "email.imap.timeout"),
            ("letters_max = 0", "email.imap.letters_max"),
            ("port = 0", "email.imap.port"),
            ("password = \"hush\"", "email.imap.password: is not a setting"),
            ("password_file = \"f\"", "stands beside"),
        ] {
            let error = shop(&format!("{MAILBOX}{line}\n")).expect_err("a mistake");
            assert!(error.contains(part), "{line}: {error}");
            assert!(!error.contains("hush"), "{error}");
        }
    }
}
