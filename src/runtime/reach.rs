//! Whether somebody can be reached over the web: where the name leads, whether that may be called, and whether
//! TLS comes about. Nothing is asked there.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::select_ok;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::trust::web_config;
use super::web::{Reach, WebError, no_tls};
use crate::domain::is_public;

/// How long the family of addresses that the resolver prefers is tried alone: as long as the client of
/// [`Web`](super::Web) tries it.
const HEAD_START: Duration = Duration::from_millis(300);

/// Somebody who may be reached.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// A name, or an address without brackets.
    pub host: &'a str,
    /// The port.
    pub port: u16,
    /// Where connections may lead.
    pub reach: Reach,
}

/// Why a name leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoPlace {
    /// Nobody knows it.
    #[error("the name is not known")]
    Unknown,
    /// What it leads to is not to be reached.
    #[error("the address is not a public one")]
    NotPublic,
}

impl Place<'_> {
    /// Every address that it leads to and that may be called, in the order of the resolver.
    ///
    /// # Errors
    /// When there is none.
    pub async fn addresses(&self) -> Result<Vec<SocketAddr>, NoPlace> {
        let found = match address_in(self.host) {
            Some(ip) => vec![SocketAddr::new(ip, self.port)],
            None => match tokio::net::lookup_host((self.host, self.port)).await {
                Ok(found) => found.collect(),
                Err(_) => return Err(NoPlace::Unknown),
            },
        };
        if found.is_empty() {
            return Err(NoPlace::Unknown);
        }
        let found: Vec<SocketAddr> =
            found.into_iter().filter(|it| self.reach.allows(it.ip())).collect();
        if found.is_empty() { Err(NoPlace::NotPublic) } else { Ok(found) }
    }

    /// Connects to the first of `addresses` that takes a connection, and says which. As when something is
    /// asked there, a network that swallows one family of addresses does not hide the other.
    ///
    /// # Errors
    /// When none does.
    pub async fn connect(
        &self,
        addresses: &[SocketAddr],
    ) -> Result<(SocketAddr, TcpStream), WebError> {
        first_of(addresses, TcpStream::connect).await.map_err(WebError::Unreachable)
    }

    /// Has TLS come about with whom browsers believe, and whom `roots` vouch for.
    ///
    /// # Errors
    /// When it does not.
    pub async fn speak_tls(&self, stream: TcpStream, roots: Option<&[u8]>) -> Result<(), WebError> {
        let name = ServerName::try_from(self.host.to_owned());
        let name = name.map_err(|_| WebError::Unusable("no name for TLS".to_owned()))?;
        let connector = TlsConnector::from(Arc::new(web_config(roots)));
        match connector.connect(name, stream).await {
            Ok(_) => Ok(()),
            Err(error) => {
                let inner = error.get_ref().and_then(|it| it.downcast_ref::<rustls::Error>());
                Err(inner.map_or(WebError::Broken, |inner| WebError::Tls(no_tls(inner))))
            }
        }
    }
}

impl Reach {
    /// Whether a connection may lead there.
    pub(super) fn allows(self, address: IpAddr) -> bool {
        self == Self::Anywhere || is_public(address)
    }
}

/// The address that stands in place of a name.
pub(super) fn address_in(host: &str) -> Option<IpAddr> {
    host.trim_matches(['[', ']']).parse().ok()
}

/// What comes of the first of `addresses` that `connect` comes about with: in turn inside a family, and the
/// other family a little later beside it.
async fn first_of<T, F>(
    addresses: &[SocketAddr],
    connect: impl Fn(SocketAddr) -> F,
) -> Result<(SocketAddr, T), io::ErrorKind>
where
    F: Future<Output = io::Result<T>>,
{
    let Some(first) = addresses.first() else { return Err(io::ErrorKind::NotFound) };
    let is_preferred = |it: &SocketAddr| it.is_ipv6() == first.is_ipv6();
    let (preferred, others): (Vec<_>, Vec<_>) = addresses.iter().copied().partition(is_preferred);
    let families = [(preferred, Duration::ZERO), (others, HEAD_START)];
    let families = families.into_iter().filter(|(family, _)| !family.is_empty());
    let tries = families.map(|(family, begins_after)| {
        let connect = &connect;
        Box::pin(async move {
            tokio::time::sleep(begins_after).await;
            let mut why = io::ErrorKind::NotFound;
            for address in family {
                match connect(address).await {
                    Ok(connected) => return Ok((address, connected)),
                    Err(error) => why = error.kind(),
                }
            }
            Err(why)
        })
    });
    select_ok(tries).await.map(|(connected, _)| connected)
}

#[cfg(test)]
mod tests {
    use super::*;

    const V6: &str = "[2001:db8::1]:443";
    const V4: &str = "192.0.2.1:443";

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().expect("an address")).collect()
    }

    /// Who answers is in `answers`, who refuses in `refuses`; any other says nothing for ever.
    async fn first(
        all: &[&str],
        answers: &[&str],
        refuses: &[&str],
    ) -> Result<String, io::ErrorKind> {
        let (answers, refuses) = (addresses(answers), addresses(refuses));
        let connect = |address: SocketAddr| {
            let (answers, refuses) = (answers.contains(&address), refuses.contains(&address));
            async move {
                match (answers, refuses) {
                    (true, _) => Ok(()),
                    (_, true) => Err(io::ErrorKind::ConnectionRefused.into()),
                    _ => std::future::pending().await,
                }
            }
        };
        let all = addresses(all);
        let found = tokio::time::timeout(Duration::from_secs(1), first_of(&all, connect)).await;
        let (address, ()) = found.unwrap_or(Err(io::ErrorKind::TimedOut))?;
        Ok(address.to_string())
    }

    #[tokio::test(start_paused = true)]
    async fn a_family_of_addresses_that_is_swallowed_does_not_hide_the_other() {
        assert_eq!(first(&[V6, V4], &[V4], &[]).await.as_deref(), Ok(V4));
        assert_eq!(first(&[V4, V6], &[V6], &[]).await.as_deref(), Ok(V6));
        assert_eq!(first(&[V6, V4], &[V4], &[V6]).await.as_deref(), Ok(V4));
        assert_eq!(first(&[V6, V4], &[V4, V6], &[]).await.as_deref(), Ok(V6));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_reached_where_all_refuse_or_nobody_answers() {
        let refused = Err(io::ErrorKind::ConnectionRefused);
        assert_eq!(first(&[V6, V4], &[], &[V4, V6]).await, refused);
        assert_eq!(first(&[V4], &[], &[]).await, Err(io::ErrorKind::TimedOut));
        assert_eq!(first(&[], &[], &[]).await, Err(io::ErrorKind::NotFound));
    }

    #[tokio::test]
    async fn networks_that_are_not_public_are_places_by_no_way_of_writing_them() {
        for host in ["localhost", "2130706433", "::1", "::ffff:10.0.0.1", "127.0.0.1"] {
            let place = |reach| Place { host, port: 1, reach };
            let hidden = place(Reach::Public).addresses().await;
            assert_eq!(hidden, Err(NoPlace::NotPublic), "{host}");
            assert!(place(Reach::Anywhere).addresses().await.is_ok(), "{host}");
        }
    }
}
