//! The scheduler in virtual time: a file for each of its promises, and the contact centre that they share.

mod approval;
mod chance;
mod common;
mod expected_wait;
mod explain;
mod hours;
mod index;
mod load;
mod offers;
mod owners;
mod queues;
mod reload;
mod scan;
mod shifts;
mod shops;
mod simulation;
mod slots;
mod supervisor;
mod translation;
mod waiting;
