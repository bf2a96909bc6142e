//! The open chats of one seat, which share its attention.

use super::moment::Moment;
use super::scenario::ScenarioSettings;

/// Open chats of one seat. All go on at the same rate, so one counter of the work done for each of
/// them since the start tells when any of them is done.
#[derive(Clone, Debug, Default)]
pub(super) struct Chats {
    open: Vec<Chat>,
    /// Work that a chat would have got that was open all the time, in seconds.
    done_s: f64,
    /// Until when that is counted.
    counted_to: Moment,
    /// Nothing goes on while the seat is not connected.
    paused: bool,
    /// Rises with every change, so that a time of completion told before is known to be void.
    version: u32,
}

#[derive(Clone, Copy, Debug)]
struct Chat {
    contact: usize,
    /// `done_s` at which it is done.
    ends_at_s: f64,
}

impl Chats {
    pub fn len(&self) -> usize {
        self.open.len()
    }

    pub fn version(&self) -> u32 {
        self.version
    }

    pub fn contacts(&self) -> impl Iterator<Item = usize> + '_ {
        self.open.iter().map(|chat| chat.contact)
    }

    pub fn begin(&mut self, now: Moment, contact: usize, work_s: f64, rules: &ScenarioSettings) {
        self.count_to(now, rules);
        self.open.push(Chat { contact, ends_at_s: self.done_s + work_s });
    }

    /// Ends a chat and gives the work that was left of it.
    pub fn end(&mut self, now: Moment, contact: usize, rules: &ScenarioSettings) -> f64 {
        self.count_to(now, rules);
        let at = self.open.iter().position(|chat| chat.contact == contact);
        let chat = self.open.remove(at.expect("an open chat is at its seat"));
        (chat.ends_at_s - self.done_s).max(0.0)
    }

    pub fn pause(&mut self, now: Moment, paused: bool, rules: &ScenarioSettings) {
        self.count_to(now, rules);
        self.paused = paused;
    }

    /// The chat that is done first, and when, if nothing changes.
    pub fn next_done(&self, rules: &ScenarioSettings) -> Option<(Moment, usize)> {
        let first = self.open.iter().min_by(|a, b| a.ends_at_s.total_cmp(&b.ends_at_s))?;
        if self.paused {
            return None;
        }
        let left_s = (first.ends_at_s - self.done_s).max(0.0) / rules.rate(self.open.len());
        Some((self.counted_to + Moment::from_s(left_s), first.contact))
    }

    fn count_to(&mut self, now: Moment, rules: &ScenarioSettings) {
        if !self.open.is_empty() && !self.paused {
            self.done_s += (now - self.counted_to).as_s() * rules.rate(self.open.len());
        } else if self.open.is_empty() {
            // Small numbers keep their digits.
            self.done_s = 0.0;
        }
        self.counted_to = now;
        self.version += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chats_slow_one_another_down_and_go_on_faster_when_one_ends() {
        let rules = ScenarioSettings {
            service_rate_by_open_chats: vec![1.0, 0.5],
            ..ScenarioSettings::default()
        };
        let at = Moment::from_s;
        let mut chats = Chats::default();

        chats.begin(at(0.0), 7, 100.0, &rules);
        chats.begin(at(40.0), 8, 20.0, &rules);

        // 60 s of work are left of the first and 20 s of the second, both at half the speed.
        assert_eq!(chats.next_done(&rules), Some((at(80.0), 8)));
        assert_eq!(chats.end(at(80.0), 8, &rules), 0.0);
        assert_eq!(chats.next_done(&rules), Some((at(120.0), 7)));
    }

    #[test]
    fn nothing_goes_on_while_paused_and_what_is_left_is_told() {
        let rules = ScenarioSettings::default();
        let at = Moment::from_s;
        let mut chats = Chats::default();
        chats.begin(at(0.0), 1, 100.0, &rules);

        chats.pause(at(30.0), true, &rules);

        assert_eq!(chats.next_done(&rules), None);
        assert_eq!(chats.end(at(60.0), 1, &rules), 70.0);
    }
}
