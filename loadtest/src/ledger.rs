//! A file with every step as it happens, one JSON object a line, for tests that kill the server or
//! the harness and compare afterwards.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::sync::Mutex;

use anyhow::{Context as _, Result};
use serde::Serialize;
use uuid::Uuid;

use crate::stats::lock;
use crate::verify::{Said, Viewer};

/// One line of the ledger, without its moment.
#[derive(Debug)]
pub enum Entry<'a> {
    Visitor { identity: usize, visitor: &'a str },
    Sent { viewer: Viewer, said: Said },
    Acked { viewer: Viewer, conversation: Uuid, epoch: u64, seq: u64, said: Said },
    Seen { viewer: Viewer, conversation: Uuid, seq: u64, said: Option<Said> },
}

/// The open file.
#[derive(Debug)]
pub struct Ledger(Mutex<BufWriter<File>>);

#[derive(Default, Serialize)]
struct Line<'a> {
    at_ms: u64,
    what: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    viewer: Option<Viewer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    epoch: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    visitor: Option<&'a str>,
}

impl Ledger {
    /// Begins a new file.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn create(path: &Path) -> Result<Self> {
        let file = File::create(path)
            .with_context(|| format!("creating the ledger {}", path.display()))?;
        Ok(Self(Mutex::new(BufWriter::new(file))))
    }

    /// Appends a line. A full disk must not change the course of a measurement, so it is only told
    /// about on standard error.
    pub fn write(&self, at_ms: u64, entry: &Entry<'_>) {
        let line = Line::new(at_ms, entry);
        let mut file = lock(&self.0);
        let written = serde_json::to_writer(&mut *file, &line)
            .map_err(std::io::Error::from)
            .and_then(|()| file.write_all(b"\n"));
        if let Err(why) = written {
            eprintln!("the ledger cannot be written: {why}");
        }
    }

    /// Hands what is buffered to the system.
    pub fn flush(&self) {
        if let Err(why) = lock(&self.0).flush() {
            eprintln!("the ledger cannot be written: {why}");
        }
    }
}

impl<'a> Line<'a> {
    fn new(at_ms: u64, entry: &Entry<'a>) -> Self {
        let hash = |said: Said| Some(format!("{:016x}", said.hash));
        match *entry {
            Entry::Visitor { identity, visitor } => Self {
                at_ms,
                what: "visitor",
                identity: Some(identity),
                visitor: Some(visitor),
                ..Self::default()
            },
            Entry::Sent { viewer, said } => Self {
                at_ms,
                what: "sent",
                viewer: Some(viewer),
                id: Some(said.id),
                hash: hash(said),
                ..Self::default()
            },
            Entry::Acked { viewer, conversation, epoch, seq, said } => Self {
                at_ms,
                what: "acked",
                viewer: Some(viewer),
                conversation: Some(conversation),
                epoch: Some(epoch),
                seq: Some(seq),
                id: Some(said.id),
                hash: hash(said),
                ..Self::default()
            },
            Entry::Seen { viewer, conversation, seq, said } => Self {
                at_ms,
                what: "seen",
                viewer: Some(viewer),
                conversation: Some(conversation),
                seq: Some(seq),
                id: said.map(|said| said.id),
                hash: said.and_then(hash),
                ..Self::default()
            },
        }
    }
}
