//! From which likeness on a question joins a cluster, learned from what seats say and from whether
//! the answer helped.

use serde::{Deserialize, Serialize};

use super::print::TOPIC_ALIKE;

/// Where it stays, whatever is learned.
const RANGE: std::ops::RangeInclusive<f32> = 0.5..=1.1;
/// How much less alike than its threshold says a question may be once a cluster is open: by then its middle
/// is that of many.
const OPEN_EASIER: f32 = 0.15;
/// How far beyond a wrong join it moves.
const BEYOND_WRONG: f32 = 0.02;
/// How far it moves for a customer who goes on writing after the answer, and how far at most for all of
/// them: that says less of a join than a seat's click.
const RETURN: f32 = 0.005;
const RETURNS_MAX: f32 = 0.1;
/// The share of those answered who go on writing whatever the answer was. Our choice, not measured: as
/// many of them move nothing.
const RETURNS_USUAL: f32 = 0.1;

/// What has been learned of one cluster.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    /// What seats have taught: as much alike as what they called wrong is too little, for good.
    #[serde(rename = "threshold")]
    least: f32,
    /// What returns add; it wears off as others are helped.
    #[serde(default)]
    returns: f32,
}

impl Default for Threshold {
    fn default() -> Self {
        Self { least: TOPIC_ALIKE, returns: 0.0 }
    }
}

impl Threshold {
    /// Likeness from which on a question joins.
    pub fn joins_from(self) -> f32 {
        self.least + self.returns
    }

    /// Likeness from which on a question joins once the cluster is open, and middles may be one.
    pub fn gathers_from(self) -> f32 {
        self.joins_from() - OPEN_EASIER
    }

    /// A seat has called a join by so much likeness wrong: it is too little, also once the cluster is open.
    pub fn was_wrong(&mut self, likeness: f32) {
        self.least = self.least.max(likeness + BEYOND_WRONG + OPEN_EASIER).min(*RANGE.end());
    }

    /// One who had joined by likeness gets the answer.
    pub fn was_answered(&mut self) {
        self.add_for_returns(-RETURN * RETURNS_USUAL);
    }

    /// One who had joined by likeness goes on writing after the answer.
    pub fn was_returned(&mut self) {
        self.add_for_returns(RETURN);
    }

    fn add_for_returns(&mut self, step: f32) {
        self.returns = (self.returns + step).clamp(0.0, RETURNS_MAX);
    }

    /// Of two that become one: what either was taught.
    pub fn of_both(self, other: Self) -> Self {
        Self { least: self.least.max(other.least), returns: self.returns.max(other.returns) }
    }

    /// With what cannot be in it set right: it may come from a file.
    pub fn sound(self) -> Self {
        let within = |value: f32, low: f32, high: f32| {
            if value.is_finite() { value.clamp(low, high) } else { low }
        };
        Self {
            least: within(self.least, *RANGE.start(), *RANGE.end()),
            returns: within(self.returns, 0.0, RETURNS_MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_returns_as_are_usual_move_nothing_however_many_are_answered() {
        let mut threshold = Threshold::default();
        for n in 0..10_000 {
            threshold.was_answered();
            if n % 10 == 0 {
                threshold.was_returned();
            }
        }

        let moved = threshold.joins_from() - Threshold::default().joins_from();
        assert!((0.0..=2.0 * RETURN).contains(&moved), "{moved}");
    }

    #[test]
    fn many_returns_raise_it_by_a_tenth_at_most_and_help_for_others_wears_that_off() {
        let mut threshold = Threshold::default();
        (0..10_000).for_each(|_| threshold.was_returned());
        assert_eq!(threshold.joins_from(), TOPIC_ALIKE + RETURNS_MAX);

        (0..250).for_each(|_| threshold.was_answered());

        assert_eq!(threshold, Threshold::default());
    }

    #[test]
    fn what_a_seat_called_wrong_does_not_wear_off() {
        let mut threshold = Threshold::default();
        threshold.was_wrong(0.6);
        (0..10_000).for_each(|_| threshold.was_answered());

        assert!(threshold.gathers_from() > 0.6);
        threshold.was_wrong(4.0);
        assert_eq!(threshold.joins_from(), *RANGE.end());
    }

    #[test]
    fn one_from_a_file_is_in_its_range() {
        let read = |text: &str| serde_json::from_str::<Threshold>(text).expect("JSON").sound();
        assert_eq!(read(r#"{"threshold":0.8}"#).joins_from(), 0.8);
        assert_eq!(read(r#"{"threshold":-3.0,"returns":7.0}"#).joins_from(), 0.6);
        assert_eq!(
            Threshold { least: f32::NAN, returns: f32::NAN }.sound(),
            Threshold { least: 0.5, returns: 0.0 }
        );
    }
}
