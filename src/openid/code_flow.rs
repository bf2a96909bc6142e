//! The authorization code flow with PKCE, seen from the router: where to send the browser, and what to
//! do with the code that it brings back.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::config::shop::OpenId;
use crate::domain::Timestamp;

use super::fetch::{Call, FetchError};
use super::id_token::{Account, Expected, verify};
use super::logout_token::{LoggedOut, verify_logout};
use super::provider::{Metadata, Provider, ProviderError, Providers, json};

/// One sign-in: what belongs together on the way to the provider and back.
pub struct SignIn<'a> {
    /// The provider and how it is set.
    pub openid: &'a OpenId,
    /// Where the provider sends the browser back to.
    pub redirect_uri: String,
    /// Comes back with the browser.
    pub state: String,
    /// Comes back in the ID token.
    pub nonce: String,
    /// What only who began the sign-in can show with the code.
    pub verifier: String,
}

/// What a browser brought back from a provider.
pub struct Brought<'a> {
    /// The code.
    pub code: &'a str,
    /// Whom it says that it comes from (RFC 9207).
    pub issuer: Option<&'a str>,
}

#[derive(Deserialize)]
struct Tokens {
    id_token: String,
    #[serde(default)]
    access_token: Option<String>,
}

impl SignIn<'_> {
    /// Where the browser goes to sign in.
    ///
    /// # Errors
    /// When the provider does not say.
    pub async fn authorization_address(
        &self,
        providers: &Providers,
    ) -> Result<String, ProviderError> {
        let metadata = providers.of(self.openid).metadata().await?;
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(self.verifier.as_bytes()));
        let query = form(&[
            ("response_type", "code"),
            ("client_id", &self.openid.client_id),
            ("redirect_uri", &self.redirect_uri),
            ("scope", &self.openid.scopes.join(" ")),
            ("state", &self.state),
            ("nonce", &self.nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]);
        Ok(with_query(metadata.authorization.as_str(), &query))
    }

    /// Gives the code for the account behind it. Where the token `lacks` something, the provider is asked
    /// for the rest: with a code providers put little into it and tell more to who asks (Core, 5.4). `now`
    /// is that of the system clock.
    ///
    /// # Errors
    /// When the provider does not answer, refuses, or is not believed.
    pub async fn account(
        &self,
        providers: &Providers,
        brought: &Brought<'_>,
        now: Timestamp,
        lacks: impl FnOnce(&Account) -> bool,
    ) -> Result<Account, ProviderError> {
        let provider = providers.of(self.openid);
        let metadata = provider.metadata().await?;
        let issuer = self.openid.issuer.as_str();
        // Else the code of one provider could be carried to another (RFC 9207).
        if brought.issuer.map_or(metadata.names_itself, |named| named != issuer) {
            return Err(ProviderError::OtherIssuer);
        }
        let tokens = self.redeem(&provider, &metadata, brought.code).await?;
        let expected = Expected {
            issuer,
            client_id: &self.openid.client_id,
            nonce: &self.nonce,
            access_token: tokens.access_token.as_deref(),
        };
        let verified = |keys: &_| verify(&tokens.id_token, keys, &expected, now);
        let mut account = provider.with_keys(verified).await?;
        if let (true, Some(address), Some(token)) =
            (lacks(&account), &metadata.user_info, &tokens.access_token)
        {
            let answer = provider.call("user info", address, Call::GetAs(token)).await?;
            account.add(Account::of(json("user info", &answer)?)?)?;
        }
        Ok(account)
    }

    async fn redeem(
        &self,
        provider: &Provider,
        metadata: &Metadata,
        code: &str,
    ) -> Result<Tokens, ProviderError> {
        let OpenId { client_id, client_secret, .. } = self.openid;
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.redirect_uri),
            ("code_verifier", &self.verifier),
        ];
        let mut authorization = None;
        match client_secret {
            Some(secret) if !metadata.secret_in_form => {
                let pair = format!("{}:{}", encoded(client_id), encoded(secret.reveal()));
                authorization = Some(format!("Basic {}", STANDARD.encode(pair)));
            }
            Some(secret) => {
                fields.push(("client_id", client_id));
                fields.push(("client_secret", secret.reveal()));
            }
            None => fields.push(("client_id", client_id)),
        }
        let call = Call::Post { form: form(&fields), authorization };
        match provider.call("token", &metadata.token, call).await {
            // RFC 6749, 5.2: the two statuses of a refusal.
            Err(ProviderError::Call { error: FetchError::Status(400 | 401), .. }) => {
                Err(ProviderError::CodeRefused)
            }
            answer => json("token", &answer?),
        }
    }
}

/// Where the browser goes to end its session at the provider, which then sends it `back`.
///
/// # Errors
/// When the provider does not say. `None` when it knows no such thing.
pub async fn end_session_address(
    providers: &Providers,
    openid: &OpenId,
    back: &str,
) -> Result<Option<String>, ProviderError> {
    let metadata = providers.of(openid).metadata().await?;
    let query = form(&[("client_id", &openid.client_id), ("post_logout_redirect_uri", back)]);
    Ok(metadata.end_session.as_ref().map(|end| with_query(end.as_str(), &query)))
}

/// Whose sessions are over, by a token that the provider sends when somebody signs out there. `now` is that
/// of the system clock.
///
/// # Errors
/// When it is not believed, or the keys to check it cannot be had.
pub async fn logged_out(
    providers: &Providers,
    openid: &OpenId,
    token: &str,
    now: Timestamp,
) -> Result<LoggedOut, ProviderError> {
    let (issuer, client_id) = (openid.issuer.as_str(), &openid.client_id);
    let verified = |keys: &_| verify_logout(token, keys, issuer, client_id, now);
    providers.of(openid).with_keys(verified).await
}

fn with_query(address: &str, query: &str) -> String {
    let joint = if address.contains('?') { '&' } else { '?' };
    format!("{address}{joint}{query}")
}

fn form(fields: &[(&str, &str)]) -> String {
    let pairs = fields.iter().map(|(name, value)| format!("{name}={}", encoded(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// Percent-encoded, for a query or a form.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}
