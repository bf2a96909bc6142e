//! `tradewind doctor`: whether this machine is fit to serve.

use std::io::IsTerminal;

use serde_json::json;

use super::settings::SettingsArgs;
use super::{Exit, print, print_json};
use crate::doctor::{Finding, Verdict, examine};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tradewind doctor
  tradewind doctor --data /var/lib/tradewind --json

Ends with 3 when something is wrong; what is only odd does not count.")]
pub(super) struct Args {
    /// Prints JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: SettingsArgs,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let findings = examine(&args.settings.load());
    let wrong = findings.iter().any(|finding| finding.verdict == Verdict::Wrong);
    if args.json {
        let list: Vec<_> = findings
            .iter()
            .map(|it| json!({"check": it.check, "verdict": it.verdict.as_str(), "text": it.text}))
            .collect();
        print_json(&json!({"fit": !wrong, "findings": list}))?;
    } else {
        let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        print(&findings.iter().map(|finding| line(finding, colour)).collect::<String>())?;
    }
    Ok(if wrong { Exit::CheckFailed } else { Exit::Success })
}

fn line(finding: &Finding, colour: bool) -> String {
    let word = format!("{:<5}", finding.verdict.as_str());
    let word = match (colour, finding.verdict) {
        (false, _) => word,
        (true, Verdict::Good) => format!("\x1b[32m{word}\x1b[0m"),
        (true, Verdict::Odd) => format!("\x1b[33m{word}\x1b[0m"),
        (true, Verdict::Wrong) => format!("\x1b[31m{word}\x1b[0m"),
    };
    // The rest of a text of several lines stands below its first.
    format!("{word}  {:<14} {}\n", finding.check, finding.text.replace('\n', "\n       "))
}
