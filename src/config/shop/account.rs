//! Who may sit at a seat, and secrets that never show in a log.

use std::fmt;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use serde::Serialize;
use subtle::ConstantTimeEq;

use crate::domain::SeatProfile;

use super::edit::Role;
use super::openid::SeatIdentity;

/// A seat with what opens it.
#[derive(Clone, Debug)]
pub struct SeatAccount {
    /// What the seat can do and when.
    pub profile: SeatProfile,
    /// What its owner types; `None` when the provider of the shop alone vouches for the seat.
    pub password: Option<Password>,
    /// How the provider of the shop knows it.
    pub identity: SeatIdentity,
    /// Whether it may be given conversations. One that may not only looks, and acts as a supervisor
    /// where it is one.
    pub replies: bool,
    /// Whether it may assign, take over and close every conversation of the shop.
    pub supervisor: bool,
    /// Whether it may also look after the shop's seats, origins and keys; such a one is a supervisor.
    pub admin: bool,
}

/// What may be told of a seat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SeatSummary {
    /// Sign-in name.
    pub seat: String,
    /// What it may do.
    pub role: Role,
    /// Language codes.
    pub languages: Vec<String>,
    /// Skills.
    pub skills: Vec<String>,
    /// Conversations at a time.
    pub slots: u8,
}

impl SeatAccount {
    /// The highest role of the seat.
    pub fn role(&self) -> Role {
        match (self.admin, self.supervisor) {
            (true, _) => Role::Admin,
            (false, true) => Role::Supervisor,
            (false, false) => Role::Seat,
        }
    }

    /// What may be told of it.
    pub fn summary(&self) -> SeatSummary {
        let profile = &self.profile;
        SeatSummary {
            seat: profile.id.to_string(),
            role: self.role(),
            languages: profile.languages.iter().map(ToString::to_string).collect(),
            skills: profile.skills.iter().map(ToString::to_string).collect(),
            slots: profile.slots.get(),
        }
    }
}

/// How a password is kept.
#[derive(Clone)]
pub enum Password {
    /// An Argon2 hash in PHC form.
    Hash(Box<PasswordHash>),
    /// The password itself: demo shops only, so that the demo can print it.
    Demo(String),
}

/// Why a text cannot be a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Easily guessed.
    #[error("the password is shorter than {} characters", Password::CHARS_MIN)]
    Short,
    /// Such as a file that was piped in.
    #[error("the password is longer than {} bytes", Password::BYTES_MAX)]
    Long,
    /// The system gives no random bytes.
    #[error("the password cannot be hashed")]
    Hash,
}

impl Password {
    /// Shortest password.
    pub const CHARS_MIN: usize = 8;
    /// Longest password.
    pub const BYTES_MAX: usize = 1024;

    /// What a shop's file keeps of a password: Argon2id in PHC form. Takes tens of milliseconds.
    ///
    /// # Errors
    /// When it is too short or too long.
    pub fn hash(password: &str) -> Result<String, PasswordError> {
        if password.chars().count() < Self::CHARS_MIN {
            return Err(PasswordError::Short);
        }
        if password.len() > Self::BYTES_MAX {
            return Err(PasswordError::Long);
        }
        let hash = Argon2::default().hash_password(password.as_bytes());
        Ok(hash.map_err(|_| PasswordError::Hash)?.to_string())
    }

    /// Whether `given` is the password. Takes tens of milliseconds of CPU for a hash, by design:
    /// call it away from the socket threads.
    pub fn verify(&self, given: &str) -> bool {
        match self {
            Self::Hash(hash) => {
                Argon2::default().verify_password(given.as_bytes(), hash.as_ref()).is_ok()
            }
            Self::Demo(password) => password.as_bytes().ct_eq(given.as_bytes()).into(),
        }
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hash(_) => f.write_str("Hash(…)"),
            Self::Demo(_) => f.write_str("Demo(…)"),
        }
    }
}

/// A key shared with the shop's own server, which signs the ids of its users with it.
#[derive(Clone, PartialEq, Eq)]
pub struct IdentitySecret(String);

impl IdentitySecret {
    /// Shortest accepted secret: as long as the output of the hash that it keys.
    pub const BYTES_MIN: usize = 32;

    pub(super) fn new(text: String) -> Option<Self> {
        (text.len() >= Self::BYTES_MIN).then_some(Self(text))
    }

    /// The key of the HMAC.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for IdentitySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdentitySecret(…)")
    }
}

#[cfg(test)]
mod tests {
    use argon2::{Algorithm, Params, Version};

    use super::*;

    #[test]
    fn a_password_opens_its_seat_and_nothing_else_does() {
        // The lightest parameters: the test is about the comparison, not about its cost.
        let params = Params::new(8, 1, 1, None).expect("parameters");
        let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let hash = hasher.hash_password(b"correct horse").expect("a hash");

        for password in [Password::Hash(Box::new(hash)), Password::Demo("correct horse".to_owned())]
        {
            assert!(password.verify("correct horse"));
            assert!(!password.verify("correct horse "));
            assert!(!password.verify(""));
            assert!(!format!("{password:?}").contains("horse"));
        }
    }
}
