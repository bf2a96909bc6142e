//! Whether the mail server takes us as it is set up. No letter is sent.

use std::time::Duration;

use super::{Finding, Verdict};
use crate::config::{Config, EmailTls};
use crate::outward::{MailServer, NotSent, Session};

const CHECK: &str = "e-mail";
/// Longest wait, whatever the settings say.
const LONGEST: Duration = Duration::from_secs(20);

pub(super) fn examine(config: &Config) -> Finding {
    let server = match MailServer::of(&config.email) {
        Ok(None) => {
            return Finding::new(CHECK, Verdict::Good, "none is sent: email.server is empty");
        }
        Ok(Some(server)) => server,
        Err(error) => return Finding::new(CHECK, Verdict::Wrong, error.to_string()),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let tried = runtime.map_err(NotSent::from).and_then(|runtime| {
        runtime.block_on(async {
            let opened = tokio::time::timeout(LONGEST, Session::open(&server)).await;
            opened.map_err(|_| NotSent::TooLong)??.quit().await;
            Ok(())
        })
    });
    let email = &config.email;
    let place = &email.server;
    match tried {
        Err(error) => Finding::new(CHECK, Verdict::Wrong, format!("{place}: {error}")),
        Ok(()) if email.tls == EmailTls::None => {
            let text = format!("{place} takes us, in clear: fine on this machine only");
            Finding::new(CHECK, Verdict::Odd, text)
        }
        Ok(()) => Finding::new(CHECK, Verdict::Good, format!("{place} takes us")),
    }
}
