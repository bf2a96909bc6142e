//! The flow of conversations over its public interface, with a clock that the tests move and without sockets or disk.

mod approval;
mod articles;
mod bounds;
mod conversations;
mod erasure;
mod for_many;
mod lines;
mod matters;
mod random;
mod redelivered;
mod regressions;
mod restart;
mod second_look;
mod supervisors;
mod tickets;
mod translated;
mod unanswered;
mod webhooks;
mod world;
