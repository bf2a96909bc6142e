//! What a seat does about incidents, and what follows where it is about two of them.

use std::collections::BTreeMap;

use super::super::input::ForMany;
use super::{ShopBoard, Unkept};
use crate::domain::{ConversationId, Language};
use crate::incidents::{ClusterId, NotTwo};
use crate::protocol::ErrorCode;

/// What a seat does about incidents.
#[derive(Clone, Debug)]
pub enum IncidentAct {
    /// Wants to see them from now on, or no longer.
    Watch(bool),
    /// Says who of those that it was shown belongs to the incident, and who does not.
    Confirm {
        /// Which.
        incident: ClusterId,
        /// Who does.
        conversations: Vec<ConversationId>,
        /// Who does not.
        wrong: Vec<ConversationId>,
    },
    /// Answers everybody who is confirmed.
    Answer {
        /// Which.
        incident: ClusterId,
        /// The text in each language.
        texts: BTreeMap<Language, String>,
        /// The language of the text for everybody else.
        fallback: Language,
    },
    /// Says that it is the same as another, and makes the two one.
    Join {
        /// Which is no more.
        incident: ClusterId,
        /// Which it becomes part of.
        into: ClusterId,
    },
    /// Says that it is not the same as another.
    Part {
        /// Which.
        incident: ClusterId,
        /// Which other.
        from: ClusterId,
    },
    /// Closes it.
    Close(ClusterId),
}

impl ShopBoard {
    /// Makes an incident part of another. Gives the answers that customers get by it.
    pub(super) fn join(
        &mut self,
        incident: ClusterId,
        into: ClusterId,
    ) -> Result<Vec<ForMany>, (ErrorCode, String)> {
        let had_answer = self.live.get(into).is_some_and(|it| it.answer.is_some());
        let reached = self.live.make_one(incident, into).map_err(refusal)?;
        if had_answer {
            self.spoken.outlive(incident);
        } else {
            self.spoken.go_on_as(incident, into);
        }
        self.has_changed = true;
        self.unkept = Unkept::Decisions;
        let answer = self.live.get(into).and_then(|it| it.answer.clone());
        Ok(answer.map(|answer| self.reach(into, &answer, reached)).unwrap_or_default())
    }

    /// Keeps two incidents apart. Nobody gets an answer by it.
    pub(super) fn part(
        &mut self,
        incident: ClusterId,
        from: ClusterId,
    ) -> Result<Vec<ForMany>, (ErrorCode, String)> {
        self.live.keep_apart(incident, from).map_err(refusal)?;
        self.has_changed = true;
        self.unkept = Unkept::Decisions;
        Ok(Vec::new())
    }
}

fn refusal(reason: NotTwo) -> (ErrorCode, String) {
    let code = match reason {
        NotTwo::Unknown => ErrorCode::NotFound,
        NotTwo::One | NotTwo::NoRoom => ErrorCode::Conflict,
    };
    (code, reason.to_string())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::super::tests::{Incident, at, conversation, question, shop};
    use super::super::{Report, Standing, ToTranslate};
    use super::*;
    use crate::domain::{Meaning, Sensed};
    use crate::incidents::{Print, Question};

    /// As much like one another as may be the same, and less than joins.
    const KINDS: [[f32; 2]; 2] = [[1.0, 0.0], [0.6, 0.8]];
    const OF_OLDER: [u64; 5] = [10, 11, 12, 13, 14];
    const OF_YOUNGER: [u64; 5] = [15, 16, 17, 18, 19];

    fn asks(n: u64, point: [f32; 2]) -> Question {
        // They name nothing, and none is a copy of another.
        let text = char::from(b'a' + n as u8).to_string().repeat(20);
        let sensed = Sensed { point: point.to_vec(), ..Sensed::default() };
        let print = Print::of_text(&text, Language::ENGLISH, &Meaning::default(), Some(&sensed));
        Question { print: Arc::new(print), ..question(n, &text) }
    }

    fn ids(given: &[ForMany]) -> Vec<ConversationId> {
        given.iter().map(|it| it.conversation).collect()
    }

    /// Two open incidents that may be one, of five customers each, beside the one of three that it is driven
    /// with.
    struct Two {
        incident: Incident,
        older: ClusterId,
        younger: ClusterId,
    }

    impl Two {
        fn open() -> Self {
            let mut incident = Incident::of(3);
            let mut opens = |of: [u64; 5], point| {
                let joined = of.map(|n| incident.live().ask(at(n), &asks(n, point)));
                let last = joined.into_iter().flatten().last().expect("five");
                assert_eq!(last.standing, Standing::Open);
                last.cluster
            };
            let older = opens(OF_OLDER, KINDS[0]);
            let younger = opens(OF_YOUNGER, KINDS[1]);
            Self { incident, older, younger }
        }

        fn act(&mut self, act: IncidentAct) -> Vec<ForMany> {
            self.incident.board.act(&self.incident.lucia.clone(), None, act)
        }

        fn join(&mut self, incident: ClusterId, into: ClusterId) -> Vec<ForMany> {
            self.act(IncidentAct::Join { incident, into })
        }

        /// A seat says that these belong to it, and answers in a language that none of them reads.
        fn answer(&mut self, id: ClusterId, whom: &[u64]) -> ToTranslate {
            self.confirm(id, whom);
            self.incident.id = id;
            self.incident.answer()
        }

        fn confirm(&mut self, id: ClusterId, whom: &[u64]) {
            self.incident.id = id;
            self.incident.confirm(whom.iter().copied().map(conversation).collect(), Vec::new());
        }

        /// Who is confirmed later gets the translation that there is.
        fn gets_it_later(&mut self, incident: ClusterId, n: u64) {
            let conversations = vec![conversation(n)];
            let act = IncidentAct::Confirm { incident, conversations, wrong: Vec::new() };
            let given = self.act(act);
            assert_eq!(ids(&given), [conversation(n)]);
            assert!(given[0].translated.is_some());
        }

        fn row(&mut self, seconds: u64, id: ClusterId) -> Option<Value> {
            let frame = self.incident.shown(at(seconds));
            let rows = frame["incidents"].as_array().expect("incidents");
            rows.iter().find(|row| row["incident"] == id.0).cloned()
        }

        /// The code by which what a seat does is refused.
        fn refused(&mut self, act: IncidentAct) -> Value {
            assert!(self.act(act).is_empty());
            self.incident.last_shown(at(0))["code"].clone()
        }
    }

    #[test]
    fn a_seat_is_shown_that_an_incident_may_be_another_until_it_makes_them_one() {
        let mut two = Two::open();
        let (older, younger) = (two.older, two.younger);
        let row = two.row(100, younger).expect("it is open");
        assert_eq!(row["same_as"], older.0);
        assert_eq!(two.row(101, older).expect("it is open")["same_as"], json!(null));
        two.incident.board.take_to_keep(at(101), false);

        assert!(two.join(younger, older).is_empty(), "there is no answer");

        let row = two.row(102, older).expect("it is open");
        assert_eq!((&row["followers"], &row["same_as"]), (&json!(10), &json!(null)));
        assert_eq!(two.row(103, younger), None);
        assert_eq!(two.incident.board.take_to_keep(at(103), false).len(), 1, "it is kept at once");
    }

    #[test]
    fn a_seat_that_says_that_they_are_not_the_same_is_shown_that_no_more() {
        let mut two = Two::open();
        let (older, younger) = (two.older, two.younger);

        assert!(two.act(IncidentAct::Part { incident: younger, from: older }).is_empty());

        let row = two.row(100, younger).expect("it is open");
        assert_eq!((&row["followers"], &row["same_as"]), (&json!(5), &json!(null)));
    }

    #[test]
    fn the_answer_of_either_goes_to_who_is_confirmed_in_both_once_it_is_translated() {
        for answers_the_older in [true, false] {
            let mut two = Two::open();
            let (older, younger) = (two.older, two.younger);
            two.confirm(older, &OF_OLDER[..2]);
            two.confirm(younger, &OF_YOUNGER[..2]);
            let answered = if answers_the_older { older } else { younger };
            let asked = two.answer(answered, &[]);

            assert!(two.join(younger, older).is_empty(), "all wait for Spanish");
            assert!(two.incident.board.on_timer(at(61)).is_empty(), "nobody gets it as written");

            let mut reached = two.incident.reached(&asked);
            reached.sort();
            assert_eq!(reached, [10, 11, 15, 16].map(conversation));
            two.gets_it_later(older, 12);
        }
    }

    #[test]
    fn who_waits_for_the_answer_of_an_incident_that_is_no_more_gets_that_and_not_the_other() {
        let mut two = Two::open();
        let (older, younger) = (two.older, two.younger);
        let of_older = two.answer(older, &OF_OLDER[..2]);
        let of_younger = two.answer(younger, &OF_YOUNGER[..3]);

        assert!(two.join(younger, older).is_empty());
        two.incident.board.report(at(61), Report::Left(shop(), conversation(16)));
        assert!(two.incident.board.on_timer(at(61)).is_empty(), "they wait on");

        assert_eq!(two.incident.reached(&of_younger), [15, 17].map(conversation));
        assert_eq!(two.incident.reached(&of_older), [10, 11].map(conversation));
        assert!(two.incident.board.give_what_waits().is_empty());
    }

    #[test]
    fn who_waits_for_the_answer_of_an_incident_that_is_no_more_gets_it_as_written_at_the_latest() {
        for stops in [true, false] {
            let mut two = Two::open();
            let (older, younger) = (two.older, two.younger);
            let of_older = two.answer(older, &OF_OLDER[..1]);
            two.incident.reached(&of_older);
            two.answer(younger, &OF_YOUNGER[..2]);
            two.join(younger, older);

            let board = &mut two.incident.board;
            let late = board.shops[&shop()].spoken.next_deadline().expect("they wait");
            let given = if stops { board.give_what_waits() } else { board.on_timer(late) };

            assert_eq!(ids(&given), [15, 16].map(conversation));
            assert_eq!(board.shops[&shop()].spoken.next_deadline(), None);
        }
    }

    #[test]
    fn what_cannot_be_made_one_or_kept_apart_is_refused_with_the_reason() {
        let mut two = Two::open();
        let (older, younger) = (two.older, two.younger);
        let gone = ClusterId(77);

        let join = |incident, into| IncidentAct::Join { incident, into };
        let part = |incident, from| IncidentAct::Part { incident, from };
        assert_eq!(two.refused(join(gone, older)), "not_found");
        assert_eq!(two.refused(join(younger, gone)), "not_found");
        assert_eq!(two.refused(part(younger, gone)), "not_found");
        assert_eq!(two.refused(join(older, older)), "conflict");
        assert_eq!(two.refused(part(older, older)), "conflict");
    }
}
