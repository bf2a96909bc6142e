//! Pages and plots of a simulation: one file, no script, no network.

mod page;
mod plots;
mod promise;

use std::fmt::Write as _;

pub(super) use promise::svg as promise;

use super::Run;
use crate::sim::{PolicyName, Scenario};
use page::escape;

/// The page of one scenario under one or more schedulers.
pub(super) fn html(scenario: &Scenario, runs: &[Run], notes: &[String]) -> String {
    let mut out = String::with_capacity(64 * 1024);
    out.push_str(page::HEAD);
    let about = match scenario.about.as_str() {
        "" => "A simulated contact centre",
        about => about,
    };
    let counted = runs.first().map_or(0, |run| run.figures.contacts);
    let _ = write!(
        out,
        "<h1>{}</h1><p class=dim>{} seats, {counted} contacts counted; simulated by tradewind {}</p>",
        escape(about),
        scenario.seats.len(),
        env!("CARGO_PKG_VERSION")
    );
    if let Some(first) = runs.first() {
        headline(&mut out, first);
        verdict(&mut out, runs);
        beside_as_it_was(&mut out, runs);
    }
    plots::waits_by_policy(&mut out, runs);
    out.push_str("<div class=plots>");
    plots::first_responses(&mut out, runs);
    plots::occupancy(&mut out, runs);
    out.push_str("</div>");
    if let Some(first) = runs.first() {
        plots::by_language(&mut out, first);
    }
    table(&mut out, runs);
    for note in notes {
        let _ = write!(out, "<p class=dim>{}</p>", escape(note));
    }
    out.push_str("</main></body></html>\n");
    out
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn headline(out: &mut String, run: &Run) {
    let figures = &run.figures;
    let in_time = run.samples.first_responses_in_time(figures.contacts);
    out.push_str("<dl class=figures>");
    for (name, value) in [
        ("first reply, mean", format!("{:.1} s", figures.mean_first_response_s)),
        ("first reply within 15 s", percent(in_time)),
        ("wait, mean", format!("{:.1} s", figures.mean_wait_s)),
        ("wait of 95 in 100 below", format!("{:.0} s", figures.p95_wait_s)),
        ("left without an answer", percent(figures.abandoned)),
        ("answered through translation", percent(figures.translated)),
    ] {
        let _ = write!(out, "<div><dt>{name}</dt><dd>{value}</dd></div>");
    }
    let _ = write!(out, "</dl><p class=dim>scheduler: {}</p>", figures.policy);
}

/// One sentence that says what the comparison shows.
fn verdict(out: &mut String, runs: &[Run]) {
    let by = |name| runs.iter().find(|run| run.figures.policy == name);
    let Some(ours) = by(PolicyName::Default) else { return };
    let is_rival = |policy| {
        !matches!(policy, PolicyName::Default | PolicyName::PooledBound | PolicyName::AsItWas)
    };
    let rivals = runs.iter().filter(|run| is_rival(run.figures.policy));
    let time = |run: &Run| run.figures.mean_first_response_s;
    let Some(best) = rivals.min_by(|a, b| time(a).total_cmp(&time(b))) else { return };
    let saved = time(best) - time(ours);
    let _ = write!(
        out,
        "<p><b>On the same contacts, Tradewind's first reply comes after {:.1} s; the best of the \
         other schedulers, {}, needs {:.1} s ({:.1} s {}).</b>",
        time(ours),
        best.figures.policy,
        time(best),
        saved.abs(),
        if saved >= 0.0 { "more" } else { "less" }
    );
    if let Some(bound) = by(PolicyName::PooledBound) {
        let _ = write!(
            out,
            " If every seat spoke every language, it would be {:.1} s: no scheduler can do better.",
            time(bound)
        );
    }
    out.push_str("</p>");
}

/// What a journal recorded, beside what these rules would have made of it.
fn beside_as_it_was(out: &mut String, runs: &[Run]) {
    let by = |name| runs.iter().find(|run| run.figures.policy == name);
    let (Some(was), Some(first)) = (by(PolicyName::AsItWas), runs.first()) else { return };
    let _ = write!(
        out,
        "<p><b>As it was, the first reply came after {:.1} s on average, and {} left; under {} and \
         these rules it would have been {:.1} s and {}.</b></p>",
        was.figures.mean_first_response_s,
        percent(was.figures.abandoned),
        first.figures.policy,
        first.figures.mean_first_response_s,
        percent(first.figures.abandoned),
    );
}

fn table(out: &mut String, runs: &[Run]) {
    out.push_str(
        "<h2>All figures</h2><p class=dim>times in seconds; p95 and p99 count those who left too; \
         Gini: 0 is work shared equally by the seats</p><div class=wide><table><tr><th>scheduler\
         <th>first reply<th>mean wait<th>p95<th>p99<th>longest<th>within 15 s<th>left\
         <th>ticket<th>worst language<th>translated<th>Gini<th>VIP wait</tr>",
    );
    for Run { figures, samples, .. } in runs {
        let _ = write!(
            out,
            "<tr><th>{}<td>{:.1}<td>{:.1}<td>{:.0}<td>{:.0}<td>{:.0}<td>{}<td>{}<td>{}<td>{}<td>{}<td>{:.3}<td>{:.1}</tr>",
            figures.policy,
            figures.mean_first_response_s,
            figures.mean_wait_s,
            figures.p95_wait_s,
            figures.p99_wait_s,
            figures.max_wait_s,
            percent(figures.answered_within_15s),
            percent(figures.abandoned),
            percent(figures.ticketed),
            percent(figures.worst_language_within_15s),
            percent(figures.translated),
            figures.gini_occupancy,
            samples.vip.0,
        );
    }
    out.push_str("</table></div>");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::Mix;

    fn page() -> String {
        let mut scenario = Mix { seats: 40, load: 0.9, hours: 0.7, ..Mix::default() }.draw(1);
        scenario.about = "<b>Friday</b> & \"Saturday\"".to_owned();
        let runs: Vec<Run> = PolicyName::ALL
            .into_iter()
            .map(|policy| super::super::one(&scenario, policy, crate::sim::Checks::Offers))
            .collect();
        html(&scenario, &runs, &[])
    }

    #[test]
    fn the_page_needs_no_network_and_no_script_and_escapes_texts() {
        let page = page();

        for forbidden in
            ["http-equiv", "src=", "href=", "@import", "url(", "<script", "NaN", "inf "]
        {
            assert!(!page.contains(forbidden), "{forbidden}");
        }
        assert!(page.contains("&lt;b&gt;Friday&lt;/b&gt; &amp; &quot;Saturday&quot;"));
        assert!(page.contains("prefers-color-scheme:dark") && page.contains("width=device-width"));
    }

    #[test]
    fn every_scheduler_is_in_every_comparison_and_tags_are_balanced() {
        let page = page();

        for policy in PolicyName::ALL {
            assert!(page.matches(policy.as_str()).count() >= 3, "{policy}");
        }
        for tag in ["svg", "table", "dl", "div", "section", "main", "body", "html"] {
            let opened = page.matches(&format!("<{tag}")).count();
            assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{tag}");
        }
    }
}
