//! The languages in which incidents are found: for each there are words, things and lines that were written for it.

/// A file for each language, with the language.
pub(super) type Lists = [(&'static str, &'static str); 24];

/// The files `<folder>/<language>.txt`.
macro_rules! lists {
    ($folder:literal) => {
        $crate::incidents::lists::lists!($folder: "ar" "bn" "de" "en" "es" "fr" "he" "hi" "id" "it" "ja" "ko"
            "ms" "nl" "pl" "pt" "ru" "sv" "th" "tl" "tr" "uk" "vi" "zh")
    };
    ($folder:literal: $($language:literal)*) => {
        [$(($language, include_str!(concat!($folder, "/", $language, ".txt")))),*]
    };
}

pub(super) use lists;
