//! The frames that wait for one socket.

use std::collections::VecDeque;
use std::task::{Context, Poll};

use parking_lot::Mutex;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::protocol::CloseCode;
use crate::runtime::sync::AtomicWaker;

/// One encoded frame; a clone shares its bytes.
pub type Frame = Utf8Bytes;

/// Frames on their way to one socket: put in by whoever owns the conversation, taken out by the
/// connection's task.
#[derive(Debug)]
pub struct Outbox {
    state: Mutex<State>,
    reader: AtomicWaker,
    waiting_bytes_max: usize,
}

#[derive(Debug, Default)]
struct State {
    frames: VecDeque<Frame>,
    bytes: usize,
    closed: Option<CloseCode>,
}

/// What the connection's task should do next.
#[derive(Debug, PartialEq, Eq)]
pub enum Ready {
    /// Write these frames, now in the caller's buffer.
    Write,
    /// Close the socket.
    Close(CloseCode),
}

impl Outbox {
    /// An empty outbox that takes frames while fewer than `waiting_bytes_max` bytes wait.
    pub fn new(waiting_bytes_max: usize) -> Self {
        Self { state: Mutex::default(), reader: AtomicWaker::new(), waiting_bytes_max }
    }

    /// Adds a frame. A reader who has let more than its limit wait already is closed with
    /// [`CloseCode::Slow`]; one frame alone may be larger, as the history of a long conversation is.
    pub fn push(&self, frame: Frame) {
        let mut state = self.state.lock();
        if state.closed.is_some() {
            return;
        }
        if state.bytes >= self.waiting_bytes_max {
            state.closed = Some(CloseCode::Slow);
            state.frames = VecDeque::new();
        } else {
            state.bytes += frame.len();
            state.frames.push_back(frame);
        }
        drop(state);
        self.reader.wake();
    }

    /// Ends the connection; the first reason stays.
    pub fn close(&self, code: CloseCode) {
        self.state.lock().closed.get_or_insert(code);
        self.reader.wake();
    }

    /// Whether the connection has ended or is about to.
    pub fn is_closed(&self) -> bool {
        self.state.lock().closed.is_some()
    }

    /// Waits until the reader has let more wait than it may; nothing else that closes it ends the wait.
    pub fn poll_slow(&self, context: &mut Context<'_>) -> Poll<()> {
        self.reader.register(context.waker());
        match self.state.lock().closed {
            Some(CloseCode::Slow) => Poll::Ready(()),
            _ => Poll::Pending,
        }
    }

    /// Moves what waits to `buffer`, or says that the connection must close.
    pub fn poll_ready(&self, context: &mut Context<'_>, buffer: &mut Vec<Frame>) -> Poll<Ready> {
        self.reader.register(context.waker());
        let mut state = self.state.lock();
        if !state.frames.is_empty() {
            state.bytes = 0;
            buffer.extend(state.frames.drain(..));
            // An idle connection should not keep the room that a burst needed.
            state.frames.shrink_to(4);
            return Poll::Ready(Ready::Write);
        }
        match state.closed {
            Some(code) => Poll::Ready(Ready::Close(code)),
            None => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    fn take(outbox: &Outbox) -> (Poll<Ready>, Vec<Frame>) {
        let mut buffer = Vec::new();
        let ready = outbox.poll_ready(&mut Context::from_waker(Waker::noop()), &mut buffer);
        (ready, buffer)
    }

    #[test]
    fn frames_leave_in_order_and_before_the_close() {
        let outbox = Outbox::new(100);
        outbox.push("a".into());
        outbox.push("b".into());
        outbox.close(CloseCode::Draining);
        outbox.push("too late".into());

        assert_eq!(take(&outbox), (Poll::Ready(Ready::Write), vec!["a".into(), "b".into()]));
        assert_eq!(take(&outbox), (Poll::Ready(Ready::Close(CloseCode::Draining)), vec![]));
    }

    #[test]
    fn a_reader_over_its_limit_is_cut_off_and_holds_no_memory() {
        let outbox = Outbox::new(10);
        outbox.push("12345".into());
        outbox.push("12345".into());
        assert!(!outbox.is_closed());

        outbox.push("6".into());

        assert_eq!(take(&outbox), (Poll::Ready(Ready::Close(CloseCode::Slow)), vec![]));
    }

    #[test]
    fn a_writer_that_is_stuck_hears_that_its_reader_is_too_slow() {
        let outbox = Outbox::new(10);
        let slow = || outbox.poll_slow(&mut Context::from_waker(Waker::noop()));
        outbox.push("1234567890".into());
        assert_eq!(slow(), Poll::Pending);

        outbox.push("1".into());

        assert_eq!(slow(), Poll::Ready(()));
        let draining = Outbox::new(10);
        draining.close(CloseCode::Draining);
        let other = draining.poll_slow(&mut Context::from_waker(Waker::noop()));
        assert_eq!(other, Poll::Pending, "what was put in before still goes out");
    }

    #[test]
    fn a_frame_larger_than_the_limit_does_not_cut_off_who_reads() {
        let outbox = Outbox::new(10);
        outbox.push("small".into());
        outbox.push("larger than the limit".into());

        assert_eq!(
            take(&outbox),
            (Poll::Ready(Ready::Write), vec!["small".into(), "larger than the limit".into()])
        );
    }

    #[test]
    fn an_empty_outbox_waits() {
        assert_eq!(take(&Outbox::new(10)).0, Poll::Pending);
    }
}
