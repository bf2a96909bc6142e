//! Words that say what the number beside them is.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
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
const ORDER: [&str; 72] = [
    "order",
    "ofder",
    "orden",
    "purchase",
    "pedido",
    "encomenda",
    "zakaz",
    "zamovlen",
    "заявк",
    "tempahan",
    "รายการ",
    "订单尾号",
    "claim",
    "bestell",
    "auftrag",
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
    /// Bytes of the longest.
    longest: usize,
}

impl Words {
    fn new(words: impl Iterator<Item = (&'static str, Cue)>) -> Self {
        let (mut patterns, mut cues) = (Vec::new(), Vec::new());
        for (word, cue) in words {
            let mut letters = word.chars();
            let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
            // Words with letters outside ASCII stand there in lower case, with a capital, and in
            // capitals; the automaton takes care of the cases of ASCII.
            let mut forms = vec![word.to_owned(), first + letters.as_str(), word.to_uppercase()];
            forms.dedup_by_key(|form| form.to_ascii_lowercase());
            cues.extend(forms.iter().map(|_| cue));
            patterns.append(&mut forms);
        }
        // The largest kind takes one step for each byte; the others follow failed tries.
        let kind = Some(AhoCorasickKind::DFA);
        let automaton =
            AhoCorasick::builder().kind(kind).ascii_case_insensitive(true).build(&patterns);
        let longest = patterns.iter().map(String::len).max().unwrap_or_default();
        Self { automaton: automaton.expect("some hundred words fit an automaton"), cues, longest }
    }

    /// The words in `text[from..to]`, in order of their ends.
    fn find<'a>(&'a self, text: &'a str, from: usize, to: usize) -> impl Iterator<Item = Found> {
        let hits = self.automaton.find_overlapping_iter(&text[from..to]);
        let found = hits.map(move |hit| Found {
            cue: self.cues[hit.pattern().as_usize()],
            start: from + hit.start(),
            end: from + hit.end(),
        });
        found.filter(|found| is_word(text, found.cue, found.start, found.end))
    }
}

/// Every word that stands before a number.
static WORDS: LazyLock<Words> = LazyLock::new(|| {
    let plain = [(&PHONE[..], Cue::Phone), (&ORDER[..], Cue::Order), (&ANY_ID[..], Cue::Id(None))];
    let plain = plain.into_iter().flat_map(|(words, cue)| words.iter().map(move |w| (*w, cue)));
    let ids = national::words().map(|(word, region)| (word, Cue::Id(Some(region))));
    Words::new(plain.chain(ids))
});

/// Every word of an address.
static STREETS: LazyLock<Words> =
    LazyLock::new(|| Words::new(address::words().map(|(word, style)| (word, Cue::Street(style)))));

struct Found {
    cue: Cue,
    start: usize,
    end: usize,
}

/// What one word says; the same word may name the numbers of several regions.
pub type Near = SmallVec<[Cue; 4]>;

/// The words of one message, looked for where somebody asks.
pub struct Cues<'a> {
    text: &'a str,
}

impl<'a> Cues<'a> {
    /// The words of `text`.
    pub fn of(text: &'a str) -> Self {
        Self { text }
    }

    /// What the nearest word before `at` says. Of two that end together the longer one counts.
    pub fn before(&self, at: usize) -> Near {
        self.nearest(at).0
    }

    /// Whether a word for a national number ends at `at`, as in `cpf52998224725`.
    pub fn is_labelled(&self, at: usize) -> bool {
        let (near, end) = self.nearest(at);
        end == at && near.iter().any(|cue| matches!(cue, Cue::Id(_)))
    }

    /// The bytes between a word for an order and `at`, when no other word stands nearer.
    pub fn after_order(&self, at: usize) -> Option<&'a str> {
        let (near, end) = self.nearest(at);
        near.contains(&Cue::Order).then(|| &self.text[end..at])
    }

    /// What the nearest word before `at` says, and where it ends.
    fn nearest(&self, at: usize) -> (Near, usize) {
        let mut from = at.saturating_sub(CONTEXT_BYTES + WORDS.longest);
        while !self.text.is_char_boundary(from) {
            from -= 1;
        }
        let (mut near, mut nearest) = (Near::new(), (0, 0));
        for found in WORDS.find(self.text, from, at) {
            let place = (found.end, found.end - found.start);
            if at - found.end > CONTEXT_BYTES || place < nearest {
                continue;
            }
            if place > nearest {
                near.clear();
            }
            nearest = place;
            near.push(found.cue);
        }
        (near, nearest.0)
    }

    /// The styles of address that a word of this message hints at, as bits.
    pub fn streets(&self) -> u64 {
        let found = STREETS.find(self.text, 0, self.text.len());
        found.fold(0, |styles, found| match found.cue {
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
