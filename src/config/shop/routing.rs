//! Reads the rules by which conversations find their seats.

use std::num::NonZeroU8;
use std::time::Duration;

use crate::domain::Rules;

use super::parse::SLOTS_MAX;
use super::section::Section;

const WRAP_UP_MAX: Duration = Duration::from_secs(30 * 60);
const STICKY_MAX: Duration = Duration::from_secs(30 * 24 * 3_600);
const SHIFT_LEFT_MAX: Duration = Duration::from_secs(8 * 3_600);

/// The rules under `[routing]`.
pub(super) fn rules(mut section: Section<'_>) -> Rules {
    let default = Rules::default();
    let mut channels = section.section("slots_of");
    let chat = channels.whole("chat", 1..=SLOTS_MAX, u32::from(default.chat_slots.get()));
    channels.finish();
    let rules = Rules {
        chat_slots: u8::try_from(chat).ok().and_then(NonZeroU8::new).unwrap_or(NonZeroU8::MIN),
        wrap_up: section.length("wrap_up", WRAP_UP_MAX, default.wrap_up),
        sticky_for: section.length("sticky_for", STICKY_MAX, default.sticky_for),
        sticky_shift_left: section.length(
            "sticky_shift_left",
            SHIFT_LEFT_MAX,
            default.sticky_shift_left,
        ),
    };
    section.finish();
    rules
}
