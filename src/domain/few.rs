//! Reading short lists that were kept.

use serde::{Deserialize, Deserializer};
use smallvec::{Array, SmallVec};

/// Reads a short list. By itself `smallvec` asks for as much room as a list says that it needs, which a
/// damaged one may say of any length; a `Vec` of serde's believes a megabyte of it.
///
/// # Errors
/// When it is no list, or an entry is not one of its.
pub fn few<'de, D: Deserializer<'de>, A>(deserializer: D) -> Result<SmallVec<A>, D::Error>
where
    A: Array,
    A::Item: Deserialize<'de>,
{
    Vec::deserialize(deserializer).map(SmallVec::from_iter)
}
