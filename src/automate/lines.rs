//! Several short lines that are one question: which messages belong together, and how long what
//! follows from them waits for the next line.

use std::time::Duration;

use smallvec::SmallVec;

use crate::domain::{Event, EventKind, Language, Sender, Timestamp};

use super::answer::{Automated, WhySeat};
use super::endings::{Ending, ending};

/// Longest pause between two lines of one question. Who has been silent for longer begins anew.
const PAUSE_MAX: Duration = Duration::from_secs(20);
/// Lines of one question that are read together; of more, the last.
const LINES_MAX: usize = 12;
/// Characters that are surely read to the end: at five features each, of which the fast model takes 4,096. Of a
/// longer text it may know the beginning only. An encoder that reads less is not heard of what it has not read
/// to the end. More lines are not read together either, so that a customer of
/// many words costs the model no more than a long message does.
pub(super) const READ_CHARS_MAX: usize = 800;
/// Characters from which on a message says what it is about. It is read with short lines beside it, and not
/// with another such: who writes one after the other would have each of them read again with all that follow.
const PARAGRAPH_CHARS_MIN: usize = 120;
/// A longer message was written as a whole, somewhere else or with care.
const LINE_BYTES_MAX: usize = 320;
/// Part of the longest wait in which a customer who goes on begins to type.
const LISTENS_FOR: u32 = 6;
/// How long a typing signal stands for: pages send one every two seconds.
pub const TYPING_LASTS: Duration = Duration::from_millis(2_500);

/// The lines of the question that the last event, a message of the customer, ends; oldest first. Between
/// them nobody has answered, and no long pause lies; one of two neighbours is short.
pub fn lines_of(events: &[Event]) -> SmallVec<[&Event; 4]> {
    let mut lines: SmallVec<[&Event; 4]> = SmallVec::new();
    let (mut chars, mut next_is_short) = (0, true);
    for event in events.iter().rev() {
        match &event.kind {
            EventKind::Message { from: Sender::Customer, text, .. } => {
                let of_line = text.chars().take(READ_CHARS_MAX).count() + 1;
                let is_short = of_line <= PARAGRAPH_CHARS_MIN;
                chars += of_line;
                if let Some(next) = lines.last() {
                    let follows = next.at.since(event.at) <= PAUSE_MAX;
                    let is_full = lines.len() == LINES_MAX || chars > READ_CHARS_MAX;
                    if !follows || is_full || !(is_short || next_is_short) {
                        break;
                    }
                }
                next_is_short = is_short;
                lines.push(event);
            }
            // What the router tells of the queue is no answer.
            EventKind::Queued { .. } | EventKind::Ticket { .. } | EventKind::Rated { .. } => {}
            _ => break,
        }
    }
    lines.reverse();
    lines
}

/// The text of the lines as one message.
pub fn joined(lines: &[&Event]) -> String {
    let mut joined = String::new();
    for event in lines {
        if let EventKind::Message { text, .. } = &event.kind {
            if !joined.is_empty() {
                joined.push('\n');
            }
            joined.push_str(text);
        }
    }
    joined
}

/// How often the customer has begun to say something: lines of one question count once.
pub fn turns<'a>(events: impl IntoIterator<Item = &'a Event>) -> usize {
    let mut turns = 0;
    let mut last: Option<Timestamp> = None;
    for event in events {
        match &event.kind {
            EventKind::Message { from: Sender::Customer, .. } => {
                let goes_on = last.is_some_and(|at| event.at.since(at) <= PAUSE_MAX);
                turns += usize::from(!goes_on);
                last = Some(event.at);
            }
            EventKind::Queued { .. } | EventKind::Ticket { .. } | EventKind::Rated { .. } => {}
            _ => last = None,
        }
    }
    turns
}

/// A customer who may go on.
#[derive(Clone, Copy, Debug)]
pub struct Unfinished<'a> {
    /// What would follow now.
    pub follows: &'a Automated,
    /// The last line.
    pub text: &'a str,
    /// The language of the question.
    pub language: Language,
    /// When the first line came that nothing has followed from.
    pub first_at: Timestamp,
    /// When the last line came.
    pub last_at: Timestamp,
    /// When the customer's page last said that somebody types.
    pub typed_at: Option<Timestamp>,
    /// Longest wait, counted from the first line.
    pub wait_max: Duration,
}

impl Unfinished<'_> {
    /// Until when what follows waits for more. Never later than the longest wait after the first line,
    /// and at once for what waits for nothing.
    pub fn until(&self) -> Timestamp {
        let (first_at, last_at) = (self.first_at, self.last_at);
        let Some(pause) = self.pause() else { return last_at };
        let listened = last_at + pause;
        let typed = self.typed_at.filter(|typed_at| *typed_at > last_at);
        let typing = typed.map_or(listened, |at| listened.max(at + TYPING_LASTS));
        typing.min(first_at + self.wait_max).max(last_at)
    }

    /// The wait after the last line where nobody types; `None` when nothing more is waited for.
    fn pause(&self) -> Option<Duration> {
        let short = self.wait_max / LISTENS_FOR;
        let lacks = match self.follows {
            // Nothing follows, or it has a wait of its own, or the customer has said what for.
            Automated::NoReply | Automated::Greeted => return None,
            Automated::NeedsSeat { why: WhySeat::AskedForPerson, .. } => return None,
            // It says too little to be sent to anybody.
            Automated::Asks { .. } => Lacks::Sense,
            Automated::NeedsSeat { why: WhySeat::NoOrderNumber, .. } => Lacks::Number,
            Automated::NeedsSeat {
                why: WhySeat::IntentUnsure | WhySeat::LanguageUnsure, ..
            } => Lacks::Certainty,
            Automated::NeedsSeat { .. } | Automated::Answer { .. } => Lacks::Nothing,
        };
        if self.text.len() > LINE_BYTES_MAX || self.text.contains('\n') {
            return None;
        }
        match (ending(self.text, self.language), lacks) {
            (Ending::Open, _) | (Ending::None | Ending::Sentence, Lacks::Sense) => {
                Some(self.wait_max)
            }
            (Ending::Question, Lacks::Nothing | Lacks::Certainty) => None,
            (Ending::Sentence, Lacks::Nothing) => None,
            _ => Some(short),
        }
    }
}

/// What a question lacks for an answer.
#[derive(Clone, Copy)]
enum Lacks {
    Nothing,
    Certainty,
    /// The order that it is about.
    Number,
    Sense,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{MessageId, Priority, SkillId};
    use proptest::prelude::*;

    const START: Timestamp = Timestamp::from_millis(1_795_600_000_000);
    const WAIT_MAX: Duration = Duration::from_millis(4_500);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn seat(why: WhySeat) -> Automated {
        Automated::NeedsSeat { skill: SkillId::from("general"), priority: Priority::Normal, why }
    }

    fn unfinished<'a>(text: &'a str, follows: &'a Automated) -> Unfinished<'a> {
        Unfinished {
            follows,
            text,
            language: Language::ENGLISH,
            first_at: START,
            last_at: START,
            typed_at: None,
            wait_max: WAIT_MAX,
        }
    }

    fn said(at: Timestamp, from: Sender, text: &str) -> Event {
        let id = MessageId::from_uuid(uuid::Uuid::from_u128(u128::from(at.as_millis())));
        Event {
            seq: 1,
            at,
            kind: EventKind::Message { from, id, text: text.into(), language: None },
        }
    }

    #[test]
    fn a_finished_question_waits_for_nothing_and_an_unfinished_sentence_for_all_that_there_is() {
        let answers = Automated::Answer {
            text: "Yes.".into(),
            source: "faq/return_policy".into(),
            confidence: 0.9,
        };
        let waits = |text| unfinished(text, &answers).until().since(START);

        assert_eq!(waits("can I return worn shoes?"), ms(0));
        assert_eq!(waits("I want to know if I can return worn shoes."), ms(0));
        assert_eq!(waits("can I return worn shoes"), WAIT_MAX / 6);
        assert_eq!(waits("can I return worn shoes and"), WAIT_MAX);
        assert_eq!(waits("can I return these..."), WAIT_MAX);
    }

    #[test]
    fn what_lacks_an_order_number_or_sense_waits_although_it_is_a_sentence() {
        let waits = |text, follows: &Automated| unfinished(text, follows).until().since(START);

        assert_eq!(waits("where is my order?", &seat(WhySeat::NoOrderNumber)), WAIT_MAX / 6);
        assert_eq!(waits("I ordered something.", &seat(WhySeat::IntentUnsure)), WAIT_MAX / 6);
        let asks = Automated::Asks { text: "What is it about?".into() };
        assert_eq!(waits("so I have this thing", &asks), WAIT_MAX);
        assert_eq!(waits("you know?", &asks), WAIT_MAX / 6);
    }

    #[test]
    fn who_asks_for_a_person_says_thanks_or_hello_waits_for_no_line() {
        for follows in [seat(WhySeat::AskedForPerson), Automated::NoReply, Automated::Greeted] {
            assert_eq!(unfinished("agent and", &follows).until(), START);
        }
    }

    #[test]
    fn typing_is_waited_for_but_only_what_came_after_the_line() {
        let follows = seat(WhySeat::NotForMachines);
        let typed = |typed_at| {
            let line = unfinished("the left one is broken", &follows);
            Unfinished { last_at: START + ms(100), typed_at: Some(typed_at), ..line }.until()
        };

        assert_eq!(typed(START).since(START), ms(100) + WAIT_MAX / 6);
        assert_eq!(typed(START + ms(400)).since(START), ms(400) + TYPING_LASTS);
        assert_eq!(typed(START + ms(2_000)).since(START), WAIT_MAX);
    }

    #[test]
    fn a_letter_or_an_essay_is_no_line() {
        let follows = seat(WhySeat::NotForMachines);
        let long = "the parcel came open and ".repeat(20);

        assert_eq!(unfinished(&long, &follows).until(), START);
        assert_eq!(unfinished("Hello,\nmy parcel came open and", &follows).until(), START);
    }

    #[test]
    fn lines_belong_together_until_somebody_answers_or_a_long_pause() {
        let second = |s| START + Duration::from_secs(s);
        let events = [
            said(second(0), Sender::Customer, "long ago"),
            said(second(60), Sender::Customer, "before the answer"),
            said(second(61), Sender::Machine, "answer"),
            said(second(62), Sender::Customer, "my parcel"),
            Event {
                seq: 2,
                at: second(63),
                kind: EventKind::Ticket { reference: "T-1".into(), opens_at: None },
            },
            said(second(70), Sender::Customer, "it came open"),
        ];

        assert_eq!(joined(&lines_of(&events)), "my parcel\nit came open");
        assert_eq!(joined(&lines_of(&events[..2])), "before the answer");
        assert_eq!(turns(&events), 3);
    }

    #[test]
    fn a_flood_of_lines_is_read_up_to_its_bounds() {
        let text = "x".repeat(1_000);
        let events: Vec<_> = (0..40)
            .map(|n| said(START + ms(n), Sender::Customer, if n < 30 { "a" } else { &text }))
            .collect();

        assert_eq!(lines_of(&events[..30]).len(), LINES_MAX);
        assert_eq!(joined(&lines_of(&events)), text);
        let lines: Vec<_> =
            (0..12).map(|n| said(START + ms(n), Sender::Customer, &"z".repeat(100))).collect();
        assert_eq!(lines_of(&lines).len(), READ_CHARS_MAX / 101);
    }

    #[test]
    fn a_paragraph_is_read_with_short_lines_beside_it_and_not_with_another_paragraph() {
        let (one, other) = ("a ".repeat(70), "b ".repeat(70));
        let texts = ["hello", &one, "4471", &other, "the blue one", &one, &other];
        let said = |(n, text): (usize, &&str)| said(START + ms(n as u64), Sender::Customer, text);
        let events: Vec<_> = texts.iter().enumerate().map(said).collect();
        let lines = |count: usize| lines_of(&events[..count]).len();

        assert_eq!([1, 2, 3, 4, 5, 6, 7].map(lines), [1, 2, 3, 4, 5, 6, 1]);
    }

    proptest! {
        #[test]
        fn no_wait_ends_before_the_line_or_after_the_stated_time(
            text in "\\PC{0,40}",
            last_ms in 0_u64..5_000,
            typed_ms in prop::option::of(0_u64..9_000),
            wait_ms in 0_u64..8_000,
            why in prop::sample::select(vec![
                WhySeat::NoOrderNumber, WhySeat::IntentUnsure, WhySeat::Negative,
            ]),
        ) {
            let follows = seat(why);
            let until = Unfinished {
                last_at: START + ms(last_ms),
                typed_at: typed_ms.map(|typed| START + ms(typed)),
                wait_max: ms(wait_ms),
                ..unfinished(&text, &follows)
            }
            .until();

            prop_assert!(until >= START + ms(last_ms));
            prop_assert!(until <= START + ms(last_ms.max(wait_ms)));
        }
    }
}
