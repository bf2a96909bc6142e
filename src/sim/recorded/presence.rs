//! When a seat took new conversations, as a scenario says it.

use crate::domain::{SeatState, Timestamp};
use crate::sim::moment::Moment;
use crate::sim::scenario::SeatEvent;

/// The changes of a seat from `start` on. A scenario's seat is there and ready unless something is
/// said: whoever was not is set away at the start. A seat that has left is away too, so that what it
/// had begun goes on as long as it took.
pub(super) fn events(
    states: &[(Timestamp, Option<SeatState>)],
    start: Timestamp,
    moment: impl Fn(Timestamp) -> Moment,
) -> Vec<(Moment, SeatEvent)> {
    let before = states.iter().take_while(|(at, _)| *at <= start);
    let is_ready = |state: &Option<SeatState>| *state == Some(SeatState::Ready);
    let mut ready = before.last().is_some_and(|(_, state)| is_ready(state));
    let mut events = Vec::new();
    if !ready {
        events.push((Moment::START, SeatEvent::Away));
    }
    for (at, state) in states.iter().filter(|(at, _)| *at > start) {
        if is_ready(state) != ready {
            ready = !ready;
            let event = if ready { SeatEvent::Ready } else { SeatEvent::Away };
            events.push((moment(*at), event));
        }
    }
    events
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changes_after_the_start_is_told_and_who_was_not_there_is_away() {
        let at = Timestamp::from_millis;
        let moment = |at: Timestamp| Moment::from_micros(at.as_millis() as i64 * 1_000 - 5_000);
        let states = [
            (at(1), Some(SeatState::Away)),
            (at(5), Some(SeatState::Ready)),
            (at(7), Some(SeatState::WrapUp)),
            (at(8), None),
            (at(9), Some(SeatState::Ready)),
        ];

        let (away, ready) = (SeatEvent::Away, SeatEvent::Ready);
        let micros = Moment::from_micros;
        let told = events(&states, at(5), moment);
        assert_eq!(told, [(micros(2_000), away), (micros(4_000), ready)]);
        let told = events(&states[..3], at(2), moment);
        assert_eq!(told, [(micros(0), away), (micros(0), ready), (micros(2_000), away)]);
        assert_eq!(events(&[], at(2), moment), [(micros(0), away)]);
    }
}
