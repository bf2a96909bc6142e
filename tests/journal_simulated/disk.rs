//! A disk in memory that keeps only what was synced.
//!
//! After a power cut each unsynced write is there, not there, or there in part, sector by sector
//! and in any order; so is each unsynced rename. Syncs can be made to fail or to wait, the space to
//! run out, and the power to go at the n-th operation from now.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use tradewind::journal::{Folder, FolderFile, FolderLock};

const SECTOR_BYTES: usize = 512;

/// Reproducible chance (SplitMix64).
pub struct Chance(pub u64);

impl Chance {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).expect("below a usize")
    }
}

#[derive(Clone)]
pub struct SimulatedDisk(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    gate: Condvar,
}

#[derive(Default)]
struct State {
    files: BTreeMap<u64, SimulatedFile>,
    /// Names as a running program sees them, and as they survive a cut.
    names: BTreeMap<String, u64>,
    synced_names: BTreeMap<String, u64>,
    unsynced_names: Vec<NameChange>,
    next_file: u64,
    /// Operations until the power goes.
    power_left: Option<u64>,
    is_off: bool,
    syncs_to_fail: u32,
    lies: bool,
    writes_to_fail: u32,
    unreadable: Option<u64>,
    is_gate_closed: bool,
    waiting_at_gate: u32,
    capacity_bytes: Option<u64>,
}

#[derive(Clone, Default)]
struct SimulatedFile {
    bytes: Vec<u8>,
    synced: Vec<u8>,
    unsynced: Vec<(usize, Vec<u8>)>,
}

enum NameChange {
    Set(String, u64),
    Rename(String, String),
    Remove(String),
}

impl SimulatedDisk {
    pub fn new() -> Self {
        Self(Arc::new(Inner { state: Mutex::default(), gate: Condvar::new() }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().expect("no test panics while it holds the disk")
    }

    /// The power goes at the n-th changing operation from now.
    pub fn cut_power_after(&self, operations: u64) {
        self.state().power_left = Some(operations);
    }

    /// The power does not go after all.
    pub fn keep_power(&self) {
        self.state().power_left = None;
    }

    /// The disk as it is found after a power cut, unsynced changes kept as chance has it.
    pub fn after_power_cut(&self, chance: &mut Chance) -> Self {
        let state = self.state();
        let mut files = BTreeMap::new();
        for (&id, file) in &state.files {
            let mut bytes = file.synced.clone();
            for (offset, written) in &file.unsynced {
                write_in_part(&mut bytes, *offset, written, chance);
            }
            files.insert(id, SimulatedFile { synced: bytes.clone(), bytes, unsynced: Vec::new() });
        }
        let mut names = state.synced_names.clone();
        for change in &state.unsynced_names {
            if chance.below(2) == 0 {
                apply(&mut names, change);
            }
        }
        let next_file = state.next_file;
        let state =
            State { files, synced_names: names.clone(), names, next_file, ..State::default() };
        Self(Arc::new(Inner { state: Mutex::new(state), gate: Condvar::new() }))
    }

    /// The disk as it is found after a power cut that took everything that was not synced.
    pub fn after_losing_unsynced(&self) -> Self {
        let state = self.state();
        let files = state.files.iter().map(|(&id, file)| {
            let bytes = file.synced.clone();
            (id, SimulatedFile { synced: bytes.clone(), bytes, unsynced: Vec::new() })
        });
        let names = state.synced_names.clone();
        let state = State {
            files: files.collect(),
            synced_names: names.clone(),
            names,
            next_file: state.next_file,
            ..State::default()
        };
        Self(Arc::new(Inner { state: Mutex::new(state), gate: Condvar::new() }))
    }

    /// Whether the power is off.
    pub fn is_off(&self) -> bool {
        self.state().is_off
    }

    /// A bit of what is written in a file: its byte and its mask.
    pub fn some_bit(&self, name: &str, chance: &mut Chance) -> Option<(usize, u8)> {
        let bytes = self.content(name);
        let written: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] != 0).collect();
        let at = *written.get(chance.below(written.len()))?;
        Some((at, 1 << chance.below(8)))
    }

    /// Turns a bit over.
    pub fn flip_bit(&self, name: &str, (at, mask): (usize, u8)) {
        let mut state = self.state();
        let id = state.names[name];
        let file = state.files.get_mut(&id).expect("a name has its file");
        file.bytes[at] ^= mask;
        if let Some(synced) = file.synced.get_mut(at) {
            *synced ^= mask;
        }
    }

    /// A copy that shares nothing, with every write synced.
    pub fn copy(&self) -> Self {
        let state = self.state();
        let files = state.files.iter().map(|(&id, file)| {
            let bytes = file.bytes.clone();
            (id, SimulatedFile { synced: bytes.clone(), bytes, unsynced: Vec::new() })
        });
        let state = State {
            files: files.collect(),
            names: state.names.clone(),
            synced_names: state.names.clone(),
            next_file: state.next_file,
            ..State::default()
        };
        Self(Arc::new(Inner { state: Mutex::new(state), gate: Condvar::new() }))
    }

    /// The next `count` syncs fail; what they should have made durable is forgotten as clean.
    pub fn fail_syncs(&self, count: u32) {
        self.state().syncs_to_fail = count;
    }

    /// Syncs of files succeed and keep nothing.
    pub fn lie(&self) {
        self.state().lies = true;
    }

    /// The next `count` writes fail.
    pub fn fail_writes(&self, count: u32) {
        self.state().writes_to_fail = count;
    }

    /// Reads of this file fail until it is called with `None`.
    pub fn fail_reads_of(&self, name: Option<&str>) {
        let mut state = self.state();
        state.unreadable = name.map(|name| state.names[name]);
    }

    pub fn limit_capacity(&self, bytes: Option<u64>) {
        self.state().capacity_bytes = bytes;
    }

    pub fn used_bytes(&self) -> u64 {
        self.state().used_bytes()
    }

    /// Syncs of files wait until the gate opens.
    pub fn close_gate(&self) {
        self.state().is_gate_closed = true;
    }

    pub fn open_gate(&self) {
        self.state().is_gate_closed = false;
        self.0.gate.notify_all();
    }

    /// Returns once a sync waits at the gate.
    pub fn wait_for_sync_at_gate(&self) {
        let mut state = self.state();
        while state.waiting_at_gate == 0 {
            state = self.0.gate.wait(state).expect("no test panics while it holds the disk");
        }
    }

    /// True when nothing waits for a sync.
    pub fn is_settled(&self) -> bool {
        let state = self.state();
        state.unsynced_names.is_empty() && state.files.values().all(|file| file.unsynced.is_empty())
    }

    /// True for a segment that holds more than its header.
    pub fn is_used(&self, name: &str) -> bool {
        self.content(name)[4096..].iter().any(|byte| *byte != 0)
    }

    pub fn names(&self) -> Vec<String> {
        self.state().names.keys().cloned().collect()
    }

    pub fn content(&self, name: &str) -> Vec<u8> {
        let state = self.state();
        state.files[&state.names[name]].bytes.clone()
    }

    /// Puts a file there, as if it had always been there.
    pub fn plant(&self, name: &str, bytes: Vec<u8>) {
        let mut state = self.state();
        let id = state.next_file;
        state.next_file += 1;
        let file = SimulatedFile { synced: bytes.clone(), bytes, unsynced: Vec::new() };
        state.files.insert(id, file);
        state.names.insert(name.to_owned(), id);
        state.synced_names.insert(name.to_owned(), id);
    }

    pub fn delete(&self, name: &str) {
        let mut state = self.state();
        state.names.remove(name);
        state.synced_names.remove(name);
    }
}

impl State {
    /// Counts a changing operation; the one at which the power goes is the last to happen.
    fn spend(&mut self) -> io::Result<()> {
        if self.is_off {
            return Err(io::Error::other("the power is off"));
        }
        if let Some(left) = &mut self.power_left {
            *left = left.saturating_sub(1);
            self.is_off = *left == 0;
        }
        Ok(())
    }

    fn used_bytes(&self) -> u64 {
        self.names.values().map(|id| self.files[id].bytes.len() as u64).sum()
    }

    fn change_name(&mut self, change: NameChange) -> io::Result<()> {
        self.spend()?;
        apply(&mut self.names, &change);
        self.unsynced_names.push(change);
        Ok(())
    }

    fn find(&self, name: &str) -> io::Result<u64> {
        self.names.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

fn apply(names: &mut BTreeMap<String, u64>, change: &NameChange) {
    match change {
        NameChange::Set(name, id) => {
            names.insert(name.clone(), *id);
        }
        NameChange::Rename(from, to) => {
            if let Some(id) = names.remove(from) {
                names.insert(to.clone(), id);
            }
        }
        NameChange::Remove(name) => {
            names.remove(name);
        }
    }
}

fn write(bytes: &mut Vec<u8>, offset: usize, written: &[u8]) {
    let end = offset + written.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[offset..end].copy_from_slice(written);
}

/// Each sector of a write arrives whole, in part or not at all.
fn write_in_part(bytes: &mut Vec<u8>, offset: usize, written: &[u8], chance: &mut Chance) {
    let mut at = 0;
    while at < written.len() {
        let sector_end = SECTOR_BYTES - (offset + at) % SECTOR_BYTES;
        let part = &written[at..written.len().min(at + sector_end)];
        let kept = match chance.below(3) {
            0 => 0,
            1 => part.len(),
            _ => chance.below(part.len() + 1),
        };
        write(bytes, offset + at, &part[..kept]);
        at += part.len();
    }
}

impl Folder for SimulatedDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.names())
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn FolderFile>> {
        let id = self.state().find(name)?;
        Ok(Box::new(OpenFile { disk: self.clone(), id }))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn FolderFile>> {
        let mut state = self.state();
        if state.names.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let id = state.next_file;
        state.next_file += 1;
        state.files.insert(id, SimulatedFile::default());
        state.change_name(NameChange::Set(name.to_owned(), id))?;
        Ok(Box::new(OpenFile { disk: self.clone(), id }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state();
        state.find(from)?;
        state.change_name(NameChange::Rename(from.to_owned(), to.to_owned()))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.state();
        state.find(name)?;
        state.change_name(NameChange::Remove(name.to_owned()))
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.state();
        state.spend()?;
        state.unsynced_names.clear();
        state.synced_names = state.names.clone();
        Ok(())
    }

    fn lock(&self) -> io::Result<Option<FolderLock>> {
        Ok(Some(FolderLock::new(())))
    }

    fn path(&self) -> &Path {
        Path::new("simulated")
    }
}

struct OpenFile {
    disk: SimulatedDisk,
    id: u64,
}

impl OpenFile {
    fn with<T>(&self, act: impl FnOnce(&mut SimulatedFile) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.disk.state();
        act(state.files.get_mut(&self.id).expect("open files stay"))
    }
}

impl FolderFile for OpenFile {
    fn len_bytes(&self) -> io::Result<u64> {
        self.with(|file| Ok(file.bytes.len() as u64))
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let offset = usize::try_from(offset).expect("simulated files are small");
        if self.disk.state().unreadable == Some(self.id) {
            return Err(io::Error::other("the disk cannot read this"));
        }
        self.with(|file| {
            let bytes = file
                .bytes
                .get(offset..offset + buffer.len())
                .ok_or(io::ErrorKind::UnexpectedEof)?;
            buffer.copy_from_slice(bytes);
            Ok(())
        })
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let offset = usize::try_from(offset).expect("simulated files are small");
        let mut state = self.disk.state();
        state.spend()?;
        if state.writes_to_fail > 0 {
            state.writes_to_fail -= 1;
            return Err(io::Error::other("the disk cannot write this"));
        }
        let grows = (offset + bytes.len()).saturating_sub(state.files[&self.id].bytes.len());
        if let Some(capacity) = state.capacity_bytes
            && state.used_bytes() + grows as u64 > capacity
        {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let file = state.files.get_mut(&self.id).expect("open files stay");
        write(&mut file.bytes, offset, bytes);
        file.unsynced.push((offset, bytes.to_vec()));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        if state.is_gate_closed {
            state.waiting_at_gate += 1;
            self.disk.0.gate.notify_all();
            while state.is_gate_closed {
                state = self.disk.0.gate.wait(state).expect("no test panics with the disk");
            }
            state.waiting_at_gate -= 1;
        }
        state.spend()?;
        if state.lies {
            return Ok(());
        }
        let is_failing = state.syncs_to_fail > 0;
        state.syncs_to_fail = state.syncs_to_fail.saturating_sub(1);
        let file = state.files.get_mut(&self.id).expect("open files stay");
        let writes = std::mem::take(&mut file.unsynced);
        if is_failing {
            return Err(io::Error::other("the disk lost the write"));
        }
        for (offset, bytes) in writes {
            write(&mut file.synced, offset, &bytes);
        }
        Ok(())
    }
}
