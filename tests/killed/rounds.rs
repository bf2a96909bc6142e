//! The frame of a test of kills: a router is started, brought to a step, killed there and started again on
//! what is left, once for each step in turn; a test has its steps and its judgement.

use std::fmt::Debug;

use super::{Kill, PATIENCE, Process};
use crate::reliability;

/// One kill.
#[derive(Clone, Copy, Debug)]
pub struct Round<S> {
    /// How many there were before it.
    pub number: usize,
    /// Where the router is killed.
    pub step: S,
}

/// What a test does in its rounds.
pub trait Rounds {
    /// Where the router is killed.
    type Step: Copy + Debug;
    /// What of a round lives on beyond its kill.
    type Left;

    /// Starts a router on what the last one has left.
    fn start(&mut self) -> Process;

    /// Brings the router to the step, where `kill` ends it: by whoever sees the step, or at once.
    fn lead(&mut self, router: &Process, round: Round<Self::Step>, kill: Kill) -> Self::Left;

    /// Judges what the next router makes of it, and waits until it is done with the round: what is still
    /// on its way then would come to a step of the next.
    fn judge(&mut self, router: &Process, round: Round<Self::Step>, left: Self::Left);

    /// Judges what came of all rounds.
    fn end(self, router: Process, rounds: usize);
}

/// Kills a router as often as `cargo xtask reliability` asks for, else once at each step.
pub fn killed_at_each_step<R: Rounds>(mut rounds: R, steps: &[R::Step]) {
    let size = reliability::size(steps.len() as u64);
    let count = usize::try_from(size).expect("a number of rounds");
    // A part of a long run goes on with the step after the last one of the part before.
    let first = usize::try_from(reliability::first_seed()).expect("a number of rounds");
    let in_turn = steps.iter().copied().cycle().skip(first % steps.len());
    let mut router = rounds.start();
    for (number, step) in in_turn.take(count).enumerate() {
        let round = Round { number, step };
        let (kill, was_killed) = router.kill();
        let left = rounds.lead(&router, round, kill);
        let came = was_killed.recv_timeout(PATIENCE);
        assert!(came.is_ok(), "the router never came to {step:?}");
        drop(router);
        router = rounds.start();
        rounds.judge(&router, round, left);
    }
    rounds.end(router, count);
    reliability::done(size);
}
