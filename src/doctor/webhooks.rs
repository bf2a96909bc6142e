//! Whether the hooks of shops can be reached as they are set up. Nothing is sent to them.

use std::collections::HashMap;
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
/// What is told of a look that panicked.
const OURS: &str = "was not looked at, by a mistake of this program that is worth a report";

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
        Ok(runtime) => {
            let look = move |hook| async move { look_at(&hook, &rules).await };
            let found = runtime.block_on(look_at_all(hooks, ALL_MAX, look));
            // A resolver that does not answer holds a thread for longer than anybody is to wait.
            runtime.shutdown_background();
            told(&found)
        }
        Err(error) => Finding::new(CHECK, Verdict::Wrong, error.to_string()),
    }
}

/// What `look` finds of each, in their order; those that there was no time for are left without.
async fn look_at_all<F>(
    hooks: Vec<(String, ShopWebhook)>,
    within: Duration,
    look: impl Fn(ShopWebhook) -> F,
) -> Vec<(String, Option<(Verdict, String)>)>
where
    F: Future<Output = (Verdict, String)> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(LOOKS_MAX));
    let mut found: Vec<_> = hooks.iter().map(|(name, _)| (name.clone(), None)).collect();
    let (mut looks, mut numbers) = (JoinSet::new(), HashMap::new());
    for (number, (_, hook)) in hooks.into_iter().enumerate() {
        let (places, look) = (places.clone(), look(hook));
        let begun = looks.spawn(async move {
            let _place = places.acquire_owned().await;
            look.await
        });
        numbers.insert(begun.id(), number);
    }
    // What is not seen by then is not waited for: its tasks end with the set.
    let _ = tokio::time::timeout(within, async {
        while let Some(look) = looks.join_next_with_id().await {
            let (id, seen) =
                look.unwrap_or_else(|broken| (broken.id(), (Verdict::Wrong, OURS.to_owned())));
            found[numbers[&id]].1 = Some(seen);
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

    async fn look(hook: ShopWebhook) -> (Verdict, String) {
        look_at(&hook, &RULES).await
    }

    /// Says nothing to whoever connects and lets go of them once no more come, until `count` have been
    /// there; gives how many there were at a time.
    async fn hold_all(listener: tokio::net::TcpListener, count: usize) -> usize {
        let (mut held, mut seen, mut most) = (Vec::new(), 0, 0);
        while seen < count {
            let quiet = if held.len() < LOOKS_MAX { ALL_MAX } else { Duration::from_millis(100) };
            match tokio::time::timeout(quiet, listener.accept()).await {
                Ok(accepted) => {
                    held.push(accepted.expect("a connection"));
                    seen += 1;
                    most = most.max(held.len());
                }
                Err(_) => held.clear(),
            }
        }
        most
    }

    #[tokio::test]
    async fn more_hooks_than_there_are_places_are_all_looked_at_in_their_order() {
        let folder = tempfile::tempdir().expect("a folder");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("https://{}/", listener.local_addr().expect("it listens"));
        let count = 3 * LOOKS_MAX;
        let held = tokio::spawn(hold_all(listener, count));

        let found = look_at_all(hooks(folder.path(), &url, count), ALL_MAX, look).await;

        assert_eq!(held.await.expect("all came"), LOOKS_MAX, "the most at a time");
        assert_eq!(found.len(), count);
        assert_eq!(found[100].0, "demo: 100");
        assert_eq!(told(&found).text.matches("broke off").count(), count);
    }

    #[tokio::test]
    async fn a_look_that_panics_is_told_as_what_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let look = async |hook: ShopWebhook| -> (Verdict, String) { panic!("at {}", hook.name) };

        let found =
            look_at_all(hooks(folder.path(), "https://hook.example/", 1), ALL_MAX, look).await;

        let finding = told(&found);
        assert_eq!(finding.verdict, Verdict::Wrong);
        assert!(finding.text.contains("a mistake of this program"), "{}", finding.text);
    }

    #[tokio::test]
    async fn a_hook_where_nobody_listens_is_wrong() {
        let folder = tempfile::tempdir().expect("a folder");
        let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/", nobody.local_addr().expect("it listens"));
        drop(nobody);

        let found = look_at_all(hooks(folder.path(), &url, 3), ALL_MAX, look).await;

        let finding = told(&found);
        assert_eq!(finding.verdict, Verdict::Wrong);
        assert_eq!(finding.text.matches("cannot be reached").count(), 3);
    }

    #[tokio::test]
    async fn hooks_for_which_there_is_no_time_are_told_and_not_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        // Whoever connects waits for TLS for ever.
        let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("https://{}/", silent.local_addr().expect("it listens"));
        let within = Duration::from_millis(50);

        let found = look_at_all(hooks(folder.path(), &url, 2), within, look).await;

        let finding = told(&found);
        assert_eq!(finding.verdict, Verdict::Odd);
        assert!(finding.text.contains("demo: 1 was not looked at"), "{}", finding.text);
        assert_eq!(told(&[]).verdict, Verdict::Good);
    }
}
