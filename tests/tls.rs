//! TLS on the main address, against a running program: pages and sockets speak it, nothing plain gets
//! through, and a certificate that is renewed is shown to whoever comes next.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::{Value, json};
use tungstenite::Message;

const PATIENCE: Duration = Duration::from_secs(30);

type Tls = StreamOwned<ClientConnection, TcpStream>;

/// Writes a new certificate and gives it, as the client's only root.
fn renew(folder: &Path) -> CertificateDer<'static> {
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    let certificate = params.self_signed(&key).expect("a certificate");
    std::fs::write(folder.join("chain.pem"), certificate.pem()).expect("a file");
    std::fs::write(folder.join("key.pem"), key.serialize_pem()).expect("a file");
    certificate.der().clone()
}

struct Program {
    child: Child,
    address: SocketAddr,
    log: BufReader<std::process::ChildStderr>,
    /// Held open: a program that cannot print its addresses ends.
    _out: BufReader<std::process::ChildStdout>,
}

impl Program {
    fn start(folder: &Path) -> Self {
        let path = |name: &str| folder.join(name).display().to_string();
        let mut child = Command::new(env!("CARGO_BIN_EXE_tradewind"))
            .args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
            .args(["--data", &path("data")])
            .args(["--set", &format!("server.tls_certificate={}", path("chain.pem"))])
            .args(["--set", &format!("server.tls_key={}", path("key.pem"))])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program");
        let log = BufReader::new(child.stderr.take().expect("a pipe"));
        let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        out.read_line(&mut line).expect("a line");
        let address = line.trim().strip_prefix("listening on https://").expect(&line);
        let address = address.parse().expect("an address");
        Self { address, child, log, _out: out }
    }

    /// Sends SIGHUP and waits until the log says what became of the certificate.
    fn reload(&mut self) -> String {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::HUP).expect("sent");
        let mut line = String::new();
        while !line.contains("certificate") {
            line.clear();
            assert_ne!(self.log.read_line(&mut line).expect("a line"), 0, "the log has ended");
        }
        line
    }

    fn connect(&self, root: &CertificateDer<'static>) -> Tls {
        let mut roots = RootCertStore::empty();
        roots.add(root.clone()).expect("a root");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").expect("a name");
        let connection = ClientConnection::new(Arc::new(config), name).expect("a client");
        let stream = TcpStream::connect(self.address).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a bound");
        StreamOwned::new(connection, stream)
    }

    /// Whether a request is answered by the certificate `root`.
    fn answers(&self, root: &CertificateDer<'static>) -> bool {
        let mut tls = self.connect(root);
        let asked = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        let mut answer = Vec::new();
        tls.write_all(asked).is_ok() && {
            let _ = tls.read_to_end(&mut answer);
            answer.starts_with(b"HTTP/1.1 200")
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn body(answer: &str) -> Value {
    let (_, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    serde_json::from_str(body).expect("JSON")
}

#[test]
fn a_customer_talks_over_tls_and_plain_bytes_get_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = renew(folder.path());
    let program = Program::start(folder.path());

    let asked = json!({"shop": "demo"}).to_string();
    let mut tls = program.connect(&root);
    write!(
        tls,
        "POST /v1/widget/session HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{asked}",
        asked.len()
    )
    .expect("sent");
    let mut answer = String::new();
    let _ = tls.read_to_string(&mut answer);
    let token = body(&answer)["token"].clone();
    let (mut socket, _) =
        tungstenite::client("wss://localhost/v1/widget", program.connect(&root)).expect("a socket");
    let hello = json!({"type": "hello", "token": token, "resume": null});
    socket.send(Message::text(hello.to_string())).expect("sent");
    let welcome = socket.read().expect("a frame").into_text().expect("a text");
    assert!(welcome.contains("\"welcome\""), "{welcome}");

    let mut plain = TcpStream::connect(program.address).expect("a connection");
    plain.set_read_timeout(Some(PATIENCE)).expect("a bound");
    plain.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("sent");
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
}

#[test]
fn a_renewed_certificate_is_shown_after_a_signal_and_a_broken_one_never() {
    let folder = tempfile::tempdir().expect("a folder");
    let old = renew(folder.path());
    let mut program = Program::start(folder.path());
    assert!(program.answers(&old));

    let new = renew(folder.path());
    assert!(program.answers(&old) && !program.answers(&new), "not before it is told to");
    let told = program.reload();

    assert!(told.contains("loaded anew"), "{told}");
    assert!(program.answers(&new) && !program.answers(&old));
    std::fs::write(folder.path().join("chain.pem"), "nonsense").expect("a file");
    let told = program.reload();
    assert!(told.contains("the old one stays"), "{told}");
    assert!(program.answers(&new));
}
