//! What a setting can be: how its text is read, written and described.
//!
//! Every value has one text form, the same in the file, in the environment and on the command
//! line. Lengths of time and sizes carry their unit, so that nobody has to guess it.

use std::fmt::Debug;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use crate::domain::Network;
use crate::runtime::Reach;
use crate::vault::MasterSource;

/// How TOML writes a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// In quotes.
    Text,
    /// A whole or decimal number.
    Number,
    /// A truth value, a date, a list or a table: no setting is one.
    Other,
}

/// A family of values that settings can take.
pub trait Kind {
    /// The type that the rest of the program works with.
    type Value: Clone + Debug + PartialEq + PartialOrd;
    /// What is accepted, as the end of the sentence "expected …".
    const EXPECTED: &'static str;
    /// Whether the file writes the value in quotes.
    const QUOTED: bool;

    /// Whether the file may write the value in this form.
    fn accepts(form: Form) -> bool {
        form == if Self::QUOTED { Form::Text } else { Form::Number }
    }

    /// Reads the text form; `None` when the text is something else.
    fn parse(text: &str) -> Option<Self::Value>;
    /// Writes the text form, which [`Self::parse`] reads back to the same value.
    fn write(value: &Self::Value) -> String;
}

/// Where to listen: an IP address and a port.
pub struct Address;

impl Kind for Address {
    type Value = SocketAddr;
    const EXPECTED: &'static str = "an IP address and port such as \"127.0.0.1:8080\"";
    const QUOTED: bool = true;

    fn parse(text: &str) -> Option<SocketAddr> {
        text.parse().ok()
    }

    fn write(value: &SocketAddr) -> String {
        value.to_string()
    }
}

/// A folder that must be named.
pub struct Folder;

impl Kind for Folder {
    type Value = PathBuf;
    const EXPECTED: &'static str = "the path of a folder";
    const QUOTED: bool = true;

    fn parse(text: &str) -> Option<PathBuf> {
        (!text.is_empty()).then(|| PathBuf::from(text))
    }

    fn write(value: &PathBuf) -> String {
        value.display().to_string()
    }
}

/// A folder, or the empty text for none.
pub struct FolderOrNone;

impl Kind for FolderOrNone {
    type Value = Option<PathBuf>;
    const EXPECTED: &'static str = "the path of a folder, or \"\" for what is built in";
    const QUOTED: bool = true;

    fn parse(text: &str) -> Option<Option<PathBuf>> {
        Some(Folder::parse(text))
    }

    fn write(value: &Option<PathBuf>) -> String {
        value.as_ref().map(Folder::write).unwrap_or_default()
    }
}

/// A file, or the empty text for none.
pub struct FileOrNone;

impl Kind for FileOrNone {
    type Value = Option<PathBuf>;
    const EXPECTED: &'static str = "the path of a file, or \"\" for none";
    const QUOTED: bool = true;

    fn parse(text: &str) -> Option<Option<PathBuf>> {
        Some(Folder::parse(text))
    }

    fn write(value: &Option<PathBuf>) -> String {
        value.as_ref().map(Folder::write).unwrap_or_default()
    }
}

/// Where the master key is.
pub struct MasterKeySource;

impl Kind for MasterKeySource {
    type Value = MasterSource;
    const EXPECTED: &'static str =
        "\"file\", \"file:PATH\", \"env:NAME\" or \"command:PROGRAM ARGUMENTS\"";
    const QUOTED: bool = true;

    fn parse(text: &str) -> Option<MasterSource> {
        MasterSource::parse(text)
    }

    fn write(value: &MasterSource) -> String {
        value.to_string()
    }
}

/// A text on one line, or the empty text for none.
pub struct Words;

impl Kind for Words {
    type Value = String;
    const EXPECTED: &'static str = "a text on one line, or \"\" for none";
    const QUOTED: bool = true;

    fn parse(text: &str) -> Option<String> {
        let fits = text.len() <= 255 && !text.contains(char::is_control);
        fits.then(|| text.to_owned())
    }

    fn write(value: &String) -> String {
        value.clone()
    }
}

/// A whole number from one upwards.
pub struct Count;

impl Kind for Count {
    type Value = NonZeroUsize;
    const EXPECTED: &'static str = "a whole number";
    const QUOTED: bool = false;

    fn parse(text: &str) -> Option<NonZeroUsize> {
        text.replace('_', "").parse().ok()
    }

    fn write(value: &NonZeroUsize) -> String {
        value.to_string()
    }
}

/// A number of workers, where "auto" is one for each core of the machine, at most 64.
pub struct Workers;

impl Kind for Workers {
    type Value = NonZeroUsize;
    const EXPECTED: &'static str = "\"auto\" (one for each core) or a whole number";
    const QUOTED: bool = true;

    fn accepts(form: Form) -> bool {
        form != Form::Other
    }

    fn parse(text: &str) -> Option<NonZeroUsize> {
        if text != "auto" {
            return Count::parse(text);
        }
        let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Some(cores.min(NonZeroUsize::MIN.saturating_add(63)))
    }

    fn write(value: &NonZeroUsize) -> String {
        value.to_string()
    }
}

/// Networks, with commas between them; the empty text for none.
pub struct Networks;

impl Kind for Networks {
    type Value = Vec<Network>;
    const EXPECTED: &'static str = "addresses or networks with commas between them, such as \"10.0.0.0/8, ::1\", or \"\" for none";
    const QUOTED: bool = true;

    fn parse(text: &str) -> Option<Vec<Network>> {
        if text.trim().is_empty() {
            return Some(Vec::new());
        }
        text.split(',').map(|network| network.trim().parse().ok()).collect()
    }

    fn write(value: &Vec<Network>) -> String {
        value.iter().map(Network::to_string).collect::<Vec<_>>().join(", ")
    }
}

/// What each address of clients may use. "auto" is `DEFAULT`, and nothing of their own for loopback
/// addresses: there, one address is every program of this machine.
pub struct ForEachAddress<const DEFAULT: usize>;

/// What one address may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AddressLimit {
    /// An address that is not loopback.
    pub others: NonZeroUsize,
    /// A loopback address; `None` when only the limits of everybody hold for it.
    pub loopback: Option<NonZeroUsize>,
}

impl<const DEFAULT: usize> Kind for ForEachAddress<DEFAULT> {
    type Value = AddressLimit;
    const EXPECTED: &'static str = "\"auto\" or a whole number";
    const QUOTED: bool = true;

    fn accepts(form: Form) -> bool {
        form != Form::Other
    }

    fn parse(text: &str) -> Option<AddressLimit> {
        if text == "auto" {
            let others = NonZeroUsize::new(DEFAULT)?;
            return Some(AddressLimit { others, loopback: None });
        }
        let number = Count::parse(text)?;
        Some(AddressLimit { others: number, loopback: Some(number) })
    }

    fn write(value: &AddressLimit) -> String {
        value.loopback.map_or_else(|| "auto".to_owned(), |number| number.to_string())
    }
}

/// A part of one, such as a confidence.
pub struct Share;

impl Kind for Share {
    type Value = f64;
    const EXPECTED: &'static str = "a number";
    const QUOTED: bool = false;

    fn parse(text: &str) -> Option<f64> {
        text.parse().ok().filter(|number: &f64| number.is_finite())
    }

    fn write(value: &f64) -> String {
        value.to_string()
    }
}

/// A length of time with its unit.
pub struct Length;

const MILLIS_PER: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1_000), ("ms", 1)];

impl Kind for Length {
    type Value = Duration;
    const EXPECTED: &'static str = "a length of time in ms, s, min, h or d, such as \"8s\"";
    const QUOTED: bool = true;

    fn parse(text: &str) -> Option<Duration> {
        with_unit(text, &MILLIS_PER).map(Duration::from_millis)
    }

    fn write(value: &Duration) -> String {
        largest_unit(u64::try_from(value.as_millis()).unwrap_or(u64::MAX), &MILLIS_PER)
    }
}

/// A number of bytes with its unit.
pub struct Size;

const BYTES_PER: [(&str, u64); 4] =
    [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

impl Kind for Size {
    type Value = usize;
    const EXPECTED: &'static str = "a size in B, KiB, MiB or GiB, such as \"64KiB\"";
    const QUOTED: bool = true;

    fn parse(text: &str) -> Option<usize> {
        with_unit(text, &BYTES_PER).and_then(|bytes| usize::try_from(bytes).ok())
    }

    fn write(value: &usize) -> String {
        largest_unit(u64::try_from(*value).unwrap_or(u64::MAX), &BYTES_PER)
    }
}

/// Reads a whole number followed by one of `units`, with or without a space between.
fn with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let text = text.trim();
    let unit_at = text.find(|letter: char| !letter.is_ascii_digit() && letter != '_')?;
    let (number, unit) = text.split_at(unit_at);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim_start())?;
    number.replace('_', "").parse::<u64>().ok()?.checked_mul(*factor)
}

/// Writes `amount` in the largest unit that divides it, so that no digit is lost.
fn largest_unit(amount: u64, units: &[(&str, u64)]) -> String {
    let (name, factor) = units
        .iter()
        .find(|(_, factor)| amount != 0 && amount.is_multiple_of(*factor))
        .copied()
        .unwrap_or(("", 1));
    let name = if name.is_empty() { units.last().map_or("", |(name, _)| name) } else { name };
    format!("{}{name}", amount / factor)
}

/// Declares an enum of words, which is its own [`Kind`].
macro_rules! choice {
    ($(#[$outer:meta])* $Name:ident: $expected:literal {
        $($(#[$inner:meta])* $Variant:ident = $word:literal,)+
    }) => {
        $(#[$outer])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $Name { $($(#[$inner])* $Variant,)+ }

        impl $Name {
            /// The word that stands for it in the file.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$Variant => $word,)+ }
            }
        }

        impl Kind for $Name {
            type Value = Self;
            const EXPECTED: &'static str = $expected;
            const QUOTED: bool = true;

            fn parse(text: &str) -> Option<Self> {
                match text { $($word => Some(Self::$Variant),)+ _ => None }
            }

            fn write(value: &Self) -> String {
                value.as_str().to_owned()
            }
        }
    };
}

choice! {
    /// What an acknowledgement promises.
    Durability: "\"durable\" or \"memory\"" {
        /// The message is on disk, after `fdatasync`.
        Durable = "durable",
        /// The message is in the operating system's hands: a power cut loses it. For measuring only.
        Memory = "memory",
    }
}

choice! {
    /// What a start does when the state is lost.
    LostState: "\"refuse\" or \"start\"" {
        /// It ends with an error, and nothing is changed.
        Refuse = "refuse",
        /// It goes on with what is left.
        Start = "start",
    }
}

choice! {
    /// Which encoder is asked where the fast tier is not sure.
    EncoderChoice: "\"auto\", \"built-in\", \"added\" or \"off\"" {
        /// The one that was added, if it pays, else the one inside the program.
        Auto = "auto",
        /// The one inside the program.
        BuiltIn = "built-in",
        /// The one that was added, whether or not it pays.
        Added = "added",
        /// None: the fast tier's answers stand.
        Off = "off",
    }
}

choice! {
    /// Where a trusted proxy writes who connects.
    ForwardedHeader: "\"x-forwarded-for\" or \"forwarded\"" {
        /// `X-Forwarded-For`, as most proxies do.
        XForwardedFor = "x-forwarded-for",
        /// `Forwarded` of RFC 7239.
        Forwarded = "forwarded",
    }
}

choice! {
    /// When the connection to the mail server is encrypted.
    EmailTls: "\"starttls\", \"tls\" or \"none\"" {
        /// After `STARTTLS`, which the server has to offer.
        StartTls = "starttls",
        /// From the first byte.
        Wrapped = "tls",
        /// Never.
        None = "none",
    }
}

choice! {
    /// What happens to an e-mail that may have been sent.
    UncertainEmail: "\"counts-as-sent\" or \"send-again\"" {
        /// It is not sent again, and the seats are told.
        CountsAsSent = "counts-as-sent",
        /// It is sent again under the same Message-ID.
        SendAgain = "send-again",
    }
}

choice! {
    /// Where webhooks may lead.
    WebhookReach: "\"public\" or \"anywhere\"" {
        /// To addresses that anybody on the internet can have.
        Public = "public",
        /// Also into networks that the router stands in, and to this machine.
        Anywhere = "anywhere",
    }
}

impl From<WebhookReach> for Reach {
    fn from(reach: WebhookReach) -> Self {
        match reach {
            WebhookReach::Public => Self::Public,
            WebhookReach::Anywhere => Self::Anywhere,
        }
    }
}

choice! {
    /// How log lines are written.
    LogFormat: "\"text\" or \"json\"" {
        /// One readable line for each event.
        Text = "text",
        /// One JSON object for each event.
        Json = "json",
    }
}

choice! {
    /// The least severe events that are logged.
    LogLevel: "\"error\", \"warn\", \"info\", \"debug\" or \"trace\"" {
        /// A person must act.
        Error = "error",
        /// Odd, but handled.
        Warn = "warn",
        /// Changes of the life-cycle.
        Info = "info",
        /// One event for each conversation.
        Debug = "debug",
        /// One event for each frame.
        Trace = "trace",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_sizes_need_a_unit_and_are_written_in_the_largest_that_fits() {
        assert_eq!(Length::parse("8s"), Some(Duration::from_secs(8)));
        assert_eq!(Length::parse("1_500 ms"), Some(Duration::from_millis(1_500)));
        assert_eq!(Length::write(&Duration::from_millis(1_500)), "1500ms");
        assert_eq!(Length::write(&Duration::from_secs(900)), "15min");
        assert_eq!(Length::write(&Duration::ZERO), "0ms");
        assert_eq!(Size::parse("64KiB"), Some(65_536));
        assert_eq!(Size::write(&65_536), "64KiB");
        assert_eq!(Size::write(&65_537), "65537B");
        for text in ["8", "s", "", "-8s", "8m", "8 sec", "1.5s", "99999999999999999999s", "９s"] {
            assert_eq!(Length::parse(text), None, "{text}");
        }
        for text in ["64", "64K", "64kb", "99999999999999GiB"] {
            assert_eq!(Size::parse(text), None, "{text}");
        }
    }

    #[test]
    fn networks_stand_in_a_list_and_an_address_may_have_a_limit_of_its_own() {
        let some = Networks::parse("10.0.0.0/8,  2001:db8::/32,127.0.0.1").expect("networks");
        assert_eq!(Networks::write(&some), "10.0.0.0/8, 2001:db8::/32, 127.0.0.1/32");
        assert_eq!(Networks::parse(" "), Some(Vec::new()));
        assert_eq!(Networks::parse("10.0.0.0/8,"), None);

        let limit = |text: &str| {
            let limit = ForEachAddress::<50>::parse(text)?;
            Some((limit.others.get(), limit.loopback.map(NonZeroUsize::get)))
        };
        assert_eq!(limit("auto"), Some((50, None)));
        assert_eq!(limit("7"), Some((7, Some(7))));
        assert_eq!(limit("0"), None);
    }

    #[test]
    fn zero_is_no_count() {
        assert_eq!(Count::parse("0"), None);
        assert_eq!(Count::parse("18_000"), NonZeroUsize::new(18_000));
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_reads_back_the_same(amount in 0_u64..=u64::MAX / 2) {
            let length = Duration::from_millis(amount);
            proptest::prop_assert_eq!(Length::parse(&Length::write(&length)), Some(length));
            let bytes = usize::try_from(amount).expect("64-bit");
            proptest::prop_assert_eq!(Size::parse(&Size::write(&bytes)), Some(bytes));
        }

        #[test]
        fn no_text_makes_a_reader_panic(text in ".{0,40}") {
            let _ = (Length::parse(&text), Size::parse(&text), Count::parse(&text));
            let _ = (Share::parse(&text), Address::parse(&text), Workers::parse(&text));
        }
    }
}
