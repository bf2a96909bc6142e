//! A journal that its owner drives, a commit at a time.

use super::writer::{Command, Writer};

/// The writer of a journal without threads. Dropping it is what a killed process does: nothing more
/// is written, and every handle hears that the journal is closed.
pub struct Steps {
    /// `None` once the journal was closed.
    writer: Option<Writer>,
    waiting: Option<Command>,
}

impl Steps {
    pub(super) fn new(writer: Writer) -> Self {
        Self { writer: Some(writer), waiting: None }
    }

    /// Returns once there is something to do; false when the journal was closed, or every handle is
    /// gone, and all that was taken is done.
    pub async fn wait(&mut self) -> bool {
        if self.waiting.is_some() {
            return true;
        }
        if let Some(writer) = &mut self.writer {
            self.waiting = writer.next().await;
        }
        match self.waiting {
            Some(_) => true,
            None => {
                self.writer.take().into_iter().for_each(Writer::end);
                false
            }
        }
    }

    /// Does what [`Self::wait`] waited for: one commit of everything that waits by now. `on_disk`
    /// gets the payload of each record that is on disk now, in order, before anybody else is told.
    pub fn step(&mut self, on_disk: &mut dyn FnMut(&[u8])) {
        if let (Some(writer), Some(command)) = (&mut self.writer, self.waiting.take()) {
            writer.take(command, &mut |batch| batch.payloads().for_each(&mut *on_disk));
        }
    }
}
