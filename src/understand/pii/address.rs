//! Postal addresses: a street with a number, as each language writes it. A word for a street finds
//! the styles that are tried; the word alone, or a city alone, is no address.

use std::sync::LazyLock;

use regex::Regex;

use super::cues::Cues;
use super::runs::Run;
use crate::domain::{PiiKind, PiiSpan};

/// One way to write an address.
struct Style {
    /// Words of which one stands in each address of the style.
    words: &'static [&'static str],
    /// The words are ends of longer ones, as in `Hauptstraße`.
    suffix: bool,
    /// The address. `{num}`, `{cap}`, `{of}` and `{tail}` stand for [`PIECES`].
    pattern: &'static str,
}

/// What patterns are put together from.
const PIECES: [(&str, &str); 6] = [
    // A flat, a postcode, a postcode with its city behind the street.
    (
        "{tail}",
        r"(?:,?\s+(?:{unit}|{post}(?:\s+{cap}){0,2})|,\s*{cap}(?:[ -]{cap}){0,2},?\s+(?:[A-Z]{2}\s+)?{post})*",
    ),
    (
        "{unit}",
        r"(?i:apt|apto|appt|apartment|flat|unit|suite|piso|puerta|bloco|bloque|esc|interno|scala|lgh|top|etage|whg|wohnung|lok|m|кв|квартира|корп|корпус|daire|kat|lantai|blok)\b[.:]?\s*(?i:nº|no\.?)?\s*\d{1,4}[A-Za-z]?\b",
    ),
    (
        "{post}",
        r"(?:[A-Z]{1,2}\d[A-Z\d]?\s?\d[A-Z]{2}|\d{4}\s?[A-Z]{2}|\d{2}-\d{3}|\d{3}\s\d{2}|\d{5}-\d{3,4}|\d{4,6})\b",
    ),
    // The number of a house: `5`, `5a`, `5/12`, `5-7`.
    ("{num}", r"\d{1,4}(?:[A-Za-z]|\s[A-H])?(?:[/-]\d{1,4}[A-Za-z]?)?\b"),
    ("{cap}", r"\p{Lu}[\p{L}'’.-]*"),
    (
        "{of}",
        r"(?:(?:de|del|della|di|dei|da|do|dos|das|du|des|la|las|los|le|les|el|van|von)\s+|[dl]['’]\s?)*",
    ),
];

const fn style(words: &'static [&'static str], pattern: &'static str) -> Style {
    Style { words, suffix: false, pattern }
}

const fn suffixes(words: &'static [&'static str], pattern: &'static str) -> Style {
    Style { words, suffix: true, pattern }
}

/// Every style, by language.
static STYLES: &[Style] = &[
    // English
    style(
        &[
            "street",
            "st",
            "road",
            "rd",
            "avenue",
            "ave",
            "lane",
            "ln",
            "boulevard",
            "blvd",
            "drive",
            "dr",
            "court",
            "terrace",
            "crescent",
            "highway",
            "parkway",
            "square",
            "close",
            "place",
            "way",
            "gardens",
            "grove",
        ],
        r"\b\d{1,5}[A-Za-z]?(?:[-/]\d{1,4})?,?\s+(?:(?:{cap}|\d{1,3}(?:st|nd|rd|th))\s+){1,4}(?i:street|st|road|rd|avenue|ave|lane|ln|boulevard|blvd|drive|dr|court|terrace|crescent|highway|parkway|square|close|place|way|gardens|grove)\b\.?{tail}|\b\d{1,5}[a-z]?\s+[a-z]{4,}\s+(?:street|st|avenue|blvd)\b{tail}",
    ),
    style(
        &["house", "flat", "plot", "blk", "block", "lot"],
        r"\b(?i:house|flat|plot)\s*(?i:no\.?|number|#)?\s*\d{1,4}[A-Za-z]?,?\s+(?i:road|block|sector|lane|street)\s*(?i:no\.?)?\s*\d{1,3}\b|\b(?i:blk|block)\s*\d{1,4}[A-Za-z]?,?\s+(?i:lot)\s*\d{1,4}\b|\b(?i:blk|block)\s*\d{1,4}[A-Za-z]?,?\s+(?:{cap}\s+){1,4}(?:\d{1,3},?\s*)?#\d{2}-\d{2,4}(?:,?\s+(?:Singapore\s+)?\d{6})?",
    ),
    style(
        &["box", "postfach", "apartado", "caixa postal"],
        r"\b(?i:p\.?\s?o\.?\s?box|postfach|apartado(?: postal| de correos)?|caixa postal)\s+\d{1,6}\b{tail}",
    ),
    // French
    style(
        &[
            "rue",
            "avenue",
            "av.",
            "boulevard",
            "bd",
            "impasse",
            "allée",
            "chemin",
            "quai",
            "cours",
            "place",
            "route",
        ],
        r"\b(?i:rue|avenue|chaussée)\s+{of}{cap}(?:[ -](?:{of}{cap}))*,?\s+{num}{tail}|\b\d{1,4}\s?(?i:bis|ter)?,?\s+(?i:rue|avenue|av\.|boulevard|bd|impasse|allée|chemin|quai|cours|place|route)\s+{of}{cap}(?:[ -](?:{of}{cap}))*{tail}|\b\d{1,4}\s?(?:bis|ter)?,?\s+(?:rue|boulevard|impasse)\s+{of}\p{Ll}{4,}{tail}",
    ),
    // Spanish, Portuguese, Italian
    style(
        &[
            "calle", "c/", "avenida", "avda", "av.", "plaza", "paseo", "carrera", "cra", "rua",
            "travessa", "alameda", "praça", "via", "viale", "corso", "piazza", "largo", "carrer",
        ],
        r"\b(?i:calle|c/|avenida|avda\.?|av\.|plaza|paseo|carrera|rua|travessa|alameda|praça|viale|corso|piazza|largo|carrer)\s*{of}{cap}(?:\s+{of}{cap}){0,4},?\s+(?i:n[º°.o]*\s*|núm\.?\s*|#\s*)?{num}{tail}|\b(?i:via)\s+(?:(?:del|della|dei|degli|delle|di|san|santa)\s+|dell[’'])?{cap}(?:\s+{of}{cap}){0,3},?\s+(?:n\.?\s*)?{num}{tail}|\b(?:calle|rua|avenida|viale|piazza)\s+{of}\p{Ll}{4,}(?:\s\p{Ll}{4,})?,?\s+(?:n[º°.o]*\s*)?\d{1,4}\b{tail}|\b(?i:calle|carrera|cra|diagonal|transversal)\.?\s*\d{1,3}[A-Za-z]?\s*(?i:#|no\.?|n°)\s*\d{1,3}[A-Za-z]?\s*-\s*\d{1,3}\b",
    ),
    // German, Dutch, Swedish and their neighbours
    suffixes(
        &[
            "straße", "strasse", "str.", "gasse", "weg", "allee", "platz", "gatan", "vägen",
            "gränd", "straat", "laan", "plein", "gracht", "kade", "dijk", "vej", "gade", "utca",
        ],
        r"\b(?:\p{Lu}[\p{L}-]+|\p{Ll}{3,})(?:straße|strasse|str\.|gatan|vägen|gränd|straat|gracht)\s+{num}{tail}|\b\p{Lu}[\p{L}-]+(?:er|e|s)[ -](?:Straße|Strasse|Str\.|Allee|Platz|Weg|Gasse)\s+{num}{tail}|\b\p{Lu}[\p{L}-]+(?:gasse|allee|laan|plein|gade|vej|kade|dijk)\s+{num}{tail}|\b\p{Lu}[\p{L}-]+(?:weg|platz)\s+{num},?\s+{post}(?:\s+{cap})?|\b{cap}\s+utca\s+{num}",
    ),
    // Russian, Ukrainian
    style(
        &[
            "ул",
            "улица",
            "улице",
            "улицу",
            "улицы",
            "проспект",
            "пр-т",
            "переулок",
            "пер",
            "бульвар",
            "шоссе",
            "набережная",
            "вул",
            "вулиця",
            "вулиці",
            "вулицю",
            "просп",
            "провулок",
        ],
        r"(?i:\bул|\bпр-т|\bпросп|\bпер|\bвул)\.\s*(?:[\p{L}-]+\.?\s*){1,4},?\s*(?i:дом|д\.|буд\.?|будинок)?\s*\d{1,4}\p{L}?\b(?:[/-]\d{1,4})?(?:,?\s*(?i:корп|к|стр|кв|квартира|под[ъ']езд|эт)\b\.?\s*\d{1,4})*|(?i:\bулиц[аеуы]|\bпроспекте?|\bпереулок|\bбульвар|\bшоссе|\bнабережная|\bвулиц[яію]|\bпровулок|\bвул|\bул)\s+{cap}(?:\s+{cap}){0,3},?\s*(?i:дом|д\.|буд\.?|будинок)?\s*\d{1,4}\p{L}?\b(?:[/-]\d{1,4})?(?:,?\s*(?i:корп|к|стр|кв|квартира|под[ъ']езд|эт)\b\.?\s*\d{1,4})*",
    ),
    // Polish
    style(
        &["ul", "al.", "os.", "ulica", "ulicy", "ulicę", "osiedle"],
        r"\b(?i:ul|al|os)\.\s*(?:[\p{L}.-]+\s+){1,4}{num}{tail}|\bul\s+\p{Ll}{4,}\s+\d{1,3}\b|\b(?i:ulica|ulicy|ulicę|osiedle|ul)\s+{cap}(?:\s+{cap}){0,3}\s+{num}{tail}",
    ),
    // Turkish
    style(
        &[
            "mah",
            "mahallesi",
            "cad",
            "cadde",
            "caddesi",
            "cd",
            "sok",
            "sokak",
            "sokağı",
            "sk",
            "bulvarı",
        ],
        r"{cap}\s+(?:Cad\.|Caddesi|Cd\.|Sok\.|Sokak|Sokağı|Bulvarı)\s+\d{1,4}\b|(?:(?:(?:{cap}|\d+\.?)\s+){1,3}|[\p{L}\d]+\.?\s+)(?i:mah|mahallesi|cad|cadde|caddesi|cd|sok|sokak|sokağı|sk|bulvarı)\b\.?[^!?\n]{0,40}?\b(?i:no)\s*[:.]?\s*\d{1,4}(?:[A-Za-z]|/[A-Za-z\d]{1,3})?\b(?:,?\s*(?i:daire|kat|d|k)\s*[:.]?\s*\d{1,3}\b)*",
    ),
    // Indonesian, Malay
    style(
        &["jl", "jln", "jalan", "lorong", "gang", "persiaran", "lebuh"],
        r"\b(?i:jl|jln)\b\.?\s*(?:[\p{L}.]+\s+){1,4}(?i:no\.?\s*)?{num}(?:,?\s*(?i:rt|rw)[ ./]*\d{1,3})*{tail}|\b(?i:jalan|lorong|gang|persiaran|lebuh)\s+{cap}(?:\s+{cap}){0,3}(?:,?\s+(?i:no|nomor)\b\.?\s*|\s+){num}(?:,?\s*(?i:rt|rw)[ ./]*\d{1,3})*{tail}|\b(?i:no)\.?\s*{num},?\s+(?i:jalan|jln|jl|lorong|persiaran|lebuh)\b\.?\s+{cap}(?:\s+{cap}){0,3}(?:\s+{num})?{tail}",
    ),
    // Vietnamese
    style(
        &["đường", "phố", "ngõ", "hẻm", "ngách", "phường", "quận", "số nhà", "duong"],
        r"\b(?i:số(?:\s+nhà)?)\s*\d{1,4}[A-Za-z]?(?:/\d{1,3})*,?\s+(?i:đường|phố|ngõ|hẻm|ngách|duong)\s+[\p{L}\d]+(?:\s+{cap}){0,3}(?:,?\s*(?i:phường|quận|p\.|q\.)\s*\d{1,2})*|\b\d{1,4}[A-Za-z]?(?:/\d{1,3})*\s+(?i:đường|phố)\s+{cap}(?:\s+{cap}){0,3}(?:,?\s*(?i:phường|quận|p\.|q\.)\s*\d{1,2})*|\b\d{1,4}[A-Za-z]?(?:/\d{1,3})*\s+{cap}(?:\s+{cap}){1,3},\s*(?i:phường|quận)\s+[\p{L}\d]+(?:,?\s*(?i:phường|quận)\s*\d{1,2})*",
    ),
    // Thai
    style(
        &["ถนน", "ถ.", "ซอย", "แขวง", "ตำบล", "ต.", "หมู่"],
        r"\d{1,4}(?:/\d{1,4})?\s*(?:(?:หมู่บ้าน|หมู่ที่|หมู่|ม\.|ซอย|ซ\.)\s*[\p{Thai}\d/]{1,30}\s*)?(?:ถนน|ถ\.|ซอย|แขวง|ตำบล|ต\.)\s*[\p{Thai}\d/]+(?:\s*(?:แขวง|เขต|ตำบล|อำเภอ|จังหวัด|ต\.|อ\.|จ\.|ซอย|ถนน)\s*\p{Thai}+)*(?:\s*\p{Thai}{0,20}\s*\d{5}\b)?|ซอย\s*\p{Thai}*\s*\d{1,3}\s*ถนน\s*\p{Thai}+",
    ),
    // Arabic
    style(
        &["شارع", "عمارة", "مبنى", "بناية", "فيلا"],
        r"شارع\s+(?:\p{L}+\s+){1,4}(?:رقم\s*)?\d{1,4}\b|\b\d{1,4}[،,]?\s+شارع\s+\p{L}+(?:\s\p{L}+)?|(?:عمارة|مبنى|بناية|فيلا)\s*(?:رقم\s*)?\d{1,4}[،,]?\s+(?:شقة|شارع|طابق|الدور)\s*(?:رقم\s*)?[\p{L}\d]+",
    ),
    // Hebrew; the word for a street may have a preposition attached
    suffixes(
        &["רחוב", "רח'", "רח׳", "שדרות"],
        "(?:רחוב|רח['׳]|שדרות)\\s+(?:[\\p{L}\"'׳״-]+\\s+){1,4}\\d{1,4}\\b(?:,?\\s*(?:דירה|כניסה|קומה)\\s*\\d{1,3})*",
    ),
    // Hindi, Bengali
    style(
        &["मकान", "फ्लैट", "प्लॉट", "বাড়ি", "বাসা", "ফ্ল্যাট", "হাউস"],
        r"(?:मकान|फ्लैट|प्लॉट)\s*(?:नंबर|नं\.?|संख्या)?\s*\d{1,4}[A-Za-z]?,?\s+[^!?\n।]{0,30}?(?:गली|सेक्टर|रोड|मोहल्ला|कॉलोनी|ब्लॉक|मार्ग)(?:\s*(?:नंबर|नं\.?)?\s*\d{1,3})?|(?:বাড়ি|বাসা|ফ্ল্যাট|হাউস)\s*(?:নং|নম্বর)?[:.-]?\s*\d{1,4}[A-Za-z]?,?\s+[^!?\n।]{0,30}?(?:রোড|সড়ক|সেক্টর|ব্লক|লেন)(?:\s*(?:নং|নম্বর)?[:.-]?\s*\d{1,3})?",
    ),
    // Chinese
    style(
        &["路", "街", "大道", "巷", "弄", "胡同", "栋", "幢", "号楼"],
        r"[\p{Han}--[到是在给給我你您的了去往]]{2,20}(?:路|街|大道|巷|弄|胡同)(?:[一二三四五六七八九十]段)?\s?\d{1,5}(?:[弄巷]\d{1,4})?(?:-\d{1,3})?\s?[号號](?:之\d+)?(?:\p{Han}{0,8}[A-Za-z]?\d{1,4}(?:室|楼|樓|栋|幢|单元|层|層|号|號|座))*|[\p{Han}--[到是在给給我你您的了去往]]{2,12}\d{1,3}(?:栋|幢|号楼)(?:\d{1,2}单元)?\d{2,4}(?:室|号|房)?",
    ),
    // Japanese
    style(
        &["〒", "市", "区", "町", "村", "丁目"],
        r"〒\s*\d{3}[-−ー‐]?\d{4}(?:\s*[\p{Han}\p{Hiragana}\p{Katakana}ー々ヶ]{2,24}\d{1,4}(?:丁目|番地?|号|[-−ー‐]|\d{1,4})*)?|[\p{Han}々ヶ]{1,12}[市区町村][\p{Han}\p{Hiragana}\p{Katakana}ー々ヶ]{0,12}\d{1,4}(?:丁目|[-−ー‐]\d{1,4})(?:丁目|番地?|号|[-−ー‐]|\d{1,4})*",
    ),
    // Korean
    suffixes(
        &["로 ", "길 ", "번길", "동 "],
        r"[가-힣]{2,}[시도군구]\s+(?:[가-힣]{1,}[시군구읍면동]\s+)*[가-힣]{2,}(?:로|길)(?:\d{1,3}번?길)?\s+\d{1,4}(?:-\d{1,4})?(?:,?\s*\d{1,4}동)?(?:\s*\d{1,4}호)?(?:$|[^\d가-힣])|\d{1,4}동\s\d{1,4}호",
    ),
];

/// Addresses without a word for a street: a house number, a postcode and a town. Postcodes are those
/// of the regions whose rules the router knows.
static WORDLESS: [&str; 3] = [
    // `Am Markt 3, 50667 Köln`, `Damrak 1, 1012 LG Amsterdam`, `Rynek 5, 00-272 Warszawa`,
    // `Paulista 1578, 01310-100 São Paulo`
    r"\b{cap}(?:[ -](?:{cap}|am|an|der|den|dem|de|du|la|le|van|do|da|di)){0,3}\s\d{1,4}[A-Za-z]?(?:[/-]\d{1,3})?(?:,\s*|\s)(?:[A-Z]{1,2}-)?(?:\d{4}\s?[A-Z]{2}|\d{2}-\d{3}|\d{4,5}-\d{3}|\d{3}\s\d{2}|\d{4,6})\s+{cap}",
    // `7 Larches, Leeds LS1 4AP`, `123 Broadway, New York, NY 10001`, `55 Bloor W, Toronto ON M4W 1A5`,
    // `5 Esplanade, Manly NSW 2095`, `12 Les Tilleuls, 75011 Paris`
    r"\b\d{1,5}[A-Za-z]?,?\s(?:{cap}[ ,]{1,2}){1,5}(?:(?:A[LKZR]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|PA|RI|S[CD]|T[NX]|UT|V[AT]|W[AIVY])\s\d{5}\b|[A-Z]{1,2}\d[A-Z\d]?\s?\d[A-Z]{2}\b|(?:[A-Z]{2}\s)?[A-Z]\d[A-Z]\s?\d[A-Z]\d\b|(?:NSW|VIC|QLD|SA|WA|TAS|ACT|NT)\s\d{4}\b|\d{5}\s{cap})",
    // `630099, Новосибирск, Ленина 12`
    r"\b\d{5,6},?\s+(?:г\.\s?|м\.\s?)?{cap},\s*{cap}(?:\s{cap})?,?\s\d{1,4}\p{L}?\b",
];

/// Every word of every style, with the style's index.
pub fn words() -> impl Iterator<Item = (&'static str, usize)> {
    let styles = STYLES.iter().enumerate();
    styles.flat_map(|(at, style)| style.words.iter().map(move |word| (*word, at)))
}

/// Whether the words of a style are ends of longer words.
pub fn is_suffix(style: usize) -> bool {
    STYLES[style].suffix
}

static PATTERNS: LazyLock<Vec<Regex>> =
    LazyLock::new(|| STYLES.iter().map(|style| compiled(style.pattern)).collect());

static WORDLESS_PATTERNS: LazyLock<Vec<Regex>> =
    LazyLock::new(|| WORDLESS.iter().map(|pattern| compiled(pattern)).collect());

fn compiled(pattern: &str) -> Regex {
    let whole =
        PIECES.iter().fold(pattern.to_owned(), |text, (name, piece)| text.replace(name, piece));
    Regex::new(&whole).expect("the styles are tested")
}

/// Most digits of a house or a postcode; with only longer numbers there is no address.
const DIGITS_MAX: usize = 6;

/// Every postal address in `text`.
pub fn find(text: &str, runs: &[Run], cues: &Cues<'_>) -> Vec<PiiSpan> {
    if runs.iter().all(|run| run.digits > DIGITS_MAX) {
        return Vec::new();
    }
    let hinted = cues.streets();
    let styles = (0..STYLES.len()).filter(|style| hinted >> style & 1 == 1);
    let found = styles.flat_map(|style| PATTERNS[style].find_iter(text));
    let trimmed = found.map(|found| {
        let end =
            found.end() - (found.as_str().len() - found.as_str().trim_end_matches(is_edge).len());
        PiiSpan { kind: PiiKind::Address, start: found.start(), end, confidence: 0.85 }
    });
    let mut found: Vec<PiiSpan> = trimmed.filter(|span| !is_amount(&text[span.end..])).collect();
    if found.is_empty() && may_be_wordless(text, runs) {
        found = wordless(text, cues);
    }
    found
}

/// A house number and a postcode stand close together, and a capital letter somewhere.
fn may_be_wordless(text: &str, runs: &[Run]) -> bool {
    const APART_BYTES: usize = 64;
    let near = |pair: &[Run]| pair[1].start - pair[0].end <= APART_BYTES;
    runs.windows(2).any(near) && text.chars().any(char::is_uppercase)
}

fn wordless(text: &str, cues: &Cues<'_>) -> Vec<PiiSpan> {
    let found = WORDLESS_PATTERNS.iter().flat_map(|pattern| pattern.find_iter(text));
    let spans = found.map(|found| {
        let end = found.start() + found.as_str().trim_end_matches(is_edge).len();
        PiiSpan { kind: PiiKind::Address, start: found.start(), end, confidence: 0.75 }
    });
    // `Bestellung 12, 10115 Berlin` names an order, not a house.
    let is_order = |span: &PiiSpan| {
        let number = text[span.start..].find(|c: char| c.is_ascii_digit());
        number.is_some_and(|at| cues.after_order(span.start + at).is_some())
    };
    // `Mai 12, 1500 Euro` ends with a unit, not with a town.
    let is_sum =
        |span: &PiiSpan| text[span.start..span.end].rsplit(' ').next().is_some_and(is_amount);
    spans.filter(|span| !is_order(span) && !is_sum(span)).collect()
}

/// Whether `rest` makes the number before it one of money or time, as in `via PayPal 149 euro`.
fn is_amount(rest: &str) -> bool {
    const UNITS: [&str; 18] = [
        "stü", "pcs", "€", "$", "£", "%", "₹", "₽", "₺", "eur", "usd", "zł", "kr", "руб", "грн",
        "min", "day", "tage",
    ];
    let head = rest.trim_start().chars().take(4).flat_map(char::to_lowercase);
    let head: String = head.collect();
    UNITS.iter().any(|unit| head.starts_with(unit))
}

/// What a pattern may take in and no address ends with.
fn is_edge(c: char) -> bool {
    c.is_whitespace() || matches!(c, '.' | ',' | ';' | '!' | '?')
}
