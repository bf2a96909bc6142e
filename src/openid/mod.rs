//! The word of a provider of identities on who somebody is: OpenID Connect, as a client.
//!
//! **In**: a shop's settings of its provider; the code that a browser brought back.
//! **Out**: where to send a browser; the claims of an account, and whose sessions are over, verified.
//! **Invariants**: nothing is believed that the provider's key did not sign for this router and this
//! sign-in; the algorithm is chosen by the key, from a list; only addresses of the shop's settings and
//! those that its provider names are called, and no redirect is followed; no answer, code, token or
//! secret is repeated in an error.
//! **Bounds**: time and bytes of every call ([`ANSWER_BYTES_MAX`]); calls at a time ([`CALLS_MAX`]),
//! and of one shop ([`SHOP_CALLS_MAX`]); how often keys are asked for; keys of a provider.

mod code_flow;
mod fetch;
mod id_token;
mod keys;
mod logout_token;
mod places;
mod provider;

pub use code_flow::{Brought, SignIn, end_session_address, logged_out};
pub use fetch::{ANSWER_BYTES_MAX, CALLS_MAX, FetchError};
pub use id_token::{Account, NotBelieved};
pub use logout_token::LoggedOut;
pub use places::{Place, SHOP_CALLS_MAX};
pub use provider::{ProviderError, Providers};
