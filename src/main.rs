//! The `tradewind` program: see `tradewind --help`.

use std::process::ExitCode;

/// Many small, short-lived buffers on several threads are what the system's allocator is worst at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    tradewind::cli::run(std::env::args_os()).into()
}
