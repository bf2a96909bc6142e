//! Compares what was sent, acknowledged and seen.
//!
//! Clients only record ([`History`]); the judgement ([`judge`]) is a pure function of the record
//! and of the final re-read of the conversation (the *audit*), so fabricated histories can show
//! that it fails when it should.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

/// An acknowledged message that came this shortly before a viewer stopped watching may still have
/// been under way to it.
const UNDER_WAY_MS: u64 = 5_000;

/// A message, without its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    pub id: Uuid,
    pub hash: u64,
}

/// Who watches a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Viewer {
    Customer(usize),
    Seat(usize),
}

/// An acknowledgement that a client received.
#[derive(Clone, Copy, Debug)]
pub struct Acked {
    pub said: Said,
    pub epoch: u64,
    pub seq: u64,
    pub at_ms: u64,
}

/// One thing that reached a viewer, in the order in which it came.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// An event frame.
    Event { epoch: u64, seq: u64, said: Option<Said> },
    /// The acknowledgement of the viewer's own message, in place of its event. `again` when the
    /// message had been sent more than once.
    Ack { epoch: u64, seq: u64, said: Said, again: bool },
    /// The viewer dropped what it held and asked from the start.
    Restart,
}

/// How watching ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The viewer saw the event `closed`: nothing may be missing.
    Closed,
    /// The viewer watched until this moment, and the conversation went on.
    Watched { until_ms: u64 },
    /// The viewer went away or lost the conversation: it is not owed the rest.
    Left,
}

/// What one viewer saw of a conversation.
#[derive(Clone, Debug)]
pub struct View {
    pub viewer: Viewer,
    pub steps: Vec<Step>,
    pub end: End,
}

/// All that the harness knows of a conversation.
#[derive(Clone, Debug, Default)]
pub struct History {
    pub acked: Vec<Acked>,
    pub views: Vec<View>,
}

/// The conversation as a final re-read shows it: its events in the order in which they came.
#[derive(Clone, Debug, Default)]
pub struct Audit {
    pub events: Vec<(u64, u64, Option<Said>)>,
}

/// What is wrong with a conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Acknowledged messages that the re-read, or a viewer who was there until the end, lacks.
    pub lost: BTreeSet<Uuid>,
    /// Messages shown more than once to the same viewer or in the re-read, each time beyond the first.
    pub duplicated: u64,
    /// Steps whose number was not one more than the last.
    pub out_of_order: u64,
    /// Messages whose text in the re-read is another than the acknowledged one.
    pub altered: BTreeSet<Uuid>,
    /// In words, for the first look.
    pub findings: Vec<String>,
}

impl Verdict {
    /// Nothing is wrong.
    #[cfg(test)]
    pub fn is_clean(&self) -> bool {
        self.lost.is_empty()
            && self.duplicated == 0
            && self.out_of_order == 0
            && self.altered.is_empty()
    }

    fn find(&mut self, finding: String) {
        // A broken server produces thousands; the first few tell what to look for.
        if self.findings.len() < 8 {
            self.findings.push(finding);
        }
    }
}

/// Judges one conversation. Without an audit, only what the viewers saw can be compared.
pub fn judge(history: &History, audit: Option<&Audit>) -> Verdict {
    let mut verdict = Verdict::default();
    let reread = audit.map(|audit| walk_audit(audit, &mut verdict));
    if let Some(reread) = &reread {
        compare_with_acked(&history.acked, reread, &mut verdict);
    }
    for view in &history.views {
        let held = walk(view, &mut verdict);
        if let Some(reread) = &reread {
            compare_numbers(view, &held, reread, &mut verdict);
        }
        compare_completeness(history, view, &held, reread.as_ref(), &mut verdict);
    }
    verdict
}

/// Messages by id, with their place.
type Held = BTreeMap<Uuid, (u64, u64)>;

struct Reread {
    by_id: BTreeMap<Uuid, (u64, u64, u64)>,
    by_place: BTreeMap<(u64, u64), Option<Said>>,
}

fn walk_audit(audit: &Audit, verdict: &mut Verdict) -> Reread {
    let mut reread = Reread { by_id: BTreeMap::new(), by_place: BTreeMap::new() };
    let mut last: Option<(u64, u64)> = None;
    for &(epoch, seq, said) in &audit.events {
        let expected = match last {
            Some((at, last)) if at == epoch => last + 1,
            _ => 1,
        };
        if seq != expected {
            verdict.out_of_order += 1;
            verdict.find(format!("re-read: number {seq} came where {expected} was due"));
        }
        last = Some((epoch, seq));
        reread.by_place.insert((epoch, seq), said);
        if let Some(said) = said
            && reread.by_id.insert(said.id, (epoch, seq, said.hash)).is_some()
        {
            verdict.duplicated += 1;
            verdict.find(format!("re-read: message {} stands there twice", said.id));
        }
    }
    reread
}

fn compare_with_acked(acked: &[Acked], reread: &Reread, verdict: &mut Verdict) {
    for ack in acked {
        let id = ack.said.id;
        match reread.by_id.get(&id) {
            None => {
                verdict.lost.insert(id);
                verdict.find(format!("message {id}, acknowledged as {}, is gone", ack.seq));
            }
            Some(&(_, _, hash)) if hash != ack.said.hash => {
                verdict.altered.insert(id);
                verdict.find(format!("message {id} has another text than the acknowledged one"));
            }
            Some(&(epoch, seq, _)) if epoch == ack.epoch && seq != ack.seq => {
                verdict.out_of_order += 1;
                verdict.find(format!("message {id} moved from number {} to {seq}", ack.seq));
            }
            Some(_) => {}
        }
    }
}

/// Follows a view step by step as the protocol tells a client to: only the next number is taken.
fn walk(view: &View, verdict: &mut Verdict) -> Held {
    let mut held = Held::new();
    let mut at: Option<(u64, u64)> = None;
    for step in &view.steps {
        let (epoch, seq, said, again) = match *step {
            Step::Restart => {
                held.clear();
                at = None;
                continue;
            }
            Step::Event { epoch, seq, said } => (epoch, seq, said, false),
            Step::Ack { epoch, seq, said, again } => (epoch, seq, Some(said), again),
        };
        let last = match at {
            Some((held_epoch, last)) if held_epoch == epoch => last,
            // Another epoch than the one held: not taken until the client has asked from the start.
            Some(_) => continue,
            None => 0,
        };
        if seq == last + 1 {
            at = Some((epoch, seq));
            if let Some(said) = said
                && held.insert(said.id, (epoch, seq)).is_some()
            {
                verdict.duplicated += 1;
                verdict.find(format!("{:?} saw message {} again as {seq}", view.viewer, said.id));
            }
            continue;
        }
        let known = said.is_some_and(|said| held.contains_key(&said.id));
        if known && again && said.is_some_and(|said| held[&said.id] == (epoch, seq)) {
            // A retry got the acknowledgement of the first attempt: as promised.
        } else if known {
            verdict.duplicated += 1;
            verdict.find(format!("{:?} saw number {seq} again after {last}", view.viewer));
        } else {
            verdict.out_of_order += 1;
            verdict.find(format!("{:?} saw number {seq} after {last}", view.viewer));
        }
    }
    held
}

/// A number that a viewer has seen is never used for something else.
fn compare_numbers(view: &View, held: &Held, reread: &Reread, verdict: &mut Verdict) {
    for (id, &(epoch, seq)) in held {
        if let Some(said) = reread.by_place.get(&(epoch, seq))
            && said.map(|said| said.id) != Some(*id)
        {
            verdict.out_of_order += 1;
            verdict.find(format!(
                "{:?} saw message {id} as {seq}, the re-read has another there",
                view.viewer
            ));
        }
    }
}

fn compare_completeness(
    history: &History,
    view: &View,
    held: &Held,
    reread: Option<&Reread>,
    verdict: &mut Verdict,
) {
    let mut owed: Vec<Uuid> = match view.end {
        End::Left => Vec::new(),
        End::Closed => history.acked.iter().map(|ack| ack.said.id).collect(),
        End::Watched { until_ms } => history
            .acked
            .iter()
            .filter(|ack| ack.at_ms + UNDER_WAY_MS <= until_ms)
            .map(|ack| ack.said.id)
            .collect(),
    };
    if let (End::Closed, Some(reread)) = (view.end, reread) {
        // The machine's messages have no acknowledgement, but they are in the re-read.
        owed.extend(reread.by_id.keys());
    }
    for id in owed {
        if !held.contains_key(&id) && verdict.lost.insert(id) {
            verdict.find(format!("{:?} never saw message {id}", view.viewer));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(number: u128) -> Said {
        Said { id: Uuid::from_u128(number), hash: number as u64 }
    }

    fn event(seq: u64, number: u128) -> Step {
        Step::Event { epoch: 1, seq, said: Some(said(number)) }
    }

    fn ack(seq: u64, number: u128) -> Step {
        Step::Ack { epoch: 1, seq, said: said(number), again: false }
    }

    fn quiet(seq: u64) -> Step {
        Step::Event { epoch: 1, seq, said: None }
    }

    /// Customer says 1, is queued, assigned; the seat says 2; the customer says 3; closed.
    fn clean() -> (History, Audit) {
        let acked = [(1, 1), (4, 2), (5, 3)].map(|(seq, number)| Acked {
            said: said(number),
            epoch: 1,
            seq,
            at_ms: seq * 1000,
        });
        let customer = vec![ack(1, 1), quiet(2), quiet(3), event(4, 2), ack(5, 3), quiet(6)];
        let seat = vec![event(1, 1), quiet(2), quiet(3), ack(4, 2), event(5, 3), quiet(6)];
        let history = History {
            acked: acked.to_vec(),
            views: vec![
                View { viewer: Viewer::Customer(0), steps: customer, end: End::Closed },
                View { viewer: Viewer::Seat(0), steps: seat, end: End::Closed },
            ],
        };
        let events = [Some(1), None, None, Some(2), Some(3), None]
            .iter()
            .enumerate()
            .map(|(at, number)| (1, at as u64 + 1, number.map(said)))
            .collect();
        (history, Audit { events })
    }

    #[test]
    fn a_clean_conversation_is_clean() {
        let (history, audit) = clean();

        assert_eq!(judge(&history, Some(&audit)), Verdict::default());
        assert!(judge(&history, None).is_clean());
    }

    #[test]
    fn an_acknowledged_message_that_the_audit_lacks_is_lost() {
        let (history, mut audit) = clean();
        audit.events.remove(4);
        audit.events.last_mut().expect("events are left").1 = 5;

        let verdict = judge(&history, Some(&audit));

        assert!(verdict.lost.contains(&said(3).id), "{verdict:?}");
    }

    #[test]
    fn a_conversation_that_is_gone_loses_all_its_messages() {
        let (history, _) = clean();

        assert_eq!(judge(&history, Some(&Audit::default())).lost.len(), 3);
    }

    #[test]
    fn a_message_that_a_seat_never_saw_is_lost() {
        let (mut history, audit) = clean();
        history.views[1].steps.remove(4);

        let verdict = judge(&history, Some(&audit));

        assert_eq!(verdict.lost, [said(3).id].into());
        assert_eq!(verdict.out_of_order, 1, "closed came as 6 after 4");
    }

    #[test]
    fn a_machine_message_that_a_customer_never_saw_is_lost() {
        let (mut history, audit) = clean();
        history.acked.retain(|ack| ack.said != said(2));
        history.views[0].steps.remove(3);

        assert!(judge(&history, Some(&audit)).lost.contains(&said(2).id));
    }

    #[test]
    fn who_left_the_queue_is_owed_nothing_more() {
        let (mut history, audit) = clean();
        history.views[0].steps.truncate(2);
        history.views[0].end = End::Left;

        assert!(judge(&history, Some(&audit)).is_clean());
    }

    #[test]
    fn who_watches_on_is_owed_what_was_acknowledged_well_before() {
        let (mut history, audit) = clean();
        history.views[0].steps.truncate(3);
        history.views[0].end = End::Watched { until_ms: 9_500 };

        // The reply was acknowledged at 4,000 ms, the last turn at 5,000 ms: only the first is 5 s old.
        assert_eq!(judge(&history, Some(&audit)).lost, [said(2).id].into());
    }

    #[test]
    fn an_event_shown_twice_is_duplicated() {
        let (mut history, audit) = clean();
        history.views[1].steps.insert(5, event(5, 3));

        let verdict = judge(&history, Some(&audit));

        assert_eq!((verdict.duplicated, verdict.out_of_order, verdict.lost.len()), (1, 0, 0));
    }

    #[test]
    fn the_same_message_under_two_numbers_is_duplicated() {
        let (mut history, mut audit) = clean();
        for view in &mut history.views {
            view.steps.push(event(7, 3));
        }
        audit.events.push((1, 7, Some(said(3))));

        let verdict = judge(&history, Some(&audit));

        assert_eq!(verdict.duplicated, 3, "two viewers and the re-read: {verdict:?}");
    }

    #[test]
    fn the_own_message_as_an_event_after_its_acknowledgement_is_duplicated() {
        let (mut history, audit) = clean();
        history.views[0].steps.insert(1, event(1, 1));

        assert_eq!(judge(&history, Some(&audit)).duplicated, 1);
    }

    #[test]
    fn a_retry_that_gets_the_first_acknowledgement_is_in_order() {
        let (mut history, audit) = clean();
        // The acknowledgement was lost with the connection; the resumed one shows the message as
        // an event, and the retry is then acknowledged with the old number.
        history.views[0].steps[4] = event(5, 3);
        history.views[0].steps.push(Step::Ack { epoch: 1, seq: 5, said: said(3), again: true });

        assert!(judge(&history, Some(&audit)).is_clean());
    }

    #[test]
    fn a_retry_that_gets_another_number_is_duplicated() {
        let (mut history, audit) = clean();
        history.views[0].steps.push(Step::Ack { epoch: 1, seq: 7, said: said(3), again: true });

        assert_eq!(judge(&history, Some(&audit)).duplicated, 1);
    }

    #[test]
    fn two_events_in_the_wrong_order_are_out_of_order() {
        let (mut history, audit) = clean();
        history.views[0].steps.swap(2, 3);

        assert!(judge(&history, Some(&audit)).out_of_order > 0);
    }

    #[test]
    fn a_number_used_for_something_else_is_out_of_order() {
        let (history, mut audit) = clean();
        audit.events[3].2 = Some(said(3));
        audit.events[4].2 = Some(said(2));

        assert!(judge(&history, Some(&audit)).out_of_order > 0);
    }

    #[test]
    fn a_gap_filled_by_a_resume_counts_once_and_loses_nothing() {
        let (mut history, audit) = clean();
        history.views[0].steps =
            vec![ack(1, 1), quiet(2), event(4, 2), quiet(3), event(4, 2), ack(5, 3), quiet(6)];

        let verdict = judge(&history, Some(&audit));

        assert_eq!((verdict.out_of_order, verdict.duplicated, verdict.lost.len()), (1, 0, 0));
    }

    #[test]
    fn another_text_under_the_same_id_is_altered() {
        let (history, mut audit) = clean();
        audit.events[3].2 = Some(Said { hash: 99, ..said(2) });

        assert_eq!(judge(&history, Some(&audit)).altered, [said(2).id].into());
    }

    #[test]
    fn a_new_epoch_is_followed_only_after_asking_from_the_start() {
        let (mut history, mut audit) = clean();
        let in_epoch_2 = |step: &Step| match *step {
            Step::Event { seq, said, .. } => Step::Event { epoch: 2, seq, said },
            Step::Ack { seq, said, again, .. } => {
                let _ = again;
                Step::Event { epoch: 2, seq, said: Some(said) }
            }
            Step::Restart => Step::Restart,
        };
        for view in &mut history.views {
            let again: Vec<Step> = view.steps.iter().map(in_epoch_2).collect();
            view.steps.push(Step::Restart);
            view.steps.extend(again);
        }
        for event in &mut audit.events {
            event.0 = 2;
        }

        assert!(judge(&history, Some(&audit)).is_clean());
    }
}
