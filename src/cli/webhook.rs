//! `tradewind webhook`: whether a shop's own systems take what they are told.

use anyhow::{Context, bail};
use serde_json::{Value, json};
use unicode_normalization::char::is_combining_mark;

use super::settings::SettingsArgs;
use super::{Exit, print, print_json};
use crate::config::Config;
use crate::config::shop::{Shop, ShopWebhook};
use crate::outward::{HookRules, Trial, advice_for_status, try_webhook};
use crate::runtime::Clock;

/// Characters of an answer that are shown.
const ANSWER_CHARS_MAX: usize = 200;
/// What stands in an answer for the path of the hook.
const HIDDEN: &str = "…";
/// Shortest part of a path that is hidden alone: a shorter one could stand in any text, and is no secret.
const SECRET_BYTES_MIN: usize = 8;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tradewind webhook test cafe --shops shops
  tradewind webhook test cafe crm --shops shops --json")]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Sends a signed test event to the hooks of a shop, once, and tells what they answer.
    #[command(after_help = "\
Examples:
  tradewind webhook test cafe --shops shops              every hook of the shop
  tradewind webhook test cafe crm --shops shops --json   one of them
  tradewind webhook test cafe --shops shops --set webhooks.reach=anywhere

The event is of type webhook.test, says nothing of anybody, and goes from this machine in the way in which
a router with these settings sends. Ends with 3 when a hook does not take it.")]
    Test {
        /// The id of the shop.
        shop: String,
        /// The name of the hook; left out: all of them.
        hook: Option<String>,
        /// Prints JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        settings: SettingsArgs,
    },
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let Verb::Test { shop, hook, json, settings } = &args.verb;
    let config = settings.load()?.config;
    let shop = named(&config, shop)?;
    let hooks = hooks(&shop, hook.as_deref())?;
    let rules = HookRules { reach: config.webhooks.reach.into(), within: config.webhooks.timeout };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let rows = runtime.block_on(try_all(&shop, hooks, &rules, *json));
    // A resolver that does not answer holds a thread for longer than anybody is to wait.
    runtime.shutdown_background();
    let rows = rows?;
    let taken = rows.iter().all(|(_, outcome)| outcome.advice.is_none());
    if *json {
        let rows: Vec<Value> = rows.iter().map(|(hook, outcome)| outcome.to_json(hook)).collect();
        print_json(&json!({ "shop": shop.id, "taken": taken, "webhooks": rows }))?;
    }
    Ok(if taken { Exit::Success } else { Exit::CheckFailed })
}

/// Tries each hook, and tells in words what comes of it as it does unless that is printed as JSON.
async fn try_all<'a>(
    shop: &Shop,
    hooks: Vec<&'a ShopWebhook>,
    rules: &HookRules,
    is_json: bool,
) -> anyhow::Result<Vec<(&'a ShopWebhook, Outcome)>> {
    let mut rows = Vec::new();
    for hook in hooks {
        let tried = try_webhook(&shop.id, hook, rules, Clock::start().now()).await;
        let outcome = Outcome::of(&tried, hook);
        if !is_json {
            print(&outcome.to_text(hook))?;
        }
        rows.push((hook, outcome));
    }
    Ok(rows)
}

fn named(config: &Config, id: &str) -> anyhow::Result<Shop> {
    let shops = match &config.paths.shops {
        Some(folder) => Shop::load_dir(folder)?,
        None => vec![Shop::embedded_demo()],
    };
    let named = shops.into_iter().find(|shop| shop.id.as_str() == id);
    named.with_context(|| format!("there is no shop `{id}`"))
}

fn hooks<'a>(shop: &'a Shop, name: Option<&str>) -> anyhow::Result<Vec<&'a ShopWebhook>> {
    let hooks: Vec<&ShopWebhook> =
        shop.webhooks.iter().filter(|hook| name.is_none_or(|name| *hook.name == *name)).collect();
    match name {
        Some(name) if hooks.is_empty() => bail!("the shop `{}` has no hook `{name}`", shop.id),
        None if hooks.is_empty() => {
            bail!("the shop `{}` has no [[webhooks]] in its shop.toml", shop.id)
        }
        _ => Ok(hooks),
    }
}

/// What is told of a trial.
struct Outcome {
    id: String,
    took_ms: u128,
    addresses: Vec<String>,
    answered_by: Option<String>,
    status: Option<u16>,
    retry_after_s: Option<u64>,
    /// How the answer begins, in characters that do nothing to a terminal, without the path of the hook.
    begins: Option<String>,
    error: Option<String>,
    /// What to do, unless it was taken.
    advice: Option<&'static str>,
}

impl Outcome {
    fn of(trial: &Trial, hook: &ShopWebhook) -> Self {
        let answer = trial.answer.as_ref().ok();
        let error = trial.answer.as_ref().err();
        let begins = answer.map(|answer| shown(&answer.body, hook.url.path()));
        let begins = begins.filter(|text| !text.is_empty());
        Self {
            id: trial.id.clone(),
            took_ms: trial.took.as_millis(),
            addresses: trial.addresses.iter().map(ToString::to_string).collect(),
            answered_by: answer.and_then(|answer| answer.from).map(|from| from.to_string()),
            status: answer.map(|answer| answer.status),
            retry_after_s: answer.and_then(|answer| answer.retry_after).map(|it| it.as_secs()),
            begins,
            error: error.map(ToString::to_string),
            advice: match (answer, error) {
                (Some(answer), _) => advice_for_status(answer.status),
                (_, error) => error.map(|error| error.advice()),
            },
        }
    }

    fn to_json(&self, hook: &ShopWebhook) -> Value {
        json!({
            "hook": hook.name, "host": hook.url.authority(), "webhook_id": self.id,
            "taken": self.advice.is_none(), "took_ms": self.took_ms as u64,
            "addresses": self.addresses, "answered_by": self.answered_by, "status": self.status,
            "retry_after_s": self.retry_after_s, "answer_begins": self.begins,
            "error": self.error, "advice": self.advice,
        })
    }

    fn to_text(&self, hook: &ShopWebhook) -> String {
        let (word, took_ms) =
            (if self.advice.is_none() { "taken" } else { "not taken" }, self.took_ms);
        let what = match (&self.error, self.status) {
            (Some(error), _) => error.clone(),
            (None, status) => format!("the hook answers {}", status.unwrap_or_default()),
        };
        let name = &hook.name;
        let mut text = format!("{name}: {word}: {what}, after {took_ms} ms\n");
        let mut line = |key: &str, value: &str| text += &format!("  {key:<12} {value}\n");
        line("host", hook.url.authority());
        match &self.answered_by {
            Some(address) => line("address", address),
            None if self.addresses.is_empty() => {}
            None => line("addresses", &self.addresses.join(", ")),
        }
        line("webhook-id", &self.id);
        if let Some(seconds) = self.retry_after_s {
            line("retry-after", &format!("{seconds} s"));
        }
        if let Some(begins) = &self.begins {
            line("answer", begins);
        }
        if let Some(advice) = self.advice {
            line("what to do", advice);
        }
        text
    }
}

/// How an answer begins, without what would move or colour a terminal, and without `path`: many receivers
/// repeat what they were asked for, and secrets stand in paths.
fn shown(body: &[u8], path: &str) -> String {
    let mut text = String::from_utf8_lossy(body).into_owned();
    for secret in secrets_in(path) {
        text = text.replace(secret, HIDDEN);
    }
    let plain = text.trim().chars().map(|c| if is_printable(c) { c } else { ' ' });
    plain.take(ANSWER_CHARS_MAX).collect()
}

/// What an answer could repeat of path and query: all of it, either of them, and those parts that are long
/// enough to hold a secret.
fn secrets_in(path: &str) -> Vec<&str> {
    let (before, query) = path.split_once('?').unwrap_or((path, ""));
    let parts = path.split(['/', '?', '&', '=']).filter(|part| part.len() >= SECRET_BYTES_MIN);
    let all = [path, before, query].into_iter().filter(|it| it.len() > 1);
    all.chain(parts).collect()
}

/// Whether a character only shows itself: none that is invisible, breaks a line or changes what stands
/// around it. Letters may carry marks.
fn is_printable(c: char) -> bool {
    let is_shown_as_it_is = c.escape_debug().len() == 1;
    is_shown_as_it_is || matches!(c, '"' | '\'' | '\\') || is_combining_mark(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_shown_up_to_a_length_and_does_nothing_to_a_terminal() {
        assert_eq!(shown(b" ok\r\n", "/"), "ok");
        assert_eq!(shown("\u{1b}[31mred\u{202e}".as_bytes(), "/"), " [31mred ");
        assert_eq!(shown(&[b'x'; 70_000], "/").len(), ANSWER_CHARS_MAX);
        assert_eq!(shown(&[0xff], "/"), "\u{fffd}");
        for c in
            "\u{2028}\u{2029}\u{61c}\u{200b}\u{200c}\u{200d}\u{2060}\u{feff}\u{e0041}\t".chars()
        {
            assert_eq!(shown(format!("a{c}b").as_bytes(), "/"), "a b", "{c:?}");
        }
        let plain = "it's \"so\" \\ größer e\u{301} ที่ مَرحبا 好 🙂";
        assert_eq!(shown(plain.as_bytes(), "/"), plain);
    }

    #[test]
    fn a_path_that_an_answer_repeats_is_not_shown() {
        let path = "/hooks/s3cret-of-4-shop?key=an0ther-one";
        for (answer, begins) in [
            ("Cannot POST /hooks/s3cret-of-4-shop?key=an0ther-one", "Cannot POST …"),
            ("Cannot POST /hooks/s3cret-of-4-shop", "Cannot POST …"),
            ("who is key=an0ther-one?", "who is …?"),
            (r#"{"path":"\/hooks\/s3cret-of-4-shop"}"#, r#"{"path":"\/hooks\/…"}"#),
            ("no hook an0ther-one", "no hook …"),
            ("no hooks here / there", "no hooks here / there"),
        ] {
            assert_eq!(shown(answer.as_bytes(), path), begins);
        }
        assert_eq!(shown(b"a/b at /", "/"), "a/b at /");
    }
}
