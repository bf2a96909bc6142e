//! From which likeness on a question joins a cluster, learned from what seats say and from whether
//! the answer helped.

use serde::{Deserialize, Serialize};

/// Likeness in the mean from which on a question joins, before anybody has said anything about its cluster.
pub const TOPIC_ALIKE: f32 = 0.3;
/// Likeness in the mean from which on what is only watched follows an open cluster, without a say in what that
/// one is about (docs/decisions/0052).
const LEANS_FROM: f32 = 0.12;
/// Where it stays, whatever is learned.
const LIKENESS_MAX: f32 = 1.1;
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Threshold {
    /// What seats have taught: as much alike as what they called wrong is too little, for good.
    too_little: f32,
    /// What returns add; it wears off as others are helped.
    returns: f32,
}

impl Threshold {
    /// Likeness from which on a question joins.
    pub fn joins_from(self) -> f32 {
        TOPIC_ALIKE.max(self.too_little) + self.returns
    }

    /// Likeness from which on what is only watched follows it once it is open.
    pub fn leans_from(self) -> f32 {
        LEANS_FROM.max(self.too_little) + self.returns
    }

    /// A seat has called a join by so much likeness wrong.
    pub fn was_wrong(&mut self, likeness: f32) {
        self.too_little = self.too_little.max(likeness + BEYOND_WRONG).min(LIKENESS_MAX);
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
        Self {
            too_little: self.too_little.max(other.too_little),
            returns: self.returns.max(other.returns),
        }
    }

    /// With what cannot be in it set right: it may come from a file.
    pub fn sound(self) -> Self {
        let within =
            |value: f32, high: f32| if value.is_finite() { value.clamp(0.0, high) } else { 0.0 };
        Self {
            too_little: within(self.too_little, LIKENESS_MAX),
            returns: within(self.returns, RETURNS_MAX),
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

        assert!(threshold.joins_from() > 0.6 && threshold.leans_from() > 0.6);
        threshold.was_wrong(4.0);
        assert_eq!(threshold.joins_from(), LIKENESS_MAX);
    }

    #[test]
    fn what_only_leaned_and_was_wrong_leaves_alone_who_is_more_alike() {
        let mut threshold = Threshold::default();
        threshold.was_wrong(0.2);

        assert_eq!(threshold.joins_from(), TOPIC_ALIKE);
        assert!(threshold.leans_from() > 0.2 && threshold.leans_from() < TOPIC_ALIKE);
    }

    #[test]
    fn one_from_a_file_is_in_its_range() {
        let read = |text: &str| serde_json::from_str::<Threshold>(text).expect("JSON").sound();
        assert_eq!(read(r#"{"too_little":0.8}"#).joins_from(), 0.8);
        assert_eq!(read(r#"{"too_little":-3.0,"returns":7.0}"#).joins_from(), TOPIC_ALIKE + 0.1);
        assert_eq!(
            Threshold { too_little: f32::NAN, returns: f32::NAN }.sound(),
            Threshold::default()
        );
        // What was kept when a likeness was another measure says nothing now.
        assert_eq!(read(r#"{"threshold":0.8}"#), Threshold::default());
    }
}
