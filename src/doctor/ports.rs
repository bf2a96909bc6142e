//! Whether the addresses are free.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};

use super::{Finding, Verdict};
use crate::config::Config;

pub(super) fn main(config: &Config) -> Finding {
    free("main address", config.server.listen)
}

pub(super) fn admin(config: &Config) -> Finding {
    free("admin address", config.server.admin_listen)
}

fn free(check: &'static str, address: SocketAddr) -> Finding {
    match TcpListener::bind(address) {
        Ok(_) => Finding::new(check, Verdict::Good, format!("{address} is free")),
        // A server that runs holds its own addresses: that is what a doctor often finds.
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            let text = format!("{address} is in use: fine if that is Tradewind");
            Finding::new(check, Verdict::Odd, text)
        }
        Err(error) => {
            let text = format!("{address} cannot be listened on: {error}");
            Finding::new(check, Verdict::Wrong, text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_in_use_is_odd_and_a_free_one_is_good() {
        let held = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = held.local_addr().expect("it listens");
        let any = SocketAddr::from(([127, 0, 0, 1], 0));

        assert_eq!(free("main address", address).verdict, Verdict::Odd);
        assert_eq!(free("main address", any).verdict, Verdict::Good);
    }
}
