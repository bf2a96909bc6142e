//! Panics, also those that a task of the router hides in itself: a day in which one happens is not as promised.

use std::cell::Cell;
use std::panic::{set_hook, take_hook};
use std::sync::Once;

thread_local! {
    /// A world lives on one thread, and so does everything that it spawns.
    static PANICS: Cell<u64> = const { Cell::new(0) };
}

/// Counts them from now on; they are printed as ever.
pub fn count_them() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = take_hook();
        set_hook(Box::new(move |panic| {
            PANICS.set(PANICS.get() + 1);
            usual(panic);
        }));
    });
}

/// How many there were on this thread.
pub fn so_far() -> u64 {
    PANICS.get()
}
