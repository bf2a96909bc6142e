//! Whether the hooks of shops can be reached as they are set up. Nothing is sent to them.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::{Finding, Verdict};
use crate::config::Config;
use crate::config::shop::{Shop, ShopWebhook};
use crate::outward::{HookRules, reach_webhook};

const CHECK: &str = "webhooks";
/// Longest look at one hook, whatever the settings say.
const LONGEST: Duration = Duration::from_secs(10);
/// Hooks that are looked at at a time.
const LOOKS_MAX: usize = 64;
/// Longest that all of them are looked at.
const ALL_MAX: Duration = Duration::from_secs(30);

pub(super) fn examine(config: &Config) -> Finding {
    let shops = match config.paths.shops.as_deref().map(Shop::load_dir) {
        None => Vec::new(),
        Some(Ok(shops)) => shops,
        // What is wrong with the shops is told by another check.
        Some(Err(_)) => {
            let text = "not looked at: the shops have mistakes";
            return Finding::new(CHECK, Verdict::Odd, text);
        }
    };
    let hooks: Vec<(String, ShopWebhook)> = shops
        .into_iter()
        .flat_map(|shop| {
            let name = move |hook: &ShopWebhook| format!("{}: {}", shop.id, hook.name);
            shop.webhooks.into_iter().map(move |hook| (name(&hook), hook))
        })
        .collect();
    let rules = HookRules {
        reach: config.webhooks.reach.into(),
        within: config.webhooks.timeout.min(LONGEST),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime {
        Ok(runtime) => told(&runtime.block_on(look_at_all(hooks, rules, ALL_MAX))),
        Err(error) => Finding::new(CHECK, Verdict::Wrong, error.to_string()),
    }
}

/// What was found of each, in their order; those that there was no time for are left without.
async fn look_at_all(
    hooks: Vec<(String, ShopWebhook)>,
    rules: HookRules,
    within: Duration,
) -> Vec<(String, Option<(Verdict, String)>)> {
    let places = Arc::new(Semaphore::new(LOOKS_MAX));
    let mut found: Vec<_> = hooks.iter().map(|(name, _)| (name.clone(), None)).collect();
    let mut looks = JoinSet::new();
    for (number, (_, hook)) in hooks.into_iter().enumerate() {
        let places = places.clone();
        looks.spawn(async move {
            let _place = places.acquire_owned().await;
            (number, look_at(&hook, &rules).await)
        });
    }
    // What is not seen by then is not waited for: its tasks end with the set.
    let _ = tokio::time::timeout(within, async {
        while let Some(look) = looks.join_next().await {
            if let Ok((number, seen)) = look {
                found[number].1 = Some(seen);
            }
        }
    })
    .await;
    found
}

async fn look_at(hook: &ShopWebhook, rules: &HookRules) -> (Verdict, String) {
    let host = hook.url.authority();
    match reach_webhook(hook, rules).await {
        Err(error) => (Verdict::Wrong, format!("{host}: {error}; {}", error.advice())),
        Ok(address) if !hook.url.is_https() && !address.ip().is_loopback() => {
            (Verdict::Odd, format!("{host} is reached at {address}, in clear"))
        }
        Ok(address) => (Verdict::Good, format!("{host} is reached at {address}")),
    }
}

fn told(found: &[(String, Option<(Verdict, String)>)]) -> Finding {
    let count = |verdict| {
        found.iter().filter(|(_, seen)| matches!(seen, Some((it, _)) if *it == verdict)).count()
    };
    let unseen = found.iter().filter(|(_, seen)| seen.is_none()).count();
    let verdict = match (count(Verdict::Wrong), count(Verdict::Odd) + unseen) {
        (0, 0) => Verdict::Good,
        (0, _) => Verdict::Odd,
        _ => Verdict::Wrong,
    };
    if found.is_empty() {
        return Finding::new(CHECK, verdict, "no shop has one");
    }
    let line = |(name, seen): &(String, Option<(Verdict, String)>)| match seen {
        Some((_, text)) => format!("{name}, {text}"),
        None => format!("{name} was not looked at, for want of time"),
    };
    Finding::new(CHECK, verdict, found.iter().map(line).collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::shop::ShopFiles;
    use crate::runtime::Reach;

    const RULES: HookRules = HookRules { reach: Reach::Anywhere, within: Duration::from_secs(60) };

    /// So many times the one hook of a shop in `folder`, which is at `url`.
    fn hooks(folder: &Path, url: &str, count: usize) -> Vec<(String, ShopWebhook)> {
        let mut files = ShopFiles::demo();
        files.0.get_mut("shop.toml").expect("the file").push_str(&format!(
            "\n[[webhooks]]\nurl = \"{url}\"\nevents = [\"conversation.closed\"]\n\
             secret_file = \"hook.key\"\n"
        ));
        let key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n".to_owned();
        files.0.insert("hook.key".to_owned(), key);
        for (file, text) in &files.0 {
            let path = folder.join("demo").join(file);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            std::fs::write(path, text).expect("a file");
        }
        let shops = Shop::load_dir(folder).expect("a shop");
        let hook = &shops[0].webhooks[0];
        (0..count).map(|number| (format!("demo: {number}"), hook.clone())).collect()
    }

    #[tokio::test]
    async fn more_hooks_than_there_are_places_are_all_looked_at_in_their_order() {
        let folder = tempfile::tempdir().expect("a folder");
        let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/", nobody.local_addr().expect("it listens"));
        drop(nobody);

        let found = look_at_all(hooks(folder.path(), &url, 3 * LOOKS_MAX), RULES, ALL_MAX).await;

        assert_eq!(found.len(), 3 * LOOKS_MAX);
        assert_eq!(found[100].0, "demo: 100");
        let finding = told(&found);
        assert_eq!(finding.verdict, Verdict::Wrong);
        assert_eq!(finding.text.matches("cannot be reached").count(), 3 * LOOKS_MAX);
    }

    #[tokio::test]
    async fn hooks_for_which_there_is_no_time_are_told_and_not_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        // Whoever connects waits for TLS for ever.
        let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("https://{}/", silent.local_addr().expect("it listens"));
        let within = Duration::from_millis(50);

        let found = look_at_all(hooks(folder.path(), &url, 2), RULES, within).await;

        let finding = told(&found);
        assert_eq!(finding.verdict, Verdict::Odd);
        assert!(finding.text.contains("demo: 1 was not looked at"), "{}", finding.text);
        assert_eq!(told(&[]).verdict, Verdict::Good);
    }
}
