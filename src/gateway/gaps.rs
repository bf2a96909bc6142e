//! What to write next: the questions of a shop that no article answered, alike ones together.

use std::sync::Arc;

use serde::Serialize;
use tokio::sync::{Semaphore, oneshot};

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

/// Puts the lists together, one at a time: each costs a core some tens of milliseconds.
pub struct Gaps {
    model: Arc<Model>,
    turn: Arc<Semaphore>,
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
        Self { model, turn: Arc::new(Semaphore::new(1)) }
    }

    /// The list of a shop, of the conversations that `owners` keep. Personal data is masked.
    ///
    /// # Errors
    /// When another list is being put together, or the router stops.
    pub async fn of(&self, owners: &Owners, shop: ShopId) -> Result<GapsTold, Refused> {
        let turn = self.turn.clone().try_acquire_owned().map_err(|_| {
            Refused::new(ErrorCode::Overloaded, "another such list is being put together")
        })?;
        let stopping = || Refused::new(ErrorCode::Unavailable, "the router is stopping");
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
        let model = self.model.clone();
        let work = move || {
            let _turn = turn;
            put_together(shop, asked, &model)
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| stopping())
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

    #[tokio::test]
    async fn one_list_is_put_together_at_a_time() {
        let gaps = Gaps::new(Model::embedded().expect("the shipped model"));
        let turn = gaps.turn.clone().try_acquire_owned().expect("nobody has it");

        let refused = gaps.of(&Owners::new(1, 8), ShopId::from("demo")).await;

        assert_eq!(refused.expect_err("busy").code(), ErrorCode::Overloaded);
        drop(turn);
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
