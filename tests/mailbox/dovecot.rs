//! A real IMAP server: Dovecot, where it is installed.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::PASSWORD;

const PROGRAM: &str = "/usr/sbin/dovecot";
/// Comes with another package than the program.
const IMAP: &str = "/usr/lib/dovecot/imap";
/// Set where a test that is left out for want of Dovecot is a failure.
const REQUIRED: &str = "TRADEWIND_DOVECOT";

pub struct Dovecot {
    /// In clear or by STARTTLS.
    pub plain: SocketAddr,
    /// TLS from the first byte.
    pub tls: SocketAddr,
    /// The certificate that vouches for itself.
    pub roots: PathBuf,
    mail: PathBuf,
    process: Child,
    _folder: tempfile::TempDir,
}

impl Dovecot {
    /// One with an empty mailbox; `None`, told aloud, where it is not installed.
    pub fn start() -> Option<Self> {
        if !Path::new(PROGRAM).exists() || !Path::new(IMAP).exists() {
            assert!(std::env::var_os(REQUIRED).is_none(), "{PROGRAM} is not installed");
            println!("SKIPPED: {PROGRAM} is not installed (Debian: dovecot-imapd)");
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        fs::set_permissions(root, fs::Permissions::from_mode(0o755)).expect("seen by its users");
        let mail = root.join("mail");
        for part in ["", "cur", "new", "tmp"] {
            fs::create_dir_all(mail.join(part)).expect("a folder");
        }
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
        fs::write(root.join("cert.pem"), made.cert.pem()).expect("a file");
        fs::write(root.join("key.pem"), made.signing_key.serialize_pem()).expect("a file");
        let [plain, tls] = [free_port(), free_port()];
        fs::write(root.join("dovecot.conf"), settings(root, plain, tls)).expect("a file");
        if let Some((uid, gid)) = user("dovecot").filter(|_| is_root()) {
            for part in ["", "cur", "new", "tmp"] {
                chown(mail.join(part), Some(uid), Some(gid)).expect("root may");
            }
        }
        let mut command = Command::new(PROGRAM);
        command.arg("-F").arg("-c").arg(root.join("dovecot.conf"));
        let process =
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        let dovecot =
            Self { plain, tls, roots: root.join("cert.pem"), mail, process, _folder: folder };
        let until = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(plain).is_err() {
            assert!(Instant::now() < until, "{}", dovecot.log());
            std::thread::yield_now();
        }
        Some(dovecot)
    }

    /// Puts a letter into the mailbox, as a mail server would.
    pub fn put(&self, name: &str, raw: &str) {
        let aside = self.mail.join("tmp").join(name);
        fs::write(&aside, raw).expect("a file");
        fs::rename(aside, self.mail.join("new").join(name)).expect("it is there whole");
    }

    /// Whether the letter was marked as read.
    pub fn is_read(&self, name: &str) -> bool {
        let entries = fs::read_dir(self.mail.join("cur")).expect("a folder").flatten();
        let mut names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        names.any(|it| {
            it.strip_prefix(name)
                .and_then(|rest| rest.split_once(":2,"))
                .is_some_and(|(_, flags)| flags.contains('S'))
        })
    }

    /// How many letters lie in a folder.
    pub fn count_in(&self, folder: &str) -> usize {
        let parts = ["cur", "new"].map(|part| self.mail.join(format!(".{folder}")).join(part));
        parts.iter().map(|part| fs::read_dir(part).map_or(0, Iterator::count)).sum()
    }

    /// Waits until something is so.
    pub fn wait_until(&self, what: &str, mut is_so: impl FnMut(&Self) -> bool) {
        let until = Instant::now() + Duration::from_secs(60);
        while !is_so(self) {
            assert!(Instant::now() < until, "not in time: {what}\n{}", self.log());
            std::thread::yield_now();
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.mail.with_file_name("log")).unwrap_or_default()
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.process);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _ = self.process.wait();
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// User and group of a name of the system.
fn user(name: &str) -> Option<(u32, u32)> {
    let table = fs::read_to_string("/etc/passwd").ok()?;
    let line = table.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(":x:"))?;
    let mut ids = line.split(':');
    Some((ids.next()?.parse().ok()?, ids.next()?.parse().ok()?))
}

/// The name of a user of the system.
fn name_of(id: u32) -> String {
    let table = fs::read_to_string("/etc/passwd").expect("users");
    let is_it = |line: &&str| line.split(':').nth(2) == Some(id.to_string().as_str());
    let line = table.lines().find(is_it).expect("somebody");
    line.split(':').next().unwrap_or_default().to_owned()
}

fn free_port() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("it listens")
}

fn settings(root: &Path, plain: SocketAddr, tls: SocketAddr) -> String {
    let me = name_of(rustix::process::geteuid().as_raw());
    let [inside, login, owner, groups, group] = match is_root() {
        true => {
            let group = "default_internal_group = dovecot\n";
            ["dovecot", "dovenull", "dovecot", group, "gid=dovecot"]
        }
        false => [me.as_str(), me.as_str(), me.as_str(), "", ""],
    };
    let root = root.display();
    let (plain, tls) = (plain.port(), tls.port());
    format!(
        "base_dir = {root}/run\nstate_dir = {root}/run\nlog_path = {root}/log\nprotocols = imap\n\
         listen = 127.0.0.1\nssl = yes\nssl_cert = <{root}/cert.pem\nssl_key = <{root}/key.pem\n\
         default_internal_user = {inside}\n{groups}default_login_user = {login}\n\
         first_valid_uid = 1\nmail_location = maildir:{root}/mail\n\
         passdb {{\n  driver = static\n  args = password={PASSWORD}\n}}\n\
         userdb {{\n  driver = static\n  args = uid={owner} {group} home={root}/mail\n}}\n\
         service imap-login {{\n  chroot =\n  inet_listener imap {{\n    port = {plain}\n  }}\n  \
         inet_listener imaps {{\n    port = {tls}\n    ssl = yes\n  }}\n}}\n\
         service anvil {{\n  chroot =\n}}\n\
         namespace inbox {{\n  inbox = yes\n  mailbox Done {{\n    auto = create\n  }}\n}}\n"
    )
}
