//! The `tradewind` program: see `tradewind --help`.

use std::process::ExitCode;

/// Many small, short-lived buffers on several threads are what the system's allocator is worst at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Read by candle when it first has a large batch: on how many threads of its own it goes through it.
const THREADS_OF_CANDLE: &str = "CANDLE_NUM_THREADS";

fn main() -> ExitCode {
    if std::env::var_os(THREADS_OF_CANDLE).is_none() {
        // One for each core, which spin while they wait for the next step, would take the cores from the
        // sockets; an encoder has a thread and a budget of its own.
        #[expect(unsafe_code, reason = "no other thread runs yet that could read the environment")]
        unsafe {
            std::env::set_var(THREADS_OF_CANDLE, "1");
        }
    }
    tradewind::cli::run(std::env::args_os()).into()
}
