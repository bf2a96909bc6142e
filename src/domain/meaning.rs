//! What a message is compared by: what of it is the same in every language, and what is not.

/// A message as the detector of incidents compares it. It holds no text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Meaning {
    /// The vector that the fast tier reads labels from, of length one.
    pub vector: Vec<f32>,
    /// Probability of each intent, in the order of [`super::Intent::ALL`].
    pub intents: Vec<f32>,
}
