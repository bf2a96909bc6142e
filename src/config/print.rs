//! The configuration for readers: the commented file, and what is in force.

use serde_json::{Map, Value, json};

use super::limits::SECTIONS;
use super::reader::Loaded;
use super::settings::{Section, Setting};
use super::sources::setting;

/// `config/tradewind.toml`: every setting with its reason, what it accepts and its default. Values
/// are commented out, so that a copy of the file follows the defaults of a newer version.
pub fn commented_file() -> String {
    let mut page = String::from(
        "# Settings of Tradewind. Every value here is the default; take the # away to change one.\n\
         # Stronger than this file: variables such as TRADEWIND_SERVER_LISTEN, and flags.\n\
         # `tradewind config check` finds every mistake, `tradewind config print --origin` shows what\n\
         # is in force and where it comes from.\n",
    );
    for section in SECTIONS {
        page.push_str("\n# ---\n");
        comment(&mut page, section.doc);
        if let Some(name) = section.prefix.strip_suffix('.') {
            page.push_str(&format!("[{name}]\n"));
        }
        for setting in section.settings {
            page.push('\n');
            comment(&mut page, setting.doc);
            page.push_str(&format!("# Accepts: {}.\n", setting.accepted()));
            let value = setting.in_file(setting.default);
            page.push_str(&format!("#{} = {value}\n", setting.field()));
        }
    }
    page
}

impl Loaded {
    /// Every value in force, in the form of the file; with `origin`, where each comes from.
    pub fn to_toml(&self, with_origin: bool) -> String {
        let texts = self.config.texts();
        let line = |setting: &Setting| {
            let text = texts.iter().find(|(key, _)| *key == setting.key);
            let value = setting.in_file(text.map_or("", |(_, text)| text));
            let line = format!("{} = {value}", setting.field());
            if !with_origin {
                return format!("{line}\n");
            }
            format!("{line:<44} # {}\n", self.origin(setting.key))
        };
        let section = |section: &Section| {
            let head = section.prefix.strip_suffix('.').map(|name| format!("[{name}]\n"));
            let lines: String = section.settings.iter().map(line).collect();
            head.unwrap_or_default() + &lines
        };
        SECTIONS.iter().map(section).collect::<Vec<_>>().join("\n")
    }

    /// Every value in force with its origin, default, accepted values and reason.
    pub fn to_json(&self) -> Value {
        let entry = |(key, text): (&'static str, String)| {
            let setting = setting(key)?;
            let value = match setting.quoted {
                true => Value::from(text),
                false => serde_json::from_str(&text).unwrap_or(Value::from(text)),
            };
            let entry = json!({
                "value": value,
                "origin": self.origin(key).to_string(),
                "default": setting.default,
                "accepted": setting.accepted(),
                "env": setting.env_name(),
                "reason": reason(setting),
            });
            Some((key.to_owned(), entry))
        };
        Value::Object(self.config.texts().into_iter().filter_map(entry).collect::<Map<_, _>>())
    }
}

fn comment(page: &mut String, lines: &[&str]) {
    for line in lines {
        page.push_str(&format!("#{line}\n"));
    }
}

fn reason(setting: &Setting) -> String {
    setting.doc.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}
