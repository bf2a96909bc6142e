//! The mail server that takes the router's letters: it speaks SMTP over a stream of bytes, and at times
//! refuses, hangs or goes away, at any step.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use tokio::io::{
    AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader, DuplexStream, ReadBuf, duplex,
};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tradewind::outward::{Dial, Duplex};

use super::faults::{Fault, Plant};
use super::judge::Judge;
use super::process::{Gate, Gated};

/// Bytes on their way before a writer waits: less than some letters.
const WINDOW_BYTES: usize = 512;

/// How the mail server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailHealth {
    Well,
    /// Cannot be connected to.
    Away,
    /// Says 421 or 451 to some step.
    Busy,
    /// Says 550 or 554 to some step of the letter.
    Refuses,
    /// Breaks the connection at some step.
    Cuts,
    /// Says nothing any more from some step on.
    Hangs,
}

impl MailHealth {
    const fn fault(self) -> Option<Fault> {
        match self {
            Self::Well => None,
            Self::Away => Some(Fault::MailAway),
            Self::Busy => Some(Fault::MailBusy),
            Self::Refuses => Some(Fault::MailRefuses),
            Self::Cuts => Some(Fault::MailCuts),
            Self::Hangs => Some(Fault::MailHangs),
        }
    }

    /// Whether it can go wrong so at a step: in the middle of a letter a server does not speak.
    fn can_be_at(self, step: Step) -> bool {
        step != Step::Letter || !matches!(self, Self::Busy | Self::Refuses)
    }
}

/// Where a session is when something goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Connected,
    Hello,
    From,
    To,
    Data,
    /// In the middle of the letter.
    Letter,
    /// It has the end of the letter and does not take it.
    End,
    /// It has taken the letter and has not said so.
    Taken,
}

impl Step {
    const ALL: [Self; 8] = [
        Self::Connected,
        Self::Hello,
        Self::From,
        Self::To,
        Self::Data,
        Self::Letter,
        Self::End,
        Self::Taken,
    ];
}

#[derive(Clone)]
pub struct Mail(Arc<Mutex<State>>);

struct State {
    random: SmallRng,
    health: MailHealth,
    plant: Option<Plant>,
    judge: Judge,
    sessions: u64,
    /// Ends the sessions that hang.
    mended: CancellationToken,
}

impl State {
    /// Somebody has met what goes wrong.
    fn met(&self, health: MailHealth) {
        health.fault().into_iter().for_each(|fault| self.judge.fault(fault));
    }
}

/// The way from one process to it.
pub struct SimulatedDial {
    pub mail: Mail,
    pub gate: Arc<Gate>,
    /// The number of the task that sends.
    pub task: usize,
}

impl Dial for SimulatedDial {
    fn dial<'a>(&'a self, _: &'a str, _: u16) -> BoxFuture<'a, io::Result<Box<dyn Duplex>>> {
        let (mail, gate, task) = (self.mail.clone(), self.gate.clone(), self.task);
        let dialled = async move {
            let stream = mail.connect()?;
            Ok(Box::new(GatedStream { stream, gate, task }) as Box<dyn Duplex>)
        };
        Box::pin(Gated { task: Box::pin(dialled), number: task, gate: self.gate.clone() })
    }
}

/// The end of a process that can stand still.
struct GatedStream {
    stream: DuplexStream,
    gate: Arc<Gate>,
    task: usize,
}

impl AsyncRead for GatedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.gate.holds(self.task, context.waker()) {
            return Poll::Pending;
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for GatedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.gate.holds(self.task, context.waker()) {
            return Poll::Pending;
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.gate.holds(self.task, context.waker()) {
            return Poll::Pending;
        }
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.gate.holds(self.task, context.waker()) {
            return Poll::Pending;
        }
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// The server's end of one connection, and what goes wrong on it.
struct Session {
    mail: Mail,
    stream: BufReader<DuplexStream>,
    health: MailHealth,
    fails_at: Step,
}

impl Mail {
    pub fn new(seed: u64, plant: Option<Plant>, judge: Judge) -> Self {
        Self(Arc::new(Mutex::new(State {
            random: SmallRng::seed_from_u64(seed),
            health: MailHealth::Well,
            plant,
            judge,
            sessions: 0,
            mended: CancellationToken::new(),
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("nobody panics while holding it")
    }

    pub fn set(&self, health: MailHealth) {
        self.state().health = health;
    }

    /// It is well again, and lets go of what hangs.
    pub fn heal(&self) {
        let mut state = self.state();
        state.health = MailHealth::Well;
        std::mem::take(&mut state.mended).cancel();
    }

    fn connect(&self) -> io::Result<DuplexStream> {
        let mut state = self.state();
        if state.health == MailHealth::Away {
            state.met(MailHealth::Away);
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        state.sessions += 1;
        let health = state.health;
        let steps: Vec<_> = Step::ALL.into_iter().filter(|step| health.can_be_at(*step)).collect();
        let fails_at = *steps.choose(&mut state.random).expect("not empty");
        let panics = state.plant == Some(Plant::LetterPanics) && state.sessions.is_multiple_of(2);
        drop(state);
        assert!(!panics, "a mistake that is put in");
        let (router, ours) = duplex(WINDOW_BYTES);
        let stream = BufReader::new(ours);
        let session = Session { mail: self.clone(), stream, health, fails_at };
        tokio::spawn(session.serve());
        Ok(router)
    }
}

impl Session {
    /// Serves one connection to its end.
    async fn serve(mut self) {
        // Whatever ends it, the other side sees that it has ended.
        let _ = self.talk().await;
    }

    async fn talk(&mut self) -> Option<()> {
        self.answer(Step::Connected, "220 ready").await?;
        loop {
            let line = self.line().await?;
            let command = line.split([' ', ':']).next().unwrap_or_default().trim_end();
            let goes_on = match command {
                "EHLO" => self.answer(Step::Hello, "250 mail.shop.example").await?,
                "MAIL" => self.answer(Step::From, "250 go on").await?,
                "RCPT" => self.answer(Step::To, "250 go on").await?,
                "DATA" => self.answer(Step::Data, "354 go on").await?,
                "QUIT" => return self.say("221 farewell").await,
                _ => self.say("500 what?").await.map(|()| false)?,
            };
            if goes_on && command == "DATA" {
                self.letter().await?;
            }
        }
    }

    /// Takes a letter line by line up to its end.
    async fn letter(&mut self) -> Option<()> {
        let mut letter = String::new();
        loop {
            let line = self.line().await?;
            if line == ".\r\n" {
                break;
            }
            letter.push_str(line.strip_prefix('.').unwrap_or(&line));
            self.fails(Step::Letter).await?;
        }
        let step = if self.is_at(Step::Taken) { Step::Taken } else { Step::End };
        if !self.is_at(Step::End) && !self.refuses(step) {
            self.take(&letter);
        }
        self.answer(step, "250 taken").await.map(|_| ())
    }

    fn is_at(&self, step: Step) -> bool {
        self.health != MailHealth::Well && self.fails_at == step
    }

    fn refuses(&self, step: Step) -> bool {
        self.is_at(step) && matches!(self.health, MailHealth::Busy | MailHealth::Refuses)
    }

    fn take(&self, letter: &str) {
        let mut state = self.mail.state();
        let times = match state.plant.filter(|_| state.random.random_range(0..3) == 0) {
            Some(Plant::SendsTwice) => 2,
            Some(Plant::CountsAsSent) => 0,
            _ => 1,
        };
        for _ in 0..times {
            let taken = state.judge.state().story.owed.letter_taken(letter);
            let head = letter.lines().take(2).collect::<Vec<_>>().join(" ");
            state.judge.note("letter", &head);
            if let Err(what) = taken {
                state.judge.violation(format!("the mail server takes {head}: {what}"));
            }
        }
    }

    /// Answers a step, and whether it goes on from there.
    async fn answer(&mut self, step: Step, well: &str) -> Option<bool> {
        self.fails(step).await?;
        if !self.refuses(step) {
            return self.say(well).await.map(|()| true);
        }
        let code = match self.health {
            MailHealth::Busy => [421, 451],
            _ => [550, 554],
        };
        let code = {
            let mut state = self.mail.state();
            state.met(self.health);
            *code.choose(&mut state.random).expect("two")
        };
        self.say(&format!("{code} no")).await.map(|()| false)
    }

    /// Cuts the connection, or hangs until it is mended.
    async fn fails(&mut self, step: Step) -> Option<()> {
        if !self.is_at(step) {
            return Some(());
        }
        match self.health {
            MailHealth::Cuts => {
                self.mail.state().met(self.health);
                None
            }
            MailHealth::Hangs => {
                self.mail.state().met(self.health);
                let mended = self.mail.state().mended.clone();
                mended.cancelled().await;
                None
            }
            _ => Some(()),
        }
    }

    async fn say(&mut self, what: &str) -> Option<()> {
        let late_ms = self.mail.state().random.random_range(1..40);
        sleep(Duration::from_millis(late_ms)).await;
        let line = format!("{what}\r\n");
        self.stream.get_mut().write_all(line.as_bytes()).await.ok()
    }

    /// The next line; `None` at the end of the connection.
    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line).await.ok()?;
        (!line.is_empty() && line.ends_with('\n')).then_some(line)
    }
}
