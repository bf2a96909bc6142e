//! Runs steps, shows what they print, and counts.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Mutex;
use std::time::Instant;

use anyhow::{Context, bail, ensure};

use crate::count::{Counter, Runner, Tally};
use crate::install::{NODE, install, succeeds};
use crate::steps::{
    CHECKS, DENY, PYTHON_OF_TESTS, Prepared, Step, TESTS, WEB, WEB_BUILD, WEB_CHECK,
};
use crate::{program, root};

/// What to do about what is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Skip the step that needs it, and say so.
    AsItIs,
    /// Install it.
    Install,
}

/// Runs the test steps, or those named in `only`.
///
/// # Errors
/// When a name in `only` is no step.
pub fn tests(mode: Mode, only: &[String]) -> anyhow::Result<bool> {
    if let Some(unknown) = only.iter().find(|name| TESTS.iter().all(|step| step.name != **name)) {
        let known: Vec<_> = TESTS.iter().map(|step| step.name).collect();
        bail!("`{unknown}` is no step; there are {}", known.join(", "));
    }
    let chosen = |step: &&Step| only.is_empty() || only.iter().any(|name| name == step.name);
    let tally = run_steps(TESTS.iter().filter(chosen), mode);
    println!("{tally}");
    Ok(tally.failed == 0)
}

/// Runs the checks and all tests; a skipped one is a failure here.
///
/// # Errors
/// None: what goes wrong is counted.
pub fn ci() -> anyhow::Result<bool> {
    let has_deny = succeeds("cargo deny --version");
    let deny = has_deny.then_some(&DENY);
    let tally = run_steps(CHECKS.iter().chain(deny).chain(TESTS), Mode::Install);
    if !has_deny {
        println!(
            "NOTE: no cargo-deny here. Licences were checked without it; bans were NOT checked"
        );
    }
    println!("{tally}");
    Ok(tally.failed == 0 && tally.skipped == 0)
}

/// Builds the pages, or compares them with what is committed.
///
/// # Errors
/// When Node is missing or the build fails.
pub fn web(check: bool) -> anyhow::Result<bool> {
    ensure!((NODE.is_there)(), "{} is missing", NODE.name);
    let Prepared { commands, .. } = WEB.context("the pages are built from packages")?;
    let build = if check { WEB_CHECK } else { WEB_BUILD };
    let mut counter = Counter::new(Runner::Plain);
    for command in commands.iter().chain([&build]) {
        if !run_command(command, &[], &mut counter)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn run_steps<'a>(steps: impl Iterator<Item = &'a Step>, mode: Mode) -> Tally {
    let mut total = Tally::default();
    let (mut told, mut failures) = (Vec::new(), Vec::new());
    for step in steps {
        println!("\n==> {}", step.name);
        let started = Instant::now();
        let tally = match prepare(step, mode) {
            Ok(()) => run_step(step, &mut failures),
            Err(missing) if mode == Mode::AsItIs => {
                println!("SKIPPED {}: {missing:#}", step.name);
                Tally::SKIPPED
            }
            Err(error) => {
                println!("FAILED {}: {error:#}", step.name);
                Tally::FAILED
            }
        };
        told.push(format!("{:<10} {:>6.1} s  {tally}", step.name, started.elapsed().as_secs_f64()));
        total += tally;
    }
    println!("\n{}\n", told.join("\n"));
    failures.iter().for_each(|failure| println!("{failure}"));
    total
}

/// The Python that the suite in `tests/python` runs with, its packages brought first where they are
/// missing.
///
/// # Errors
/// When there is no Python, or the packages do not come.
pub fn python() -> anyhow::Result<PathBuf> {
    let step = TESTS.iter().find(|step| step.name == "python").context("a step for Python")?;
    let Prepared { path, commands } = step.prepared.as_ref().context("Python has packages")?;
    if prepare(step, Mode::AsItIs).is_err() {
        // In silence: whoever asks may print for a program.
        for command in *commands {
            ensure!(succeeds(command), "`{command}` failed, so there is no {path}");
        }
    }
    Ok(root().join(PYTHON_OF_TESTS))
}

/// Sees to it that everything the step needs is there; the error says what is missing.
fn prepare(step: &Step, mode: Mode) -> anyhow::Result<()> {
    if mode == Mode::Install {
        install(step.tools)?;
        let mut counter = Counter::new(Runner::Plain);
        for command in step.prepared.iter().flat_map(|prepared| prepared.commands) {
            ensure!(run_command(command, &[], &mut counter)?, "`{command}` failed");
        }
        return Ok(());
    }
    let missing: Vec<_> = step.tools.iter().filter(|tool| !(tool.is_there)()).collect();
    let hint = "`cargo xtask test --install` brings it";
    ensure!(missing.is_empty(), "{missing:?} missing; {hint}");
    if let Some(prepared) = &step.prepared {
        ensure!(root().join(prepared.path).exists(), "{} is missing; {hint}", prepared.path);
    }
    Ok(())
}

fn run_step(step: &Step, failures: &mut Vec<String>) -> Tally {
    let mut counter = Counter::new(step.runner);
    let mut ended_well = true;
    for command in step.commands {
        ended_well = run_command(command, step.env, &mut counter).unwrap_or_else(|error| {
            println!("{error:#}");
            false
        });
        if !ended_well {
            println!("FAILED {}: `{command}`", step.name);
            break;
        }
    }
    failures.extend(counter.failures().iter().map(|name| format!("{}: {name}", step.name)));
    counter.finish(ended_well)
}

/// Runs `command` in the root of the repository, shows every line it prints and lets `counter` read
/// it.
fn run_command(command: &str, env: &[(&str, &str)], counter: &mut Counter) -> anyhow::Result<bool> {
    println!("    $ {command}");
    let mut words = command.split_whitespace();
    let mut child = program(words.next().context("an empty command")?)
        .args(words)
        .envs(env.iter().copied())
        .current_dir(root())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start `{command}`"))?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let counter = Mutex::new(counter);
    // Both streams at once: a full pipe would stop the child.
    std::thread::scope(|scope| {
        scope.spawn(|| show(stdout, &counter));
        scope.spawn(|| show(stderr, &counter));
    });
    Ok(child.wait()?.success())
}

fn show(stream: Option<impl Read>, counter: &Mutex<&mut Counter>) {
    let Some(stream) = stream else { return };
    for line in BufReader::new(stream).split(b'\n') {
        let Ok(line) = line else { return };
        let line = String::from_utf8_lossy(&line);
        let mut counter = counter.lock().expect("the other reader does not panic");
        println!("{line}");
        counter.read(&line);
    }
}
