// Questions that many customers ask at once: whom one answer reaches, a click that says who belongs, and
// the answer in as many languages as the seat writes.

import { languageName } from "./demo";
import { button, el } from "./dom";
import type { Frame } from "./client";

interface Follower {
  conversation: string;
  language: string;
  by: string | null;
  confirmed: boolean;
}

interface Incident {
  incident: number;
  is_open: boolean;
  examples: string[];
  followers: number;
  reaches: number;
  unconfirmed: number;
  languages: Record<string, number>;
  shown: Follower[];
  untranslated: string[];
  answered_by: string | null;
}

type Say = (frame: { type: string; [field: string]: unknown }) => void;

/** One incident on the page; what is being written into it stays while it changes around it. */
class Card {
  readonly node = el("section", { class: "incident" });
  private readonly facts = el("div");
  private readonly wrong = new Set<string>();
  private readonly texts = new Map<string, HTMLTextAreaElement>();
  private readonly form = el("form", { class: "incident-answer" });
  private readonly fields = el("div");
  private incident!: Incident;
  private translates = false;

  constructor(private readonly say: Say) {
    const submit = el("button", { type: "submit", class: "primary" }, "Answer all");
    this.form.append(this.fields, submit);
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.answer();
    });
    this.node.append(this.facts, this.form);
  }

  show(incident: Incident, translates: boolean): void {
    this.incident = incident;
    this.translates = translates;
    const spoken = Object.entries(incident.languages).map(([code, count]) => `${languageName(code)} ${count}`).join(", ");
    this.facts.replaceChildren(
      el("h3", {}, incident.is_open ? "Incident" : "Maybe an incident", ` ${incident.incident}`),
      ...incident.examples.map((text) => el("blockquote", { dir: "auto" }, text)),
      el("p", {}, `${incident.followers} ask this. An answer reaches ${incident.reaches} now. ${spoken}`),
      ...(incident.answered_by === null ? [] : [el("p", {}, `Answered by ${incident.answered_by}.`)]),
      ...(incident.untranslated.length === 0 ? [] : [el("p", {}, `Not translated, sent as written: ${incident.untranslated.map(languageName).join(", ")}.`)]),
    );
    if (incident.unconfirmed > 0) this.facts.append(this.unconfirmed());
    this.facts.append(button("End it", "quiet", () => this.say({ type: "close_incident", incident: incident.incident })));
    this.form.hidden = incident.answered_by !== null || incident.reaches === 0;
    for (const code of ["en", ...Object.keys(incident.languages)]) this.field(code);
  }

  /** Whoever waits for a click, each of whom can be left out. */
  private unconfirmed(): HTMLElement {
    const asked = this.incident.shown.filter((follower) => !follower.confirmed);
    const rows = asked.map((follower) => {
      const box = el("input", { type: "checkbox", checked: !this.wrong.has(follower.conversation) });
      box.addEventListener("change", () => {
        if (box.checked) this.wrong.delete(follower.conversation);
        else this.wrong.add(follower.conversation);
      });
      const words = `${languageName(follower.language)}, by ${follower.by ?? "the first question"}`;
      return el("li", {}, el("label", {}, box, ` …${follower.conversation.slice(-4)} ${words}`));
    });
    const confirm = button(`They ask the same (${asked.length})`, "primary", () => {
      const wrong = asked.map((it) => it.conversation).filter((id) => this.wrong.has(id));
      const conversations = asked.map((it) => it.conversation).filter((id) => !this.wrong.has(id));
      this.say({ type: "confirm_incident", incident: this.incident.incident, conversations, wrong });
    });
    return el("details", { open: true }, el("summary", {}, `${this.incident.unconfirmed} wait for your click`), el("ul", {}, ...rows), confirm);
  }

  private field(code: string): void {
    if (this.texts.has(code)) return;
    const id = `incident-${this.incident.incident}-${code}`;
    const text = el("textarea", { id, rows: "2", maxlength: "2000", dir: "auto", lang: code });
    const others = this.translates ? " (translated for languages without a text)" : " (and for languages without a text, as it is)";
    const fallback = code === "en" ? others : "";
    this.fields.append(el("label", { for: id }, languageName(code), fallback), text);
    this.texts.set(code, text);
  }

  private answer(): void {
    const written = [...this.texts].map(([code, text]) => [code, text.value.trim()]).filter(([, text]) => text !== "");
    this.say({ type: "answer_incident", incident: this.incident.incident, texts: Object.fromEntries(written), fallback: "en" });
  }
}

/** The panel of a shop's incidents. */
export class IncidentsView {
  private readonly cards = new Map<number, Card>();

  constructor(
    private readonly root: HTMLElement,
    private readonly say: Say,
  ) {}

  take(frame: Frame): void {
    const incidents = (frame["incidents"] ?? []) as Incident[];
    const numbers = new Set(incidents.map((it) => it.incident));
    for (const [number, card] of this.cards) {
      if (numbers.has(number)) continue;
      card.node.remove();
      this.cards.delete(number);
    }
    for (const incident of incidents) {
      let card = this.cards.get(incident.incident);
      if (card === undefined) {
        card = new Card(this.say);
        this.cards.set(incident.incident, card);
        this.root.append(card.node);
      }
      card.show(incident, frame["translates"] === true);
    }
    this.root.hidden = incidents.length === 0;
  }
}
