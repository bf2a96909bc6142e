//! Words that say what the number beside them is.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use smallvec::SmallVec;

use super::address;
use super::national::{self, Region};

/// What a word says of the number that follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cue {
    /// It is a telephone number.
    Phone,
    /// It belongs to an order, a parcel or a document.
    Order,
    /// It is a national number of this region; `None` for any.
    Id(Option<Region>),
    /// It may be part of a postal address of the style with this index.
    Street(usize),
}

/// Bytes before a number in which a word says what it is.
const CONTEXT_BYTES: usize = 32;

/// Words that stand before a telephone number.
const PHONE: [&str; 46] = [
    "phone",
    "tel",
    "telefon",
    "telefono",
    "teléfono",
    "téléphone",
    "telefone",
    "teléf",
    "mobile",
    "móvil",
    "movil",
    "celular",
    "cell",
    "handy",
    "whatsapp",
    "whats",
    "viber",
    "call",
    "reach me",
    "ring mig",
    "bel me",
    "número de contacto",
    "позвон",
    "звони",
    "дзвон",
    "тел",
    "моб",
    "电话",
    "手机",
    "電話",
    "手機",
    "携帯",
    "연락처",
    "전화",
    "휴대폰",
    "핸드폰",
    "เบอร์",
    "โทร",
    "هاتف",
    "جوال",
    "موبايل",
    "טלפון",
    "נייד",
    "फोन",
    "मोबाइल",
    "ফোন",
];

/// Words that stand before the number of an order, a parcel or a document.
const ORDER: [&str; 62] = [
    "order",
    "ofder",
    "purchase",
    "pedido",
    "bestell",
    "commande",
    "ordine",
    "заказ",
    "замовлен",
    "zamówien",
    "zamowien",
    "sipariş",
    "siparis",
    "beställning",
    "订单",
    "訂單",
    "单号",
    "單號",
    "注文",
    "주문",
    "송장",
    "운송장",
    "追跡",
    "送り状",
    "ออเดอร์",
    "คำสั่งซื้อ",
    "เลขพัสดุ",
    "đơn",
    "vận đơn",
    "pesanan",
    "resi",
    "طلب",
    "شحنة",
    "תמשלוח",
    "הזמנ",
    "מעקב",
    "ऑर्डर",
    "অর্ডার",
    "tracking",
    "track",
    "waybill",
    "awb",
    "takip",
    "kargo no",
    "rastreo",
    "rastreio",
    "suivi",
    "sledování",
    "śledzenia",
    "накладн",
    "трек",
    "invoice",
    "rechnung",
    "factura",
    "facture",
    "fattura",
    "faktur",
    "ticket",
    "reference",
    "ref",
    "vat",
    "#",
];

/// Words for a national number of any region.
const ANY_ID: [&str; 14] = [
    "national id",
    "identity card",
    "identity number",
    "identification number",
    "id card",
    "id number",
    "social security",
    "tax id",
    "personal number",
    "documento de identidad",
    "documento de identidade",
    "carte d'identité",
    "passport",
    "личный номер",
];

struct Words {
    automaton: AhoCorasick,
    cues: Vec<Cue>,
}

/// Every word with its cue, in one automaton. Words with letters outside ASCII
/// stand there in lower case, with a capital, and in capitals.
static WORDS: LazyLock<Words> = LazyLock::new(|| {
    let plain = [(&PHONE[..], Cue::Phone), (&ORDER[..], Cue::Order), (&ANY_ID[..], Cue::Id(None))];
    let plain = plain.into_iter().flat_map(|(words, cue)| words.iter().map(move |w| (*w, cue)));
    let ids = national::words().map(|(word, region)| (word, Cue::Id(Some(region))));
    let streets = address::words().map(|(word, style)| (word, Cue::Street(style)));
    let (mut patterns, mut cues) = (Vec::new(), Vec::new());
    for (word, cue) in plain.chain(ids).chain(streets) {
        let mut letters = word.chars();
        let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
        let mut forms = vec![word.to_owned(), first + letters.as_str(), word.to_uppercase()];
        // The automaton takes care of the cases of ASCII.
        forms.dedup_by_key(|form| form.to_ascii_lowercase());
        cues.extend(forms.iter().map(|_| cue));
        patterns.append(&mut forms);
    }
    let automaton = AhoCorasick::builder().ascii_case_insensitive(true).build(&patterns);
    Words { automaton: automaton.expect("some hundred words fit an automaton"), cues }
});

struct Found {
    cue: Cue,
    start: usize,
    end: usize,
}

/// What one word says; the same word may name the numbers of several regions.
pub type Near = SmallVec<[Cue; 4]>;

/// The words of one message, in order of their ends.
pub struct Cues(SmallVec<[Found; 8]>);

impl Cues {
    /// Reads `text` once.
    pub fn read(text: &str) -> Self {
        let hits = WORDS.automaton.find_overlapping_iter(text).map(|hit| Found {
            cue: WORDS.cues[hit.pattern().as_usize()],
            start: hit.start(),
            end: hit.end(),
        });
        let found = hits.filter(|found| is_word(text, found.cue, found.start, found.end));
        Self(found.collect())
    }

    /// What the nearest word before `at` says. Of two that end together the longer one counts.
    pub fn before(&self, at: usize) -> Near {
        let near = self.0.iter().filter(|found| found.end <= at && at - found.end <= CONTEXT_BYTES);
        let told = near.filter(|found| !matches!(found.cue, Cue::Street(_)));
        let place = |found: &Found| (found.end, found.end - found.start);
        let Some(nearest) = told.clone().map(place).max() else { return Near::new() };
        told.filter(|found| place(found) == nearest).map(|found| found.cue).collect()
    }

    /// The styles of address that a word of this message hints at, as bits.
    pub fn streets(&self) -> u64 {
        self.0.iter().fold(0, |styles, found| match found.cue {
            Cue::Street(style) => styles | 1 << style,
            _ => styles,
        })
    }
}

/// Letters up to here, Latin, Greek and Cyrillic, write words apart and without attached articles.
const APART_MAX: char = '\u{052f}';
/// A word of so many letters must be a whole one; a longer one may go on, as `orders` does.
const WHOLE_LETTERS: usize = 4;

/// Whether what was found is no middle of another word, as `cell` is in `cancelling`.
fn is_word(text: &str, cue: Cue, start: usize, end: usize) -> bool {
    let letter = |c: char| c.is_alphabetic() && c <= APART_MAX;
    let word = &text[start..end];
    let before = text[..start].chars().next_back();
    let begins = !word.starts_with(letter) || !before.is_some_and(|c| letter(c) || c == '\'');
    let short = word.chars().count() <= WHOLE_LETTERS && word.ends_with(letter);
    let suffix = matches!(cue, Cue::Street(style) if address::is_suffix(style));
    let goes_on = text[end..].starts_with(letter);
    if suffix { !goes_on } else { begins && !(short && goes_on) }
}
