//! Stands between a client and a server, and does something once a session has come so far.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use crate::mail_server::plan::{Plan, Session};

/// How often somebody has spoken in one session.
struct Said {
    session: Session<usize>,
    count: Mutex<usize>,
}

#[derive(Clone)]
pub struct Proxy {
    pub address: SocketAddr,
    plan: Plan<usize>,
}

impl Proxy {
    pub fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it listens");
        let proxy = Self { address, plan: Plan::default() };
        let accepting = proxy.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(server) else { continue };
                let session = accepting.plan.session();
                let said = Arc::new(Said { session, count: Mutex::default() });
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let ends = (from.try_clone(), to.try_clone());
                    let (Ok(from), Ok(to)) = ends else { continue };
                    let said = said.clone();
                    std::thread::spawn(move || carry(from, to, &said));
                }
            }
        });
        proxy
    }

    /// Has `act` done once, when somebody has said something for the `number`th time in a session that
    /// begins after now, before the other side hears it. What is put into the mailbox afterwards is taken
    /// by such a session.
    pub fn at(&self, number: usize, act: impl FnOnce() + Send + 'static) {
        self.plan.at(number, act);
        self.plan.wait_for_sessions_of_now();
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, said: &Said) {
    let mut bytes = [0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut bytes) {
        let number = {
            let mut count = said.count.lock().expect("nobody panics with it");
            *count += 1;
            *count
        };
        said.session.reach(&number);
        if to.write_all(&bytes[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
