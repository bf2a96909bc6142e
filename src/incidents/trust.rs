//! Whether joining has been right often enough to be left to the machine.

/// Share of false merges up to which nobody has to click.
pub const AUTOMATIC_FALSE_MAX: f64 = 0.01;
/// Standard errors of a 95 % bound.
const Z: f64 = 1.959_964;
/// One merge in so many is shown to a seat although joining is automatic.
const AUDIT_ONE_IN: u64 = 50;
/// Decisions that are remembered: beyond them all are halved, so that what was long ago fades.
const DECISIONS_MAX: u32 = 4_000;

/// What is known of joins: what seats said of those that they were shown, and which of those that nobody was
/// asked about went wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Trust {
    decisions: u32,
    wrong: u32,
}

impl Trust {
    /// The same, or that of the beginning where no program has written it.
    pub(super) fn sound(self) -> Self {
        let is_sound = self.wrong <= self.decisions && self.decisions <= DECISIONS_MAX;
        if is_sound { self } else { Self::default() }
    }

    /// A join was right or wrong: a seat has said so, or its customer came back after an answer that no seat
    /// had confirmed to be for him.
    pub fn decided(&mut self, is_right: bool) {
        if self.decisions >= DECISIONS_MAX {
            (self.decisions, self.wrong) = (self.decisions / 2, self.wrong.div_ceil(2));
        }
        self.decisions += 1;
        self.wrong += u32::from(!is_right);
    }

    /// Joins of which it is known whether they were right.
    pub const fn decisions(self) -> u32 {
        self.decisions
    }

    /// Upper end of the 95 % interval of the share of false merges, by Wilson; 1 when nothing is known.
    pub fn wrong_share_max(self) -> f64 {
        if self.decisions == 0 {
            return 1.0;
        }
        let (n, share) =
            (f64::from(self.decisions), f64::from(self.wrong) / f64::from(self.decisions));
        let middle = share + Z * Z / (2.0 * n);
        let reach = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
        (middle + reach) / (1.0 + Z * Z / n)
    }

    /// Whether questions join without a click.
    pub fn is_automatic(self) -> bool {
        self.wrong_share_max() <= AUTOMATIC_FALSE_MAX
    }

    /// Whether a seat is to look at this join although joining is automatic; `dice` is any number that
    /// differs from join to join, such as the bits of an id.
    pub const fn is_audited(dice: u64) -> bool {
        dice.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32 & 0xffff < 0x1_0000 / AUDIT_ONE_IN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn about_380_clean_decisions_make_joining_automatic_and_one_wrong_one_takes_that_back() {
        let mut trust = Trust::default();
        let needed = (1..).find(|_| {
            trust.decided(true);
            trust.is_automatic()
        });
        assert_eq!(needed, Some(381));

        trust.decided(false);

        assert!(!trust.is_automatic());
    }

    #[test]
    fn trust_that_no_program_has_written_is_none() {
        for (decisions, wrong) in [(900, 901), (DECISIONS_MAX + 1, 0), (u32::MAX, u32::MAX)] {
            assert_eq!(Trust { decisions, wrong }.sound(), Trust::default());
        }
        let real = Trust { decisions: 400, wrong: 1 };
        assert_eq!(real.sound(), real);
    }

    #[test]
    fn one_join_in_fifty_is_audited() {
        let audited = (0..100_000).filter(|dice| Trust::is_audited(*dice)).count();

        assert!((1_900..2_100).contains(&audited), "{audited}");
    }

    #[test]
    fn wrong_decisions_of_long_ago_fade() {
        let mut trust = Trust::default();
        (0..20).for_each(|_| trust.decided(false));
        (0..20_000).for_each(|_| trust.decided(true));

        assert!(trust.is_automatic());
        assert!(trust.decisions() <= DECISIONS_MAX);
    }
}
