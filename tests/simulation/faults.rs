//! What can go wrong, and how often it did.

use std::collections::BTreeMap;

/// The kinds of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    NetDelay,
    NetReorder,
    NetDrop,
    NetDuplicate,
    PartitionOneWay,
    PartitionBothWays,
    HalfOpen,
    Reset,
    DiskSlow,
    ReadError,
    WriteError,
    SyncError,
    TornWrite,
    LostUnsynced,
    BitFlip,
    DiskFull,
    Kill,
    Pause,
    SlowTask,
    ClockForward,
    ClockBack,
    ClockSkew,
    ModelFails,
    SeatVanishes,
    HookRefuses,
    HookGone,
    HookFails,
    HookSlow,
    HookSilent,
    HookCutsBefore,
    HookCutsAfter,
    MailAway,
    MailBusy,
    MailRefuses,
    MailCuts,
    MailHangs,
    EngineSlow,
    EngineSilent,
    EngineFails,
    EngineRaves,
}

impl Fault {
    /// Of what belongs to the router and those who use it.
    pub const OWN: [Self; 24] = [
        Self::NetDelay,
        Self::NetReorder,
        Self::NetDrop,
        Self::NetDuplicate,
        Self::PartitionOneWay,
        Self::PartitionBothWays,
        Self::HalfOpen,
        Self::Reset,
        Self::DiskSlow,
        Self::ReadError,
        Self::WriteError,
        Self::SyncError,
        Self::TornWrite,
        Self::LostUnsynced,
        Self::BitFlip,
        Self::DiskFull,
        Self::Kill,
        Self::Pause,
        Self::SlowTask,
        Self::ClockForward,
        Self::ClockBack,
        Self::ClockSkew,
        Self::ModelFails,
        Self::SeatVanishes,
    ];

    /// Of partners.
    pub const PARTNERS: [Self; 16] = [
        Self::HookRefuses,
        Self::HookGone,
        Self::HookFails,
        Self::HookSlow,
        Self::HookSilent,
        Self::HookCutsBefore,
        Self::HookCutsAfter,
        Self::MailAway,
        Self::MailBusy,
        Self::MailRefuses,
        Self::MailCuts,
        Self::MailHangs,
        Self::EngineSlow,
        Self::EngineSilent,
        Self::EngineFails,
        Self::EngineRaves,
    ];

    pub fn all() -> impl Iterator<Item = Self> {
        Self::OWN.into_iter().chain(Self::PARTNERS)
    }
}

/// Mistakes that are put in on purpose, to see that they are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    /// A disk that says it has what it has not: acknowledgements run ahead of it.
    SyncsNothing,
    /// A recovery that cuts off the last record.
    CutsTooMuch,
    /// A recovery that forgets the ids of messages, so that one sent again counts as new.
    ForgetsIds,
    /// A scheduler that takes each seat to have one slot more than it has.
    OneSlotMore,
    /// A viewer is shown an event twice now and then.
    ShowsTwice,
    /// A viewer is not shown an event now and then.
    ShowsNot,
    /// The scheduler stands still.
    StopsScheduler,
    /// A webhook counts as told that was never sent.
    CountsAsTold,
    /// A webhook says something else than what happened.
    TellsAnother,
    /// A webhook is signed with another key.
    SignsAnother,
    /// A letter is sent twice.
    SendsTwice,
    /// A letter counts as sent that never was.
    CountsAsSent,
    /// A customer is shown a translation in place of what was written.
    ShowsTranslated,
    /// A call of a hook panics now and then.
    CallPanics,
    /// A session with the mail server panics now and then.
    LetterPanics,
}

impl Plant {
    pub const ALL: [Self; 15] = [
        Self::SyncsNothing,
        Self::CutsTooMuch,
        Self::ForgetsIds,
        Self::OneSlotMore,
        Self::ShowsTwice,
        Self::ShowsNot,
        Self::StopsScheduler,
        Self::CountsAsTold,
        Self::TellsAnother,
        Self::SignsAnother,
        Self::SendsTwice,
        Self::CountsAsSent,
        Self::ShowsTranslated,
        Self::CallPanics,
        Self::LetterPanics,
    ];
}

/// How often each kind happened: those of partners when somebody met them. What could not happen, as a reset
/// without a connection, does not count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(pub BTreeMap<Fault, u64>);

impl Faults {
    pub fn count(&mut self, fault: Fault) {
        *self.0.entry(fault).or_default() += 1;
    }

    pub fn add(&mut self, others: &Self) {
        for (fault, count) in &others.0 {
            *self.0.entry(*fault).or_default() += count;
        }
    }

    pub fn missing(&self) -> Vec<Fault> {
        Fault::all().filter(|fault| !self.0.contains_key(fault)).collect()
    }
}
