//! Asks the engines of shops off the owners' turns, and hands what came of it back to whoever asked.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{TextOf, ToTranslate, TranslationCame, result};
use crate::config::shop::{Shop, Translators};
use crate::domain::{Said, ShopId, Translated, Untranslated};
use crate::flow::incidents::Incidents;
use crate::flow::input::{Envelope, Input};
use crate::flow::shard::Shops;
use crate::flow::task::Owners;
use crate::metrics::Metrics;
use crate::metrics::names::{Counter, Histogram, TranslatedFor};
use crate::runtime::{Clock, Inbox};
use crate::translate::{CALLS_MAX, Desk, EngineError, TranslateError};

/// What one turn of the task takes in.
const BATCH_MAX: usize = 256;
/// Texts of one shop that wait for their turn or are being translated; more stay as they are written.
const TEXTS_MAX: usize = 4_096;

#[derive(Debug)]
enum Told {
    Translate(ToTranslate),
    Shops(Shops),
    Forget(ShopId, oneshot::Sender<()>),
}

/// The way to whoever asks the engines.
#[derive(Clone, Debug)]
pub struct Interpreter {
    inbox: Arc<Inbox<Told>>,
}

/// Where the answers go, and what they are measured by.
#[derive(Clone)]
pub struct Ways {
    /// Of messages.
    pub owners: Owners,
    /// Of answers for many.
    pub incidents: Incidents,
    /// The time.
    pub clock: Clock,
    /// What is measured.
    pub metrics: Arc<Metrics>,
}

/// The engines of one shop.
struct Served {
    translators: Translators,
    desk: Desk,
    texts: Arc<Semaphore>,
    calls: Semaphore,
}

impl Default for Interpreter {
    fn default() -> Self {
        Self::new()
    }
}

impl Interpreter {
    /// A way to a task that is yet to start; see [`Self::run`].
    pub fn new() -> Self {
        // Only consequences of admitted messages come in, so the bound is theirs.
        Self { inbox: Arc::new(Inbox::new(1)) }
    }

    /// Wants a text translated. The answer comes in any case.
    pub fn translate(&self, text: ToTranslate) {
        self.inbox.follow_up(Told::Translate(text));
    }

    /// The shops have changed.
    pub fn shops(&self, shops: Shops) {
        self.inbox.follow_up(Told::Shops(shops));
    }

    /// A customer of a shop was erased: has every text of the shop forgotten, and answers when that is done.
    pub fn forget(&self, shop: ShopId) -> oneshot::Receiver<()> {
        let (done, answer) = oneshot::channel();
        self.inbox.follow_up(Told::Forget(shop, done));
        answer
    }

    /// Asks until `drain` is cancelled. What is not answered then is asked anew after the restart.
    pub async fn run(self, shops: Shops, ways: Ways, drain: CancellationToken) {
        let mut served = serve(&shops, BTreeMap::new());
        let mut running = JoinSet::new();
        let mut batch = Vec::new();
        loop {
            tokio::select! {
                biased;
                Some(_) = running.join_next(), if !running.is_empty() => {}
                () = self.inbox.take(&mut batch, BATCH_MAX) => {}
                () = drain.cancelled() => return,
            }
            for told in batch.drain(..) {
                match told {
                    Told::Translate(text) => {
                        let engines = served.get(&text.shop).cloned();
                        running.spawn(translate(engines, text, ways.clone()));
                    }
                    Told::Shops(shops) => served = serve(&shops, served),
                    Told::Forget(shop, done) => {
                        served.get(&shop).into_iter().for_each(|it| it.desk.forget());
                        // Who asked for it may be gone.
                        let _ = done.send(());
                    }
                }
            }
        }
    }
}

/// The engines of every shop that has some; those that have not changed stay, with what they remember.
fn serve(
    shops: &Shops,
    mut before: BTreeMap<ShopId, Arc<Served>>,
) -> BTreeMap<ShopId, Arc<Served>> {
    let engines = |shop: &Arc<Shop>| -> Option<(ShopId, Arc<Served>)> {
        let translators = &shop.translators;
        translators.reads()?;
        let known = before.remove(&shop.id).filter(|it| it.translators == *translators);
        let served = match known {
            Some(known) => known,
            None => Arc::new(
                Served::new(translators.clone())
                    .inspect_err(|error| {
                        tracing::error!(shop = %shop.id, %error, "nothing can be translated");
                    })
                    .ok()?,
            ),
        };
        Some((shop.id.clone(), served))
    };
    shops.values().filter_map(engines).collect()
}

impl Served {
    fn new(translators: Translators) -> Result<Self, EngineError> {
        Ok(Self {
            desk: Desk::of(&translators)?,
            translators,
            texts: Arc::new(Semaphore::new(TEXTS_MAX)),
            calls: Semaphore::new(CALLS_MAX),
        })
    }

    async fn say(&self, text: &ToTranslate) -> Said {
        let Ok(_place) = self.texts.try_acquire() else {
            return Said::AsWritten(Untranslated::Busy);
        };
        // It closes never.
        let _turn = self.calls.acquire().await;
        match self.desk.translate(&text.text, text.pair.from, text.pair.to).await {
            Ok(said) => Said::Anew { text: said.text, by: said.engine },
            Err(error) => Said::AsWritten(reason(&error)),
        }
    }
}

async fn translate(engines: Option<Arc<Served>>, text: ToTranslate, ways: Ways) {
    let began = Instant::now();
    let said = match engines {
        Some(engines) => {
            let until = ways.clock.tokio_instant(text.until);
            let said = tokio::time::timeout_at(until, engines.say(&text)).await;
            said.unwrap_or(Said::AsWritten(Untranslated::Late))
        }
        None => Said::AsWritten(Untranslated::NoEngine),
    };
    ways.metrics.record(Histogram::Translate, began.elapsed());
    let translated = Translated { pair: text.pair, said };
    match text.of {
        TextOf::Message { conversation, seq } => {
            let came = TranslationCame { conversation, seq, translated };
            let envelope = Envelope { caused_at: began, input: Input::Translated(came) };
            ways.owners.follow_up(ways.owners.of_conversation(conversation), envelope);
        }
        TextOf::Answer { ask } => {
            let result = result(&translated);
            ways.metrics.count(Counter::Translated(TranslatedFor::Many, result));
            ways.incidents.translated(text.shop, ask, translated);
        }
    }
}

fn reason(error: &TranslateError) -> Untranslated {
    match error {
        TranslateError::TooLong | TranslateError::Table => Untranslated::Unfit,
        TranslateError::Busy => Untranslated::Busy,
        TranslateError::NoEngine => Untranslated::NoEngine,
        TranslateError::Engine { error, .. } => match error {
            EngineError::Pair { .. } => Untranslated::Pair,
            EngineError::Late => Untranslated::Late,
            EngineError::Busy { .. } => Untranslated::Busy,
            _ => Untranslated::Failed,
        },
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::shop::ShopFiles;
    use crate::domain::{ConversationId, CustomerId, CustomerKey, Language, Pair};

    #[tokio::test]
    async fn more_texts_of_a_shop_than_may_wait_stay_as_they_were_written_at_once() {
        // Whoever connects waits for ever.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let mut files = ShopFiles::demo();
        files.0.get_mut("shop.toml").expect("the file").push_str(&format!(
            "\n[[translation.engines]]\nkind = \"libretranslate\"\nurl = \"http://{address}\"\n"
        ));
        let shop = Shop::from_files(&files).expect("a shop");
        let (interpreter, clock) = (Interpreter::new(), Clock::start());
        let key = CustomerKey::of(&shop.id, &CustomerId::from("v"));
        for seq in 0..=TEXTS_MAX as u64 {
            interpreter.translate(ToTranslate {
                shop: shop.id.clone(),
                of: TextOf::Message { conversation: ConversationId::new(1, key, 1), seq },
                text: "Where is it?".into(),
                pair: Pair { from: Language::ENGLISH, to: "de".parse().expect("a language") },
                until: clock.now() + Duration::from_secs(60),
            });
        }
        let owners = Owners::new(1, 1);
        let ways = Ways {
            owners: owners.clone(),
            incidents: Incidents::new(),
            clock,
            metrics: Arc::new(Metrics::new().expect("metrics")),
        };
        let shops: Shops = Arc::new([(shop.id.clone(), Arc::new(shop))].into_iter().collect());
        let drain = CancellationToken::new();

        let asking = tokio::spawn(interpreter.run(shops, ways, drain.clone()));
        let came = owners.first_of(0).await;

        drain.cancel();
        asking.await.expect("it ends");
        let Input::Translated(came) = came.input else { panic!("not a translation") };
        assert_eq!(came.translated.said, Said::AsWritten(Untranslated::Busy));
    }
}
