//! Fuzzing without a corpus: good inputs are changed by chance and given to everything that reads what
//! strangers, shops and disks hold. Nothing panics, hangs or takes more memory than it may.
//!
//! `fuzz/` has the same entries for libFuzzer, which follows coverage.

#[path = "../reliability/mod.rs"]
mod reliability;
#[path = "../router/mod.rs"]
mod router;

mod entries;
mod mutate;
mod seeds;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use peak_alloc::PeakAlloc;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use router::{Router, config, get, write_shop};

/// Counts what this process holds.
#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Inputs between two looks at the clock.
const BATCH: u64 = 2_000;
/// Inputs of a plain test run.
const FEW: u64 = 10_000;
/// Time of a plain test run.
const SHORT: Duration = Duration::from_secs(20);
/// Longest time for one input. The machine may stand still meanwhile, so it counts only when it is
/// passed three times in a row.
const HANG: Duration = Duration::from_millis(100);
/// Memory for one input: so much, and so many times its bytes.
const MEMORY_MAX: usize = 4 << 20;
const MEMORY_TIMES: usize = 64;

/// Memory is counted for the whole process, so one test runs at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What one entry is fuzzed with.
struct Fuzzed<'a> {
    seeds: Vec<Vec<u8>>,
    words: &'static [&'static str],
    longest: Duration,
    memory_max: usize,
    threads: usize,
    entry: &'a (dyn Fn(&[u8]) + Sync),
}

impl<'a> Fuzzed<'a> {
    fn new(
        seeds: Vec<Vec<u8>>,
        words: &'static [&'static str],
        entry: &'a (dyn Fn(&[u8]) + Sync),
    ) -> Self {
        Self { seeds, words, longest: HANG, memory_max: MEMORY_MAX, threads: 1, entry }
    }

    /// Gives the entry as many inputs as were asked for, or as the time allows.
    fn run(self) {
        let _alone = alone();
        let (size, least) = (reliability::size(FEW), reliability::least());
        let ends = Instant::now() + reliability::longest(SHORT);
        let (begun, done) = (AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for _ in 0..self.threads {
                scope.spawn(|| {
                    while Instant::now() < ends || done.load(Ordering::Relaxed) < least {
                        let first = begun.fetch_add(BATCH, Ordering::Relaxed);
                        if first >= size {
                            break;
                        }
                        let batch = BATCH.min(size - first);
                        self.batch(reliability::first_seed() + first, batch);
                        done.fetch_add(batch, Ordering::Relaxed);
                    }
                });
            }
        });
        reliability::done(done.into_inner());
    }

    /// Gives the entry so many inputs; the same for the same seed.
    fn batch(&self, number: u64, size: u64) {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&number.to_le_bytes());
        let config = Config {
            cases: u32::try_from(size).expect("a small number"),
            failure_persistence: None,
            max_shrink_iters: 4_096,
            ..Config::default()
        };
        let chance = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
        let inputs = mutate::inputs(self.seeds.clone(), self.words);
        let run = TestRunner::new_with_rng(config, chance).run(&inputs, |input| self.check(&input));
        if let Err(failure) = run {
            panic!("seed {number}: {failure}");
        }
    }

    fn check(&self, input: &[u8]) -> Result<(), TestCaseError> {
        let held = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
        let mut took = self.time(input);
        let taken = MEMORY.peak_usage().saturating_sub(held);
        let most = self.memory_max + MEMORY_TIMES * input.len();
        if taken > most {
            return Err(TestCaseError::fail(format!("{taken} bytes of memory, at most {most}")));
        }
        for _ in 0..2 {
            if took > self.longest {
                took = took.min(self.time(input));
            }
        }
        if took > self.longest {
            return Err(TestCaseError::fail(format!("it takes {took:?}")));
        }
        Ok(())
    }

    fn time(&self, input: &[u8]) -> Duration {
        let begun = Instant::now();
        (self.entry)(input);
        begun.elapsed()
    }
}

const JSON: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "[[[[[[[[[[[[[[[[",
    ":",
    ",",
    "\"",
    "null",
    "true",
    "-1",
    "1e999",
    "0.1",
    "18446744073709551616",
    "\"\\ud800\"",
    "\"\\u0000\"",
    "\"type\":\"send\"",
    "\"type\":",
    "\"id\":",
    "\"conversation\":null",
    "\"text\":\"\"",
    "\"resume\":{}",
    "\"last_seq\":{}",
    "\"seq\":",
    "\"to\":{}",
    "\"score\":0",
    "\u{feff}",
    "😀",
    "\u{202e}",
];
const TOKENS: &[&str] = &[
    ".",
    "..",
    "=",
    "==",
    "-",
    "_",
    "v_",
    "A",
    "eyJhbGciOiJub25lIn0",
    "\"sub\":\"\"",
    "\"exp\":1e18",
    "\"exp\":null",
    "\"nbf\":9e99",
    "\"aud\":[]",
    "\"aud\":\"demo\"",
    "\"profile\":{}",
    "\"crit\":[]",
    "\"user_id\":\"\"",
    "\"hmac\":\"\"",
    "\"jwt\":\"\"",
    "{",
    "}",
    ",",
    "0",
    "\n",
    "ñ",
];
const TOML: &[&str] = &[
    "[",
    "]",
    "[[",
    "]]",
    "=",
    "\"",
    "'''",
    "\"\"\"",
    "{",
    "}",
    "\n",
    "\n[gateway]\n",
    "[[seats]]\n",
    "[[queues]]\n",
    "true",
    "-1",
    "0",
    "1e400",
    "9999999999999999999",
    "\"64KiB\"",
    "\"9EiB\"",
    "\"6s\"",
    "\"-1s\"",
    "\"99999999999h\"",
    "1979-05-27T07:32:00Z",
    "always",
    "Mon-Fri 09:00-18:00",
    "24:00-00:00",
    "Europe/Paris",
    "languages = []",
    "slots = 0",
    "TW-#####",
    "today+99999999999",
    "{order}",
    "{{",
    "#",
    ",",
    "\t",
    "\u{feff}",
    "é",
];
const BINARY: &[&str] = &[
    "TWJRNL\r\n",
    "TWSNAP\r\n",
    "\u{0}\u{0}\u{0}\u{0}",
    "\u{1}\u{0}\u{0}\u{0}",
    "\u{7f}\u{7f}\u{7f}\u{7f}",
    "conversation",
    "facts",
    "Event",
    "Opened",
    "Owned",
    "fence",
    "seq",
    "text",
];
const MAIL: &[&str] = &[
    "\r\n",
    "\n\n",
    "--b\n",
    "--b--\r\n",
    "Content-Type: ",
    "multipart/mixed; boundary=b\n\n",
    "multipart/alternative; boundary=\"b\"\n\n",
    "multipart/report; report-type=delivery-status; boundary=b\n",
    "message/rfc822\n\n",
    "message/delivery-status\n\n",
    "text/html; charset=utf-8\n\n",
    "charset*0*=utf-8''%ff",
    "Content-Transfer-Encoding: base64\n",
    "Content-Transfer-Encoding: quoted-printable\n",
    "Content-Disposition: attachment\n",
    "=?utf-8?b?",
    "=E4=BD",
    "Action: failed\n",
    "<br>",
    "&#x",
    "&amp;",
    "<!--",
    "> ",
    "On 1 Ana wrote:\n",
    "\u{0}",
    "é",
];
const HTTP: &[&str] = &[
    "\r\n",
    "\n",
    "\r",
    "\r\n\r\n",
    ":",
    " ",
    "\t",
    "HTTP/1.1",
    "HTTP/1.0",
    "HTTP/2.0",
    "GET ",
    "POST ",
    "HEAD ",
    "OPTIONS * ",
    "CONNECT x:1 ",
    "Host: x\r\n",
    "Content-Length: 5\r\n",
    "Content-Length: 99999999999999999999\r\n",
    "Content-Length: -1\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: gzip\r\n",
    "Expect: 100-continue\r\n",
    "Connection: close\r\n",
    "Connection: keep-alive, Upgrade\r\n",
    "Upgrade: websocket\r\n",
    "Origin: null\r\n",
    "ffffffff\r\n",
    "%00",
    "%2e%2e/",
    "/../",
    "?token=x",
    "\u{0}",
    "ÿ",
];

#[test]
fn frames() {
    Fuzzed::new(seeds::frames(), JSON, &entries::frame).run();
}

#[test]
fn tokens() {
    Fuzzed::new(seeds::tokens(), TOKENS, &entries::token).run();
}

#[test]
fn configuration() {
    let fuzzed = Fuzzed::new(seeds::configuration(), TOML, &entries::configuration);
    // Each unknown name is compared with every setting, and these are not sent by strangers.
    Fuzzed { threads: 2, longest: Duration::from_secs(2), memory_max: 16 << 20, ..fuzzed }.run();
}

#[test]
fn journal_bytes() {
    let fuzzed = Fuzzed::new(seeds::journal(), BINARY, &entries::journal_bytes);
    // A list that says it is long gets at most 1 MiB before it is read, and they may lie in one another.
    Fuzzed { memory_max: 64 << 20, ..fuzzed }.run();
}

/// Chance found one after two million inputs: a list that took what it was told for room to ask for.
#[test]
fn a_length_that_lies_takes_no_memory_wherever_it_stands() {
    let _alone = alone();
    let fuzzed = Fuzzed::new(Vec::new(), BINARY, &entries::journal_bytes);
    let fuzzed = Fuzzed { memory_max: 64 << 20, ..fuzzed };
    for seed in seeds::journal().iter().filter(|seed| seed.len() < 4_096) {
        for at in 1..seed.len() {
            for list in [0xdd, 0xdf] {
                let length = [list, 0x04, 0, 0, 0];
                let input = [&seed[..at], &length, &seed[at + 1..]].concat();
                fuzzed.check(&input).unwrap_or_else(|error| panic!("{list:#x} at {at}: {error}"));
            }
        }
    }
}

#[test]
fn letters() {
    Fuzzed::new(seeds::letters(), MAIL, &entries::letter).run();
}

/// Each would be kept as a part, or followed on the stack.
#[test]
fn a_letter_that_is_all_structure_takes_no_more_memory_than_a_small_one() {
    let _alone = alone();
    let multipart = "Content-Type: multipart/mixed; boundary=b\n\n";
    let letters = [
        multipart.to_owned() + &"--b\n\n".repeat(1 << 21),
        "Content-Type: message/rfc822\n\n".repeat(30_000),
        multipart.to_owned() + &format!("--b\n{multipart}").repeat(100_000),
    ];
    for body in letters {
        let letter = entries::answered(&body);
        let held = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
        entries::letter(&letter);
        let taken = MEMORY.peak_usage().saturating_sub(held);
        assert!(taken < 2 << 20, "{taken} bytes of memory for {} of a letter", letter.len());
    }
}

#[test]
fn http_heads() {
    static PANICS: AtomicUsize = AtomicUsize::new(0);
    // Those of the router's own tasks, which end nothing but themselves.
    let told = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        PANICS.fetch_add(1, Ordering::Relaxed);
        told(panic);
    }));
    let folder = tempfile::tempdir().expect("a folder");
    write_shop(folder.path(), "demo", str::to_owned);
    // What the start takes would be laid to the inputs of others.
    let starting = alone();
    let router = Router::start(config(folder.path(), "")).expect("a router");
    drop(starting);
    let address = router.address;
    let entry = |input: &[u8]| {
        entries::http_head(address, input);
        assert_eq!(PANICS.load(Ordering::Relaxed), 0, "the router panicked");
    };

    // The router's other threads work and take memory beside it.
    let fuzzed = Fuzzed::new(seeds::http(), HTTP, &entry);
    Fuzzed { threads: 4, longest: Duration::from_secs(5), memory_max: 64 << 20, ..fuzzed }.run();

    assert_eq!(get(address, "/healthz", "").0, 200, "it still serves");
}
