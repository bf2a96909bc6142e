//! Answers for many in the languages that nobody wrote them in: translated once for each language, and
//! given to whoever waits for it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::super::input::ForMany;
use super::super::translated::{TextOf, ToTranslate};
use crate::domain::{
    ConversationId, Language, Pair, Said, ShopId, Timestamp, Translated, Untranslated,
};
use crate::incidents::ClusterId;

/// What was asked of the engines for one shop, and what they said.
#[derive(Default)]
pub(super) struct Spoken {
    languages: BTreeMap<(ClusterId, Language), Spoke>,
    /// Of incidents that are part of another one by now, which has an answer of its own: for whoever waits for
    /// them still, and for nobody else.
    outlived: Vec<Spoke>,
    /// Who translates for the shop takes so long at most; `None` where nobody does.
    wait_max: Option<Duration>,
    to_translate: Vec<(u64, ForMany, Pair)>,
    asks: u64,
}

enum Spoke {
    Asked { ask: u64, pair: Pair, until: Option<Timestamp>, waiting: Vec<ForMany> },
    Done(Translated),
}

impl Spoken {
    /// Whether anybody translates, and for how long an answer waits for it.
    pub fn set_wait(&mut self, wait_max: Option<Duration>) {
        self.wait_max = wait_max;
    }

    /// Whether anybody translates.
    pub fn translates(&self) -> bool {
        self.wait_max.is_some()
    }

    /// Takes an answer for a customer who reads `language`. Gives it back if it can be given now; else
    /// it waits.
    pub fn give(
        &mut self,
        incident: ClusterId,
        answer: ForMany,
        language: Language,
    ) -> Option<ForMany> {
        if answer.language == language {
            return Some(answer);
        }
        let pair = Pair { from: answer.language, to: language };
        if !self.translates() {
            let said = Said::AsWritten(Untranslated::NoEngine);
            return Some(with(&Translated { pair, said }, answer));
        }
        match self.languages.get_mut(&(incident, language)) {
            Some(Spoke::Done(translated)) => Some(with(translated, answer)),
            Some(Spoke::Asked { waiting, .. }) => {
                waiting.push(answer);
                None
            }
            None => {
                self.asks += 1;
                self.to_translate.push((self.asks, answer.clone(), pair));
                let waiting = vec![answer];
                let asked = Spoke::Asked { ask: self.asks, pair, until: None, waiting };
                self.languages.insert((incident, language), asked);
                None
            }
        }
    }

    /// What is to be asked of the engines from now on.
    pub fn take_to_translate(&mut self, now: Timestamp, shop: &ShopId) -> Vec<ToTranslate> {
        let until = now + self.wait_max.unwrap_or_default();
        for spoke in self.all_mut() {
            if let Spoke::Asked { until: end @ None, .. } = spoke {
                *end = Some(until);
            }
        }
        let asked = self.to_translate.drain(..).map(|(ask, answer, pair)| {
            let (shop, of) = (shop.clone(), TextOf::Answer { ask });
            ToTranslate { shop, of, text: answer.text, pair, until }
        });
        asked.collect()
    }

    /// Takes what came of a question to the engines. Gives the answers that waited for it.
    pub fn came(&mut self, ask: u64, translated: &Translated) -> Vec<ForMany> {
        let is_it =
            |spoke: &Spoke| matches!(spoke, Spoke::Asked { ask: asked, .. } if *asked == ask);
        let found = self.all_mut().find(|spoke| is_it(spoke));
        let answers = found.map_or_else(Vec::new, |spoke| settle(spoke, translated));
        self.drop_outlived();
        answers
    }

    /// Gives the answers that have waited for too long, as they were written.
    pub fn late(&mut self, now: Timestamp) -> Vec<ForMany> {
        let mut answers = Vec::new();
        for spoke in self.all_mut() {
            if let Spoke::Asked { until: Some(until), pair, .. } = spoke
                && *until <= now
            {
                let said = Said::AsWritten(Untranslated::Late);
                let translated = Translated { pair: *pair, said };
                answers.extend(settle(spoke, &translated));
            }
        }
        self.drop_outlived();
        answers
    }

    /// When [`Self::late`] next has something.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let until = |spoke: &Spoke| match spoke {
            Spoke::Asked { until, .. } => *until,
            Spoke::Done(_) => None,
        };
        self.languages.values().chain(&self.outlived).filter_map(until).min()
    }

    /// Languages in which the answer of an incident was not said, so that their customers got it as it
    /// was written.
    pub fn untranslated(&self, incident: ClusterId) -> Vec<Language> {
        let all = self.languages.iter().filter(|((of, _), _)| *of == incident);
        let failed = all.filter(|(_, spoke)| {
            matches!(spoke, Spoke::Done(Translated { said: Said::AsWritten(_), .. }))
        });
        failed.map(|((_, language), _)| *language).collect()
    }

    /// A conversation follows nothing any more: it gets no answer that still waits.
    pub fn leave(&mut self, conversation: ConversationId) {
        for spoke in self.all_mut() {
            if let Spoke::Asked { waiting, .. } = spoke {
                waiting.retain(|answer| answer.conversation != conversation);
            }
        }
        self.drop_outlived();
    }

    /// As [`Self::close`], for every incident of which `is_open` does not hold.
    pub fn close_others(&mut self, is_open: impl Fn(ClusterId) -> bool) -> Vec<ForMany> {
        let all = self.languages.keys().map(|(incident, _)| *incident);
        let over: BTreeSet<ClusterId> = all.filter(|incident| !is_open(*incident)).collect();
        over.into_iter().flat_map(|incident| self.close(incident)).collect()
    }

    /// An incident is over. Gives the answers that still waited, as they were written.
    pub fn close(&mut self, incident: ClusterId) -> Vec<ForMany> {
        self.take(incident).into_values().flat_map(as_written).collect()
    }

    /// Gives all answers that still wait, as they were written.
    pub fn close_all(&mut self) -> Vec<ForMany> {
        let mut answers = self.close_others(|_| false);
        answers.extend(self.outlived.drain(..).flat_map(as_written));
        answers
    }

    /// An incident has become part of another, and its answer, if it had one, is that of both.
    pub fn go_on_as(&mut self, incident: ClusterId, into: ClusterId) {
        let taken = self.take(incident).into_iter();
        self.languages.extend(taken.map(|(language, spoke)| ((into, language), spoke)));
    }

    /// An incident has become part of another with an answer of its own: whoever waits for that of the first
    /// gets it once it is translated.
    pub fn outlive(&mut self, incident: ClusterId) {
        let taken = self.take(incident).into_values();
        self.outlived.extend(taken);
        self.drop_outlived();
    }

    fn take(&mut self, incident: ClusterId) -> BTreeMap<Language, Spoke> {
        let taken = self.languages.extract_if(.., |(of, _), _| *of == incident);
        taken.map(|((_, language), spoke)| (language, spoke)).collect()
    }

    fn all_mut(&mut self) -> impl Iterator<Item = &mut Spoke> {
        self.languages.values_mut().chain(&mut self.outlived)
    }

    /// Forgets those that nobody waits for.
    fn drop_outlived(&mut self) {
        let waits = |it: &Spoke| matches!(it, Spoke::Asked { waiting, .. } if !waiting.is_empty());
        self.outlived.retain(waits);
    }
}

/// The answers that wait for a translation, without it.
fn as_written(mut spoke: Spoke) -> Vec<ForMany> {
    let Spoke::Asked { pair, .. } = spoke else { return Vec::new() };
    let said = Said::AsWritten(Untranslated::Late);
    settle(&mut spoke, &Translated { pair, said })
}

fn settle(spoke: &mut Spoke, translated: &Translated) -> Vec<ForMany> {
    match std::mem::replace(spoke, Spoke::Done(translated.clone())) {
        Spoke::Asked { waiting, .. } => {
            waiting.into_iter().map(|answer| with(translated, answer)).collect()
        }
        Spoke::Done(_) => Vec::new(),
    }
}

fn with(translated: &Translated, answer: ForMany) -> ForMany {
    ForMany { translated: Some(translated.clone()), ..answer }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{CustomerId, CustomerKey, SeatId};

    fn language(code: &str) -> Language {
        code.parse().expect("a language")
    }

    fn answer(number: u64) -> ForMany {
        let key = CustomerKey::of(&ShopId::from("demo"), &CustomerId::from("v"));
        ForMany {
            conversation: ConversationId::new(1, key, number),
            incident: 3,
            seat: SeatId::from("lucia"),
            text: "It is back at noon.".into(),
            language: language("en"),
            translated: None,
            by: "topic",
        }
    }

    fn spoken() -> Spoken {
        Spoken { wait_max: Some(Duration::from_secs(3)), ..Spoken::default() }
    }

    #[test]
    fn a_thousand_who_read_one_language_cost_one_question_and_late_joiners_none() {
        let (mut spoken, incident, start) = (spoken(), ClusterId(3), Timestamp::from_millis(5));
        let thai = language("th");
        for number in 0..1_000 {
            assert_eq!(spoken.give(incident, answer(number), thai), None);
        }
        assert_eq!(spoken.give(incident, answer(1_000), language("en")), Some(answer(1_000)));

        let asked = spoken.take_to_translate(start, &ShopId::from("demo"));
        assert_eq!(asked.len(), 1);
        let TextOf::Answer { ask } = asked[0].of else { panic!("no answer") };
        let said = Said::Anew { text: "เที่ยง".into(), by: "libretranslate".into() };
        let translated = Translated { pair: asked[0].pair, said };
        let given = spoken.came(ask, &translated);
        assert_eq!(given.len(), 1_000);
        assert!(given.iter().all(|it| it.translated.as_ref() == Some(&translated)));

        let joiner = spoken.give(incident, answer(1_001), thai).expect("at once");
        assert_eq!(joiner.translated, Some(translated));
        assert_eq!(spoken.next_deadline(), None);
    }

    #[test]
    fn what_does_not_come_in_time_is_given_as_it_was_written_and_once() {
        let (mut spoken, incident, start) = (spoken(), ClusterId(3), Timestamp::from_millis(5));
        assert_eq!(spoken.give(incident, answer(1), language("th")), None);
        let asked = spoken.take_to_translate(start, &ShopId::from("demo"));
        let TextOf::Answer { ask } = asked[0].of else { panic!("no answer") };

        assert!(spoken.late(start + Duration::from_millis(2_999)).is_empty());
        let late = spoken.late(start + Duration::from_secs(3));

        let said = Said::AsWritten(Untranslated::Late);
        let wanted = Translated { pair: asked[0].pair, said };
        assert_eq!(late.iter().map(|it| it.translated.clone()).collect::<Vec<_>>(), [Some(wanted)]);
        let said = Said::Anew { text: "เที่ยง".into(), by: "libretranslate".into() };
        assert!(spoken.came(ask, &Translated { pair: asked[0].pair, said }).is_empty());
        assert_eq!(spoken.untranslated(incident), [language("th")]);
    }

    #[test]
    fn an_incident_that_ends_lets_go_of_who_waits_and_the_next_is_asked_for_anew() {
        let (mut spoken, incident) = (spoken(), ClusterId(3));
        assert_eq!(spoken.give(incident, answer(1), language("th")), None);
        let start = Timestamp::from_millis(5);
        let before = spoken.take_to_translate(start, &ShopId::from("demo"));

        assert_eq!(spoken.close(incident).len(), 1);

        assert_eq!(spoken.give(incident, answer(2), language("th")), None);
        let TextOf::Answer { ask } = before[0].of else { panic!("no answer") };
        let said = Said::Anew { text: "old".into(), by: "libretranslate".into() };
        assert!(spoken.came(ask, &Translated { pair: before[0].pair, said }).is_empty());
        assert_eq!(spoken.take_to_translate(start, &ShopId::from("demo")).len(), 1);
    }
}
