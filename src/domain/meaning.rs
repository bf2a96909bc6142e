//! What a message is compared by: what of it is the same in every language, and what is not.

/// A message as the detector of incidents compares it. It holds no text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Meaning {
    /// The vector that the fast tier reads labels from, of length one.
    pub vector: Vec<f32>,
    /// Probability of each intent, in the order of [`super::Intent::ALL`].
    pub intents: Vec<f32>,
}

/// What an encoder adds to that, where a shop has one that was fitted for incidents. It holds no text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sensed {
    /// What the message is about, whatever its language: of length one. Only points of one encoder can be
    /// compared.
    pub point: Vec<f32>,
    /// Log-odds that it is bound to an order, an account or money of its writer.
    pub bound: f32,
    /// From which sum of these and of those by its words on it is taken for bound.
    pub bound_from: f32,
}
