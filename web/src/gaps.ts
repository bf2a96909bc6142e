// What to write next: questions that no article answered, alike ones together, and a file to begin with.

import { button, el } from "./dom";
import { type GapsStrings, gapsStrings } from "./gaps-strings";
import { fill } from "./locale";

interface Gap {
  intent: string;
  questions: number;
  languages: Record<string, number>;
  since: string;
  examples: string[];
}

/** What a question of an article may have. */
const QUESTION_CHARS_MAX = 300;

/** A text of TOML: of the control characters that it does not take JSON leaves one. */
const quoted = (text: string): string => JSON.stringify(text.replaceAll("\u007f", ""));
const begun = (text: string): string => Array.from(text).slice(0, QUESTION_CHARS_MAX).join("").trim();

/** A file as `docs/knowledge.md` describes it, with all that is known but for the answer. */
function draft(gap: Gap): string {
  const questions = gap.examples.map((text) => `    ${quoted(begun(text))},\n`).join("");
  return `+++\ntitle = ""\nintents = [${quoted(gap.intent)}]\nquestions = [\n${questions}]\n+++\n\n`;
}

/** The list on the floor, which is asked for when it is opened. */
export class GapsView {
  private readonly words: GapsStrings;
  private readonly list = el("div", { role: "status" });
  private readonly languages: Intl.DisplayNames;

  constructor(
    root: HTMLElement,
    private readonly locale: string,
    /** Null when there is no answer. */
    private readonly load: () => Promise<Gap[] | null>,
  ) {
    this.words = gapsStrings(locale);
    this.languages = new Intl.DisplayNames([locale, "en"], { type: "language", fallback: "code" });
    const node = el("details", { id: "gaps", class: "gaps" }, el("summary", {}, this.words.title), el("p", { class: "soft" }, this.words.kept), this.list);
    node.addEventListener("toggle", () => node.open && void this.show());
    root.append(node);
  }

  private async show(): Promise<void> {
    const gaps = await this.load();
    if (gaps === null) return this.list.replaceChildren(el("p", { class: "error" }, this.words.failed));
    if (gaps.length === 0) return this.list.replaceChildren(el("p", {}, this.words.none));
    this.list.replaceChildren(el("ol", {}, ...gaps.map((gap) => this.row(gap))));
  }

  private row(gap: Gap): HTMLElement {
    const day = new Intl.DateTimeFormat(this.locale, { dateStyle: "medium" }).format(Date.parse(gap.since));
    const spoken = Object.entries(gap.languages).map(([code, count]) => `${this.languages.of(code) ?? code} ${count}`);
    const facts = [fill(this.words.asked, { n: String(gap.questions), t: day }), gap.intent.replaceAll("_", " "), spoken.join(", ")];
    return el(
      "li",
      {},
      el("p", {}, facts.join(" · ")),
      ...gap.examples.map((text) => el("blockquote", { dir: "auto" }, text)),
      button(this.words.begin, "quiet small", () => begin(gap)),
    );
  }
}

/** Hands over a file to begin with, in the language in which it is asked most. */
function begin(gap: Gap): void {
  const [language] = Object.entries(gap.languages).sort(([, a], [, b]) => b - a)[0] ?? ["en"];
  const address = URL.createObjectURL(new Blob([draft(gap)], { type: "text/markdown" }));
  const link = el("a", { href: address, download: `${gap.intent.replaceAll("_", "-")}.${language}.md` });
  link.click();
  URL.revokeObjectURL(address);
}
