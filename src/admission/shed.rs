//! What is refused first when too much waits: who has something to lose goes before who could come
//! back in a moment.

use std::time::Duration;

use super::Refusal;
use crate::domain::Work;
use crate::protocol::ErrorCode;

/// When it is worth coming back: a queue that moves is through in less.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Up to how much of a capacity this kind of work may fill: half, three quarters, all.
pub const fn room(work: Work, capacity: usize) -> usize {
    match work {
        Work::NewAnonymous => capacity.div_ceil(2),
        Work::NewIdentified => capacity - capacity / 4,
        Work::Ongoing => capacity,
    }
}

/// Lets work in while there is room for its kind among the `waiting` of `capacity`.
///
/// # Errors
/// With the reason and when to come back.
pub const fn admit(work: Work, waiting: usize, capacity: usize) -> Result<(), Refusal> {
    if waiting < room(work, capacity) { Ok(()) } else { Err(no_room(work)) }
}

/// What is told when there is no room.
pub const fn no_room(work: Work) -> Refusal {
    let message = match work {
        Work::NewAnonymous | Work::NewIdentified => {
            "so much is waiting that no new conversation begins"
        }
        Work::Ongoing => "too much is waiting",
    };
    Refusal { code: ErrorCode::Overloaded, message, retry_after: Some(RETRY_AFTER) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_conversations_of_strangers_are_refused_first_and_open_ones_last() {
        let refused_at = |work| (0..=8).find(|waiting| admit(work, *waiting, 8).is_err());

        assert_eq!(Work::ALL.map(refused_at), [Some(4), Some(6), Some(8)]);
        let refusal = admit(Work::NewAnonymous, 4, 8).expect_err("no room");
        assert_eq!(refusal.code, ErrorCode::Overloaded);
        assert!(refusal.retry_after.is_some());
    }

    #[test]
    fn the_smallest_capacity_has_room_for_everything_once() {
        assert!(Work::ALL.iter().all(|work| admit(*work, 0, 1).is_ok()));
    }
}
