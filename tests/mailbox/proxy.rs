//! Stands between a client and a server, and does something once a session has come so far.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

type Act = Box<dyn FnOnce() + Send>;

#[derive(Clone)]
pub struct Proxy {
    pub address: SocketAddr,
    planned: Arc<Mutex<Option<(usize, Act)>>>,
}

impl Proxy {
    pub fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it listens");
        let proxy = Self { address, planned: Arc::default() };
        let accepting = proxy.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(server) else { continue };
                let said = Arc::new(Mutex::new(0));
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let ends = (from.try_clone(), to.try_clone());
                    let (Ok(from), Ok(to)) = ends else { continue };
                    let (proxy, said) = (accepting.clone(), said.clone());
                    std::thread::spawn(move || proxy.carry(from, to, &said));
                }
            }
        });
        proxy
    }

    /// Has `act` done once, when somebody has said something for the `number`th time in a session, before
    /// the other side hears it.
    pub fn at(&self, number: usize, act: impl FnOnce() + Send + 'static) {
        *self.planned.lock().expect("nobody panics with it") = Some((number, Box::new(act)));
    }

    fn carry(&self, mut from: TcpStream, mut to: TcpStream, said: &Mutex<usize>) {
        let mut bytes = [0; 64 * 1024];
        while let Ok(length @ 1..) = from.read(&mut bytes) {
            let number = {
                let mut said = said.lock().expect("nobody panics with it");
                *said += 1;
                *said
            };
            let mut planned = self.planned.lock().expect("nobody panics with it");
            let act = planned.take_if(|(at, _)| *at == number);
            drop(planned);
            if let Some((_, act)) = act {
                act();
            }
            if to.write_all(&bytes[..length]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    }
}
