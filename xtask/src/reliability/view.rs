//! What one viewer has seen, judged frame by frame. What is wrong is also said on standard error.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};

use super::Tally;

/// A place in a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub conversation: String,
    pub seq: u64,
}

/// Conversations as a viewer holds them.
#[derive(Debug, Default)]
pub struct View {
    /// Last number of each conversation, and its epoch.
    last: BTreeMap<String, (u64, u64)>,
    /// Where each message was seen.
    places: HashMap<String, Place>,
    pub tally: Tally,
}

impl View {
    /// For `hello`: the last number of each conversation.
    pub fn last_seq(&self) -> Value {
        let last = self.last.iter().map(|(conversation, (seq, _))| (conversation, *seq));
        json!(last.collect::<BTreeMap<_, _>>())
    }

    /// After coming back: everything that is held must go on without a gap, in the same epoch. A seat
    /// may have lost a conversation meanwhile, a customer not. Gives whether the viewer has to say
    /// hello again: there are conversations that it never heard of, because the router was killed
    /// before it could tell.
    pub fn welcome(&mut self, welcome: &Value, may_lose: bool) -> bool {
        let listed: BTreeMap<&str, &Value> = welcome["conversations"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|held| Some((held["conversation"].as_str()?, held)))
            .collect();
        let tally = &mut self.tally;
        self.last.retain(|conversation, (seq, epoch)| match listed.get(conversation.as_str()) {
            Some(held) => {
                let is_behind = held["seq"].as_u64() < Some(*seq);
                let is_other = held["epoch"].as_u64() != Some(*epoch);
                tally.violations += u64::from(is_behind || is_other);
                true
            }
            None => {
                tally.lost += u64::from(!may_lose);
                false
            }
        });
        let before = self.last.len();
        for (conversation, held) in listed {
            let epoch = held["epoch"].as_u64().unwrap_or_default();
            self.last.entry(conversation.to_owned()).or_insert((0, epoch));
        }
        self.last.len() > before
    }

    /// A conversation that a seat takes over, with its history.
    pub fn accepted(&mut self, frame: &Value) {
        let Some(conversation) = frame["conversation"].as_str() else { return };
        self.last.remove(conversation);
        frame["history"].as_array().into_iter().flatten().for_each(|event| self.event(event));
    }

    /// A conversation that is no longer the viewer's.
    pub fn gone(&mut self, frame: &Value) {
        if let Some(conversation) = frame["conversation"].as_str() {
            self.last.remove(conversation);
        }
    }

    /// An event or an acknowledgement, each of which stands for one number.
    pub fn event(&mut self, frame: &Value) {
        let (Some(conversation), Some(seq), Some(epoch)) =
            (frame["conversation"].as_str(), frame["seq"].as_u64(), frame["epoch"].as_u64())
        else {
            self.tally.violations += 1;
            return;
        };
        let place = Place { conversation: conversation.to_owned(), seq };
        let before = frame["id"].as_str().and_then(|id| self.places.get(id));
        // A retry is acknowledged again, in its old place.
        let is_known = before == Some(&place);
        if before.is_some() && !is_known {
            self.tally.duplicates += 1;
        }
        if let Some(id) = frame["id"].as_str() {
            self.places.insert(id.to_owned(), place);
        }
        let (last, _) = self.last.get(conversation).copied().unwrap_or((0, epoch));
        if seq == last + 1 {
            self.last.insert(conversation.to_owned(), (seq, epoch));
        } else if seq > last {
            eprintln!("    a gap: {last}, then {frame}");
            self.tally.out_of_order += 1;
            self.last.insert(conversation.to_owned(), (seq, epoch));
        } else if frame["type"] == "event" {
            eprintln!("    again: {last}, then {frame}");
            self.tally.duplicates += 1;
        } else if !is_known {
            eprintln!("    an old number: {last}, then {frame}");
            self.tally.out_of_order += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: &str, seq: u64, id: &str) -> Value {
        json!({"type": kind, "conversation": "c", "epoch": 1, "seq": seq, "id": id})
    }

    fn after(frames: &[Value]) -> View {
        let mut view = View::default();
        frames.iter().for_each(|frame| view.event(frame));
        view
    }

    #[test]
    fn what_comes_in_order_and_a_retry_that_is_acknowledged_again_are_right() {
        let frames = [
            frame("ack", 1, "a"),
            frame("event", 2, "b"),
            frame("ack", 1, "a"),
            frame("ack", 3, "c"),
        ];

        assert!(after(&frames).tally.is_clean());
    }

    #[test]
    fn a_gap_a_repetition_and_a_second_place_are_found() {
        let gap = after(&[frame("ack", 1, "a"), frame("event", 3, "b")]).tally;
        let again = after(&[frame("event", 1, "a"), frame("event", 1, "a")]).tally;
        let twice = after(&[frame("ack", 1, "a"), frame("ack", 2, "a")]).tally;
        let reused = after(&[frame("ack", 1, "a"), frame("ack", 1, "b")]).tally;

        assert_eq!((gap.out_of_order, again.duplicates), (1, 1));
        assert_eq!((twice.duplicates, reused.out_of_order), (1, 1));
    }

    #[test]
    fn a_conversation_that_is_gone_behind_or_of_another_epoch_is_found() {
        let listed = |seq: u64, epoch: u64| json!({"conversations": [{"conversation": "c", "seq": seq, "epoch": epoch}]});
        let come_back = |welcome: &Value, may_lose| {
            let mut view = after(&[frame("ack", 1, "a"), frame("ack", 2, "b")]);
            view.welcome(welcome, may_lose);
            view.tally
        };

        assert!(come_back(&listed(2, 1), false).is_clean());
        assert_eq!(come_back(&listed(1, 1), false).violations, 1);
        assert_eq!(come_back(&listed(2, 2), false).violations, 1);
        assert_eq!(come_back(&json!({"conversations": []}), false).lost, 1);
        assert!(come_back(&json!({"conversations": []}), true).is_clean());
    }

    #[test]
    fn a_conversation_that_was_never_heard_of_is_asked_for_from_its_start() {
        let listed = json!({"conversations": [{"conversation": "c", "seq": 2, "epoch": 1}]});
        let mut view = View::default();

        assert!(view.welcome(&listed, false));
        assert_eq!(view.last_seq(), json!({"c": 0}));
        assert!(!view.welcome(&listed, false));
    }
}
