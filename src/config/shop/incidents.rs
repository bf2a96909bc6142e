//! What a shop decides about incidents: which questions one answer may serve, and whether they join without a
//! click.

use std::collections::BTreeSet;

use crate::domain::Intent;

use super::section::Section;

/// The intents of questions that one answer may serve, and whether these may join without a click.
pub(super) fn read(mut section: Section<'_>) -> (Option<BTreeSet<Intent>>, bool) {
    let is_set = section.has("intents");
    let intents = section.parsed_list("intents", "intents of the shipped model");
    let automatic_joins = !section.has("automatic") || section.flag("automatic");
    section.finish();
    (is_set.then(|| intents.into_iter().collect()), automatic_joins)
}

#[cfg(test)]
mod tests {
    use super::super::load::demo_with as shop;

    #[test]
    fn questions_join_incidents_without_a_click_in_time_unless_the_shop_forbids_it() {
        for (lines, may_join) in [
            ("", true),
            ("\n[incidents]\nintents = [\"discount\"]\n", true),
            ("\n[incidents]\nautomatic = true\n", true),
            ("\n[incidents]\nautomatic = false\n", false),
        ] {
            assert_eq!(shop(lines).expect("a shop").automatic_joins, may_join, "{lines}");
        }

        let forbids = shop("\n[incidents]\nautomatic = false\n").expect("a shop");
        assert_eq!(forbids.generic_intents, None, "which questions is another matter");
        let error = shop("\n[incidents]\nautomatic = \"never\"\n").expect_err("a mistake");
        assert!(error.contains("incidents.automatic"), "{error}");
    }
}
