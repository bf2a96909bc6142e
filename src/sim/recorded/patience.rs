//! How long customers wait before they leave, estimated from waits of which most ended otherwise.
//!
//! Whoever was answered would have waited longer, nobody knows how long. The estimate of Kaplan and
//! Meier uses what is known of them, that they had not left by then. Beyond the longest wait after
//! which anybody left it knows nothing, and nobody leaves.

/// Survival of the wait: the share that has not left.
#[derive(Clone, Debug, Default)]
pub(super) struct Patience {
    /// Waits in seconds after which somebody left, ascending, and the share that stays longer.
    steps: Vec<(f64, f64)>,
}

impl Patience {
    /// From waits in seconds, with whether each ended by leaving.
    pub fn of(waits: impl IntoIterator<Item = (f64, bool)>) -> Self {
        let mut waits: Vec<(f64, bool)> = waits.into_iter().collect();
        waits.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut steps: Vec<(f64, f64)> = Vec::new();
        let (mut at, mut stays) = (0, 1.0);
        while at < waits.len() {
            let wait_s = waits[at].0;
            let same = waits[at..].iter().take_while(|(other, _)| *other <= wait_s);
            let (count, left) =
                same.fold((0, 0), |(n, left), (_, l)| (n + 1, left + u32::from(*l)));
            if left > 0 {
                stays *= 1.0 - f64::from(left) / (waits.len() - at) as f64;
                steps.push((wait_s, stays));
            }
            at += count;
        }
        Self { steps }
    }

    /// The patience of one who has waited `waited_s` and not left; `None` when it is longer than
    /// anything known. `chance` is uniform between 0 and 1.
    pub fn beyond(&self, waited_s: f64, chance: f64) -> Option<f64> {
        let first = self.steps.partition_point(|(at, _)| *at <= waited_s);
        let stays = first.checked_sub(1).map_or(1.0, |at| self.steps[at].1);
        let later = self.steps[first..].iter();
        later.copied().find(|(_, left)| *left <= stays * chance).map(|(at, _)| at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_estimate_is_that_of_a_textbook() {
        // Of 5 who waited 10 s one left; of the 3 who were still there at 30 s, one.
        let waits = [(10.0, true), (20.0, false), (30.0, true), (40.0, false), (50.0, false)];

        let patience = Patience::of(waits);

        let shares: Vec<f64> = patience.steps.iter().map(|(_, stays)| *stays).collect();
        assert_eq!(patience.steps.len(), 2);
        assert!((shares[0] - 0.8).abs() < 1e-12 && (shares[1] - 0.8 * 2.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn who_has_waited_leaves_later_than_that_or_never() {
        let patience = Patience::of([(10.0, true), (20.0, true), (30.0, false), (40.0, false)]);

        assert_eq!(patience.beyond(0.0, 0.9), Some(10.0));
        assert_eq!(patience.beyond(0.0, 0.6), Some(20.0));
        assert_eq!(patience.beyond(0.0, 0.3), None);
        assert_eq!(patience.beyond(10.0, 0.9), Some(20.0));
        assert_eq!(patience.beyond(25.0, 0.9), None);
        assert_eq!(Patience::of([]).beyond(0.0, 0.1), None);
    }
}
