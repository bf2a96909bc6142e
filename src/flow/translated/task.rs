//! Asks the engines of shops off the owners' turns, and hands what came of it back to whoever asked.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use ahash::AHashMap;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::{AbortHandle, Id, JoinSet};
use tokio_util::sync::CancellationToken;

use super::keeping::Keeping;
use super::phrasebook::Phrasebook;
use super::{PhraseStore, PhrasesCame, TextOf, ToTranslate, TranslationCame, result};
use crate::automate::Phrases;
use crate::config::shop::{Shop, Translators};
use crate::domain::{ConversationId, Language, Said, ShopId, Translated, Untranslated};
use crate::flow::incidents::Incidents;
use crate::flow::input::{Envelope, Input};
use crate::flow::shard::Shops;
use crate::flow::task::Owners;
use crate::metrics::Metrics;
use crate::metrics::names::{Counter, Histogram, TranslatedFor};
use crate::runtime::{Clock, Inbox, OpenWeb};
use crate::translate::{CALLS_MAX, Desk, EngineError, TranslateError, Translation};

/// What one turn of the task takes in.
const BATCH_MAX: usize = 256;
/// Phrases of one shop that are being translated, or wait for a call beside messages.
const PHRASES_MAX: usize = 1;
/// Texts of one shop that wait for their turn or are being translated; more stay as they are written.
const TEXTS_MAX: usize = 4_096;

#[derive(Debug)]
enum Told {
    Translate(ToTranslate),
    Phrases(ShopId, Language),
    Shops(Shops),
    Forget(ShopId, Vec<ConversationId>, oneshot::Sender<()>),
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
    /// The languages in which phrases are asked for: those that customers are known to write. A page may name
    /// any other as its own.
    pub languages: Arc<[Language]>,
    /// Where the ways to services that translate begin.
    pub outside: Arc<dyn OpenWeb>,
    /// Where phrases outlive the process; `None` where they do not.
    pub phrases: Option<PhraseStore>,
}

/// What came of translating the phrases of a shop.
struct Phrased {
    came: PhrasesCame,
    /// Of each phrase that was asked for, why there is none.
    results: Vec<Option<Untranslated>>,
}

impl Ways {
    /// Reads what was kept of shops that are new to the phrasebook, and gives what is whole to every owner.
    async fn read_kept(
        &self,
        keeping: &Keeping,
        shops: (&Shops, &Shops),
        phrasebook: &mut Phrasebook,
    ) {
        for came in keeping.read(self.clock.now(), shops, &self.languages, phrasebook).await {
            self.owners.tell_all(|| Input::Phrases(came.clone()));
        }
    }

    /// Gives phrases to every owner once all are there, then counts them.
    fn hand_out(&self, Phrased { came, results }: Phrased, is_whole: bool) {
        if is_whole {
            self.owners.tell_all(|| Input::Phrases(came.clone()));
        }
        for result in results {
            self.metrics.count(Counter::Translated(TranslatedFor::Phrase, result));
        }
    }
}

/// The engines of one shop.
struct Served {
    translators: Translators,
    desk: Desk,
    texts: Arc<Semaphore>,
    calls: Semaphore,
    phrases: Semaphore,
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

    /// Wants a text translated. The answer comes, unless its conversation is erased meanwhile.
    pub fn translate(&self, text: ToTranslate) {
        self.inbox.follow_up(Told::Translate(text));
    }

    /// Wants the phrases of a shop in a language that it did not write. They come to every owner, once.
    pub fn phrases(&self, shop: ShopId, language: Language) {
        self.inbox.follow_up(Told::Phrases(shop, language));
    }

    /// The shops have changed.
    pub fn shops(&self, shops: Shops) {
        self.inbox.follow_up(Told::Shops(shops));
    }

    /// A customer of a shop was erased: once the answer comes, no engine gets a text of his conversations any
    /// more, and no text of the shop is remembered.
    pub fn forget(
        &self,
        shop: ShopId,
        conversations: Vec<ConversationId>,
    ) -> oneshot::Receiver<()> {
        let (done, answer) = oneshot::channel();
        self.inbox.follow_up(Told::Forget(shop, conversations, done));
        answer
    }

    /// Asks until `drain` is cancelled. What is not answered then is asked anew after the restart.
    pub async fn run(self, mut shops: Shops, ways: Ways, drain: CancellationToken) {
        let mut phrasebook = Phrasebook::default();
        let mut keeping = Keeping::new(ways.phrases.clone());
        ways.read_kept(&keeping, (&Shops::default(), &shops), &mut phrasebook).await;
        let mut phrasing: JoinSet<Phrased> = JoinSet::new();
        let mut served = serve(&shops, BTreeMap::new(), &*ways.outside);
        let mut running = Running::default();
        let mut batch = Vec::new();
        loop {
            tokio::select! {
                biased;
                () = running.next_ends(), if !running.tasks.is_empty() => {}
                Some(phrased) = phrasing.join_next(), if !phrasing.is_empty() => {
                    // One that panics has told so, and is not asked for again.
                    if let Ok(mut phrased) = phrased {
                        let is_whole = phrasebook.take(ways.clock.now(), &shops, &mut phrased.came);
                        if is_whole.is_some() && phrased.results.iter().any(Option::is_none) {
                            keeping.want(&phrased.came.shop.id);
                        }
                        ways.hand_out(phrased, is_whole == Some(true));
                    }
                }
                () = keeping.written(), if keeping.is_writing() => {}
                () = self.inbox.take(&mut batch, BATCH_MAX) => {}
                () = drain.cancelled() => {
                    return keeping.write_all(&phrasebook, &shops).await;
                }
            }
            for told in batch.drain(..) {
                match told {
                    Told::Translate(text) => {
                        let engines = served.get(&text.shop).cloned();
                        running.start(text.of, translate(engines, text, ways.clone()));
                    }
                    Told::Phrases(shop, language) => {
                        if ways.languages.contains(&language)
                            && let (Some(shop), Some(engines)) =
                                (shops.get(&shop), served.get(&shop))
                            && let Some(known) = phrasebook.want(ways.clock.now(), shop, language)
                        {
                            phrasing.spawn(phrase(engines.clone(), shop.clone(), language, known));
                        }
                    }
                    Told::Shops(new) => {
                        served = serve(&new, served, &*ways.outside);
                        // Of a shop that goes, or has others translate now, nothing is known after this.
                        keeping.write_all(&phrasebook, &shops).await;
                        phrasebook.take_shops(&shops, &new);
                        ways.read_kept(&keeping, (&shops, &new), &mut phrasebook).await;
                        shops = new;
                    }
                    Told::Forget(shop, conversations, done) => {
                        running.stop(&conversations).await;
                        served.get(&shop).into_iter().for_each(|it| it.desk.forget());
                        // Who asked for it may be gone.
                        let _ = done.send(());
                    }
                }
            }
            keeping.begin(&phrasebook, &shops);
        }
    }
}

/// The texts that wait for engines, or that engines are asked about.
#[derive(Default)]
struct Running {
    tasks: JoinSet<()>,
    of: AHashMap<Id, (TextOf, AbortHandle)>,
}

impl Running {
    fn start(&mut self, of: TextOf, text: impl Future<Output = ()> + Send + 'static) {
        let task = self.tasks.spawn(text);
        self.of.insert(task.id(), (of, task));
    }

    /// Waits until one has ended.
    async fn next_ends(&mut self) {
        let ended = match self.tasks.join_next_with_id().await {
            Some(Ok((id, ()))) => id,
            Some(Err(error)) => error.id(),
            None => return,
        };
        self.of.remove(&ended);
    }

    /// Ends those of conversations, and waits until they have: no engine gets anything of them any more.
    async fn stop(&mut self, conversations: &[ConversationId]) {
        let is_theirs = |of: &TextOf| match of {
            TextOf::Message { conversation, .. } => conversations.contains(conversation),
            TextOf::Answer { .. } => false,
        };
        let theirs = self.of.values().filter(|(of, _)| is_theirs(of));
        let theirs: Vec<AbortHandle> = theirs.map(|(_, task)| task.clone()).collect();
        theirs.iter().for_each(AbortHandle::abort);
        while theirs.iter().any(|task| !task.is_finished()) {
            self.next_ends().await;
        }
    }
}

/// The engines of every shop that has some; those that have not changed stay, with what they remember.
fn serve(
    shops: &Shops,
    mut before: BTreeMap<ShopId, Arc<Served>>,
    outside: &dyn OpenWeb,
) -> BTreeMap<ShopId, Arc<Served>> {
    let engines = |shop: &Arc<Shop>| -> Option<(ShopId, Arc<Served>)> {
        let translators = &shop.translators;
        translators.reads()?;
        let known = before.remove(&shop.id).filter(|it| it.translators == *translators);
        let served = match known {
            Some(known) => known,
            None => Arc::new(
                Served::new(translators.clone(), outside)
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
    fn new(translators: Translators, outside: &dyn OpenWeb) -> Result<Self, EngineError> {
        Ok(Self {
            desk: Desk::of(&translators, outside)?,
            translators,
            texts: Arc::new(Semaphore::new(TEXTS_MAX)),
            calls: Semaphore::new(CALLS_MAX),
            phrases: Semaphore::new(PHRASES_MAX),
        })
    }

    /// A sentence of the shop itself, for which nobody waits.
    async fn translate_phrase(
        &self,
        text: &str,
        from: Language,
        to: Language,
    ) -> Result<Translation, Untranslated> {
        // They close never. It waits for its turn among phrases first, so that most calls are left to
        // messages.
        let _turn_of_phrase = self.phrases.acquire().await;
        let _turn = self.calls.acquire().await;
        self.desk.translate(text, from, to).await.map_err(|error| reason(&error))
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

/// Translates the phrases that are missing. What does not come, or does not fit, is left out.
async fn phrase(
    engines: Arc<Served>,
    shop: Arc<Shop>,
    language: Language,
    mut phrases: Phrases,
) -> Phrased {
    let from = shop.default_language;
    let mut results = Vec::new();
    for (phrase, text) in phrases.missing(&shop) {
        let said = engines.translate_phrase(text.as_str(), from, language).await;
        let fits = |said: Translation| {
            let fits = phrases.add(&shop, phrase, &said.text, &said.engine);
            fits.then_some(()).ok_or(Untranslated::Unfit)
        };
        results.push(said.and_then(fits).err());
    }
    let came = PhrasesCame { shop, language, phrases: Arc::new(phrases) };
    Phrased { came, results }
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
mod tests;
