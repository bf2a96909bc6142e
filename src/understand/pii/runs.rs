//! Where the digits of a message stand: numbers are looked for there and nowhere else.

use smallvec::SmallVec;

use super::checks;

/// Digits of any script without anything between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// First byte.
    pub start: usize,
    /// First byte after it.
    pub end: usize,
    /// How many digits.
    pub digits: usize,
}

/// The runs of one message.
pub type Runs = SmallVec<[Run; 4]>;

/// Every run in `text`, in order.
pub fn runs(text: &str) -> Runs {
    let mut runs = Runs::new();
    for (at, c) in text.char_indices() {
        if checks::digit(c).is_none() {
            continue;
        }
        let end = at + c.len_utf8();
        match runs.last_mut() {
            Some(run) if run.end == at => {
                run.end = end;
                run.digits += 1;
            }
            _ => runs.push(Run { start: at, end, digits: 1 }),
        }
    }
    runs
}

/// The two characters before `at`, the nearer one first; `\0` where the text begins.
pub fn before(text: &str, at: usize) -> [char; 2] {
    let mut before = text[..at].chars().rev();
    [before.next().unwrap_or('\0'), before.next().unwrap_or('\0')]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_hold_digits_of_every_script_and_nothing_else() {
        let text = "a12٣ 4-56";

        let found: Vec<_> = runs(text).iter().map(|run| &text[run.start..run.end]).collect();

        assert_eq!(found, ["12٣", "4", "56"]);
        assert_eq!(runs(text)[0].digits, 3);
        assert!(runs("none").is_empty());
    }
}
