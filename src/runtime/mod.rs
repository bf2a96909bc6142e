//! What stages need from the machine, as small owned parts: a clock, an inbox and a certificate.

mod certificate;
mod clock;
mod inbox;
pub mod sync;

pub use certificate::{Certificate, CertificateError, CertificateFiles, Validity};
pub use clock::Clock;
pub use inbox::{Full, Inbox};
