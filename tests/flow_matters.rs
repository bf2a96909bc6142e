//! What belongs together of what a customer says: the same message again, several lines of one question,
//! and conversations of one matter. As in `flow.rs`, over the public interface with a clock of the tests.

#[path = "flow/lines.rs"]
mod lines;
#[path = "flow/matters.rs"]
mod matters;
#[path = "flow/redelivered.rs"]
mod redelivered;
#[path = "flow/world.rs"]
#[expect(dead_code, reason = "other tests need more of it")]
mod world;
