//! An explanation as a person reads it.

use std::fmt;

use super::explain::{Explanation, RecordView, Standing};
use super::records::Step;
use super::search::SearchView;

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { conversation, shop, rules, now, records } = self;
        writeln!(f, "conversation {conversation} of the shop {shop}, rules {rules}")?;
        writeln!(f, "now: {now}")?;
        if records.is_empty() {
            writeln!(f, "no decision is remembered")?;
        }
        for record in records {
            write!(f, "\n{record}")?;
            if record.rules != *rules {
                writeln!(f, "    decided by other rules, {}", record.rules)?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waiting(waiting) => {
                write!(f, "waits for {}", waiting.reason.as_str())?;
                if let Some(seat) = &waiting.seat {
                    write!(f, ", with {seat} being asked")?;
                }
                write!(f, ", place {}", waiting.place)?;
                match waiting.held_until {
                    Some(until) => write!(f, ", until {until} at the most"),
                    None => write_wait(f, waiting.wait_s),
                }
            }
            Self::Owned { seat, since } => write!(f, "with {seat} since {since}"),
            Self::Gone => f.write_str("no longer in the queue: answered, closed, or a ticket"),
        }
    }
}

impl fmt::Display for RecordView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  {}", self.at, self.step)?;
        match &self.search {
            Some(search) => write!(f, "\n{search}"),
            None => writeln!(f),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waits { reason, place, wait_s } => {
                write!(f, "waits for {}, place {place}", reason.as_str())?;
                write_wait(f, *wait_s)
            }
            Self::Offered { seat, why } => write!(f, "offered to {seat}: {}", why.join("; ")),
            Self::Held { until } => {
                write!(f, "waits for a supervisor's approval, until {until} at the most")
            }
            Self::Approved { by: Some(seat) } => write!(f, "approved by {seat}"),
            Self::Approved { by: None } => f.write_str("goes on, held as long as it may be"),
            Self::Declined { seat } => write!(f, "{seat} declined it"),
            Self::Withdrawn { seat, reason } => {
                write!(f, "taken back from {seat}, which was asked: {}", reason.as_str())
            }
            Self::Assigned { seat } => write!(f, "{seat} owns it"),
            Self::TakenBack { seat, reason } => {
                write!(f, "taken from {seat}: {}", reason.as_str())
            }
            Self::Ticket { reason, opens_at: None } => write!(f, "ticket: {}", reason.as_str()),
            Self::Ticket { reason, opens_at: Some(at) } => {
                write!(f, "ticket: {}, somebody is there from {at} on", reason.as_str())
            }
            Self::Escalated { hops } => write!(f, "a supervisor is called after {hops} owners"),
        }
    }
}

impl fmt::Display for SearchView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "    asked for {}, {}", self.language, self.skill)?;
        if let Some(region) = &self.region {
            write!(f, ", {region}")?;
        }
        let waited_s = self.waited_ms as f64 / 1_000.0;
        writeln!(f, "; had waited {waited_s:.1} s, beside {} in the shop", self.waiting)?;
        for (at, step) in self.filters.iter().enumerate() {
            let sign = if at == 0 { "    " } else { " > " };
            write!(f, "{sign}{} {}", step.filter, step.left)?;
        }
        writeln!(f)?;
        for seat in &self.seats {
            writeln!(
                f,
                "    {} {:.2} = 0.4 x {} of {} slots + 0.6 x price {:.2}",
                seat.seat, seat.score, seat.used, seat.slots, seat.price
            )?;
        }
        Ok(())
    }
}

fn write_wait(f: &mut fmt::Formatter<'_>, wait_s: Option<(u32, u32)>) -> fmt::Result {
    match wait_s {
        Some((low, high)) => write!(f, ", expected in {low} to {high} s"),
        None => f.write_str(", nobody for it is signed in"),
    }
}
