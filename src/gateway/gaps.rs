//! What to write next: the questions of a shop that no article answered, alike ones together.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

use crate::domain::ShopId;
use crate::flow::{Input, Owners, UnansweredQuestion, WantsUnanswered, shown_question};
use crate::knowledge::gaps::{Gap, Unanswered, gaps};
use crate::protocol::ErrorCode;
use crate::understand::{Model, Scratch};

use super::problem::Refused;

/// Questions that are looked at; of more, the latest.
const QUESTIONS_MAX: usize = 1_000;
/// Gaps that are told, those that are asked most often.
const GAPS_MAX: usize = 20;
/// Longest that the owners may take to tell what was asked, and that a list then waits for its turn.
const WAIT_MAX: Duration = Duration::from_secs(2);

/// Puts the lists together, one at a time, as each keeps a core busy; and for each shop one at a time, so that
/// no shop takes the turns of the others.
pub struct Gaps {
    model: Arc<Model>,
    turn: Arc<Semaphore>,
    shops: Arc<Mutex<BTreeSet<ShopId>>>,
}

/// The list of a shop.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GapsTold {
    shop: ShopId,
    /// Questions that were looked at.
    questions: usize,
    gaps: Vec<Gap>,
}

impl Gaps {
    /// Compares questions by the vectors of this model.
    pub fn new(model: Arc<Model>) -> Self {
        Self { model, turn: Arc::new(Semaphore::new(1)), shops: Arc::default() }
    }

    /// The list of a shop, of the conversations that `owners` keep. Personal data is masked.
    ///
    /// # Errors
    /// When the list of this shop is being put together, when owners or other lists take too long, or the
    /// router stops.
    pub async fn of(&self, owners: &Owners, shop: ShopId) -> Result<GapsTold, Refused> {
        let busy = |why| Refused::new(ErrorCode::Overloaded, why);
        let of_shop = TurnOfShop::take(&self.shops, &shop)
            .ok_or_else(|| busy("this list is being put together already"))?;
        let asked = timeout(WAIT_MAX, asked_in_vain(owners, &shop)).await;
        let asked = asked.map_err(|_| busy("the conversations are busy"))??;
        let turn = timeout(WAIT_MAX, self.turn.clone().acquire_owned()).await;
        let turn = turn.map_err(|_| busy("other such lists are being put together"))?;
        let turn = turn.map_err(|_| stopping())?;
        let model = self.model.clone();
        let work = move || {
            let _turns = (of_shop, turn);
            put_together(shop, asked, &model)
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| stopping())
    }
}

fn stopping() -> Refused {
    Refused::new(ErrorCode::Unavailable, "the router is stopping")
}

/// What the owners know of a shop.
async fn asked_in_vain(owners: &Owners, shop: &ShopId) -> Result<Vec<UnansweredQuestion>, Refused> {
    let mut replies = Vec::new();
    owners.tell_all(|| {
        let (reply, asked) = oneshot::channel();
        replies.push(asked);
        Input::Unanswered(WantsUnanswered { shop: shop.clone(), reply })
    });
    let mut asked = Vec::new();
    for reply in replies {
        asked.extend(reply.await.map_err(|_| stopping())?);
    }
    Ok(asked)
}

/// That the list of a shop is being put together, until it is dropped.
struct TurnOfShop {
    shops: Arc<Mutex<BTreeSet<ShopId>>>,
    shop: ShopId,
}

impl TurnOfShop {
    /// `None` while somebody has it.
    fn take(shops: &Arc<Mutex<BTreeSet<ShopId>>>, shop: &ShopId) -> Option<Self> {
        let is_first = shops.lock().insert(shop.clone());
        is_first.then(|| Self { shops: shops.clone(), shop: shop.clone() })
    }
}

impl Drop for TurnOfShop {
    fn drop(&mut self) {
        self.shops.lock().remove(&self.shop);
    }
}

fn put_together(shop: ShopId, mut asked: Vec<UnansweredQuestion>, model: &Model) -> GapsTold {
    asked.sort_by_key(|question| question.at);
    asked.drain(..asked.len().saturating_sub(QUESTIONS_MAX));
    let mut scratch = Scratch::default();
    let with_vector = |UnansweredQuestion { at, text, intent, language }| {
        let text = shown_question(&text);
        let vector = model.meaning(&text, &mut scratch).vector;
        Unanswered { at, text, language, intent, vector }
    };
    let questions: Vec<Unanswered> = asked.into_iter().map(with_vector).collect();
    let mut gaps = gaps(&questions);
    gaps.truncate(GAPS_MAX);
    GapsTold { shop, questions: questions.len(), gaps }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Intent, Language, Timestamp};

    fn asked(second: u64, text: &str) -> UnansweredQuestion {
        UnansweredQuestion {
            at: Timestamp::from_millis(second * 1_000),
            text: text.to_owned(),
            intent: Intent::ProductQuestion,
            language: Language::ENGLISH,
        }
    }

    #[test]
    fn alike_questions_of_all_owners_are_one_gap_without_personal_data() {
        let model = Model::embedded().expect("the shipped model");
        let questions = vec![
            asked(9, "Which leather is this belt made of?"),
            asked(3, "which leather is the belt made of? write to ana.lopez@example.com"),
        ];

        let told = put_together(ShopId::from("demo"), questions, &model);

        let [gap] = &told.gaps[..] else { panic!("{told:#?}") };
        assert_eq!((gap.intent, gap.questions), (Intent::ProductQuestion, 2));
        assert_eq!((gap.since.as_millis(), gap.last.as_millis()), (3_000, 9_000));
        assert!(!gap.examples.concat().contains("ana.lopez"), "{:?}", gap.examples);
    }

    #[test]
    fn a_gap_is_about_what_its_conversations_took_the_questions_for() {
        let model = Model::embedded().expect("the shipped model");
        let language: Language = "yo".parse().expect("a language");
        let question = UnansweredQuestion { language, ..asked(1, "I want my money back, now!") };

        let told = put_together(ShopId::from("demo"), vec![question], &model);

        assert_eq!(told.gaps[0].intent, Intent::ProductQuestion);
        assert_eq!(told.gaps[0].languages.get(&language), Some(&1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_list_that_waits_for_its_conversations_stands_in_the_way_of_no_other_shop() {
        let gaps = Gaps::new(Model::embedded().expect("the shipped model"));
        // Nobody answers.
        let owners = Owners::new(1, 8);
        let why = |refused: Result<GapsTold, Refused>| format!("{:?}", refused.expect_err("busy"));
        let of = |shop| gaps.of(&owners, ShopId::from(shop));

        let (one, again, other) = tokio::join!(of("one"), of("one"), of("other"));

        assert!(why(again).contains("already"));
        assert!(why(one).contains("conversations are busy"));
        assert!(why(other).contains("conversations are busy"), "it had its turn");
        assert!(why(of("one").await).contains("conversations are busy"), "it has its turn again");
        assert_eq!(gaps.turn.available_permits(), 1);
    }

    #[test]
    fn only_so_many_questions_are_looked_at_and_those_are_the_latest() {
        let model = Model::embedded().expect("the shipped model");
        let questions = (0..QUESTIONS_MAX as u64 + 5).map(|second| asked(second, "Is it vegan?"));

        let told = put_together(ShopId::from("demo"), questions.collect(), &model);

        assert_eq!((told.questions, told.gaps.len()), (QUESTIONS_MAX, 1));
        assert_eq!(told.gaps[0].since.as_millis(), 5_000);
    }
}
