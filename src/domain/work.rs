//! Kinds of work, by what is lost when it is refused.

/// What is asked of an owner of conversations, the first to be refused first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Work {
    /// A conversation with somebody who is not known begins.
    NewAnonymous,
    /// A conversation with somebody whom the shop vouched for begins.
    NewIdentified,
    /// A conversation that has begun goes on, or a seat does its work.
    Ongoing,
}

impl Work {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::NewAnonymous, Self::NewIdentified, Self::Ongoing];

    /// The word that stands for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NewAnonymous => "new_anonymous",
            Self::NewIdentified => "new_identified",
            Self::Ongoing => "ongoing",
        }
    }
}
