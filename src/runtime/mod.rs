//! What stages need from the machine, as small owned parts: a clock, an inbox, a certificate, the way out
//! over HTTP, the verification of signatures and files that are written whole.

mod certificate;
mod clock;
mod inbox;
mod reach;
mod signatures;
pub mod sync;
mod trust;
mod web;
mod whole_file;

pub use certificate::{Certificate, CertificateError, CertificateFiles, Validity};
pub use clock::Clock;
pub use inbox::{Full, Inbox};
pub use reach::{NoPlace, Place};
pub use signatures::install_verifier;
pub use trust::{TrustError, client_config};
pub use web::{AskWeb, Internet, OpenWeb, Reach, Web, WebAnswer, WebError, WebRequest, WebRules};
pub use whole_file::{sync_folder, write_whole};
