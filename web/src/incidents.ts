// Questions that many customers ask at once: whom one answer reaches, what each of them asked with a click that
// says who belongs, and the answer in as many languages as the seat writes.

import { languageName } from "./demo";
import { button, el } from "./dom";
import type { Frame } from "./client";

interface Follower {
  conversation: string;
  language: string;
  text: string;
  by: string | null;
  confirmed: boolean;
}

interface Incident {
  incident: number;
  is_open: boolean;
  same_as: number | null;
  examples: string[];
  followers: number;
  machine_answered: number;
  reaches: number;
  unconfirmed: number;
  languages: Record<string, number>;
  shown: Follower[];
  untranslated: string[];
  answered_by: string | null;
  answer: string | null;
}

/** What is the same for all incidents of a shop. */
interface OfShop {
  translates: boolean;
  /** The language of the answer for whoever has none in the own. */
  fallback: string;
}

/** The elements of a follower that waits for a click. */
interface Row {
  row: HTMLElement;
  text: HTMLElement;
  words: HTMLElement;
}

/** Where the answer in a language is written. */
interface Field {
  text: HTMLTextAreaElement;
  others: HTMLElement;
}

type Say = (frame: { type: string; [field: string]: unknown }) => void;

/** Shows a text in an element that keeps its place; nothing where it is empty. */
function put(node: HTMLElement, text: string): void {
  if (node.textContent !== text) node.textContent = text;
  node.hidden = text === "";
}

/** One incident on the page; its elements stay while it changes around them, and with them the focus and what is being written. */
class Card {
  // Only that there is one, and when it opens, is read out by itself: the rest changes twice a second.
  private readonly heading = el("h3", { "aria-live": "polite" });
  private readonly examples = el("div");
  private readonly reach = el("p");
  private readonly answered = el("p");
  private readonly answer = el("blockquote", { dir: "auto" });
  private readonly untranslated = el("p");
  private readonly other = el("span");
  // Whatever way it is written, it turns nothing around it.
  private readonly asksThere = el("q", { dir: "auto" });
  private readonly same = el(
    "div",
    {},
    el("p", {}, this.other, this.asksThere),
    button("Make one", "primary", () => this.makeOne()),
    button("Not the same", "quiet", () => this.say({ type: "part_incidents", incident: this.incident.incident, from: this.incident.same_as })),
  );
  private readonly summary = el("summary");
  private readonly rows = el("ul");
  private readonly confirm = button("", "primary", () => this.sayWhoBelongs());
  private readonly unconfirmed = el("details", { open: true }, this.summary, this.rows, this.confirm);
  private readonly end = button("End it", "quiet", () => this.say({ type: "close_incident", incident: this.incident.incident }));
  private readonly asked = new Map<string, Row>();
  private readonly wrong = new Set<string>();
  private readonly texts = new Map<string, Field>();
  private readonly form = el("form", { class: "incident-answer" });
  private readonly fields = el("div");
  readonly node = el("section", { class: "incident", tabindex: "-1" });
  /** The incident that the seat has said that this one is. */
  madeOneWith: number | null = null;
  private incident!: Incident;
  private shop!: OfShop;

  constructor(private readonly say: Say) {
    const submit = el("button", { type: "submit", class: "primary" }, "Answer all");
    this.form.append(this.fields, submit);
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.sayAnswer();
    });
    this.node.append(this.heading, this.examples, this.reach, this.answered, this.answer, this.untranslated, this.same, this.unconfirmed, this.end, this.form);
  }

  /** `older`: the one that it may be one with, where that is on the page. */
  show(incident: Incident, shop: OfShop, older: Incident | undefined): void {
    const held = this.node.contains(document.activeElement) ? document.activeElement : null;
    this.incident = incident;
    this.shop = shop;
    const spoken = Object.entries(incident.languages).map(([code, count]) => `${languageName(code)} ${count}`).join(", ");
    const have = incident.machine_answered === 0 ? "" : `, ${incident.machine_answered} of them have a machine's answer`;
    put(this.heading, `${incident.is_open ? "Incident" : "Maybe an incident"} ${incident.incident}`);
    this.quote(incident.examples);
    put(this.reach, `${incident.followers} ask this${have}. An answer reaches ${incident.reaches} now. ${spoken}`);
    put(this.answered, incident.answered_by === null ? "" : `Answered by ${incident.answered_by}:`);
    put(this.answer, incident.answer ?? "");
    put(this.untranslated, incident.untranslated.length === 0 ? "" : `Not translated, sent as written: ${incident.untranslated.map(languageName).join(", ")}.`);
    this.maybe(older);
    this.ask();
    this.form.hidden = incident.answered_by !== null || incident.reaches === 0;
    for (const code of [shop.fallback, ...Object.keys(incident.languages)]) this.field(code);
    this.nameOthers();
    // What had the focus may be gone.
    if (held !== null && !(held as HTMLElement).checkVisibility()) this.node.focus();
  }

  private quote(examples: string[]): void {
    const shown = Array.from(this.examples.children, (child) => child.textContent);
    if (JSON.stringify(shown) === JSON.stringify(examples)) return;
    this.examples.replaceChildren(...examples.map((text) => el("blockquote", { dir: "auto" }, text)));
  }

  /** Asks whether it is the same as an older one, if it may be. */
  private maybe(older: Incident | undefined): void {
    const number = this.incident.same_as;
    this.same.hidden = number === null;
    const asked = older?.examples[0] ?? "";
    put(this.other, number === null ? "" : `May be the same as incident ${number}${asked === "" ? "." : ": "}`);
    put(this.asksThere, asked);
  }

  private makeOne(): void {
    this.madeOneWith = this.incident.same_as;
    this.say({ type: "join_incidents", incident: this.incident.incident, into: this.madeOneWith });
  }

  /** Goes on with the focus of a card that has become part of this one, and with what was being written there. */
  goOnFrom(card: Card, hadFocus: boolean): void {
    for (const [code, { text }] of card.texts) {
      if (text.value.trim() === "") continue;
      this.field(code);
      const own = this.texts.get(code)!.text;
      if (own.value.trim() === "") own.value = text.value;
    }
    if (hadFocus) this.node.focus();
  }

  private unsure(): Follower[] {
    return this.incident.shown.filter((follower) => !follower.confirmed);
  }

  /** Whoever waits for a click, each of whom can be left out. */
  private ask(): void {
    const unsure = this.unsure();
    const ids = new Set(unsure.map((it) => it.conversation));
    for (const [id, { row }] of this.asked) {
      if (ids.has(id)) continue;
      row.remove();
      this.asked.delete(id);
    }
    unsure.forEach((follower, at) => {
      const { row, text, words } = this.rowOf(follower.conversation);
      put(text, follower.text);
      put(words, ` …${follower.conversation.slice(-4)} ${languageName(follower.language)}, by ${follower.by ?? "the first question"}`);
      if (this.rows.children[at] !== row) this.rows.insertBefore(row, this.rows.children[at] ?? null);
    });
    this.unconfirmed.hidden = this.incident.unconfirmed === 0;
    put(this.summary, `${this.incident.unconfirmed} wait for your click`);
    put(this.confirm, `They ask the same (${unsure.length})`);
  }

  private rowOf(conversation: string): Row {
    const known = this.asked.get(conversation);
    if (known !== undefined) return known;
    const box = el("input", { type: "checkbox", checked: !this.wrong.has(conversation) });
    box.addEventListener("change", () => {
      if (box.checked) this.wrong.delete(conversation);
      else this.wrong.add(conversation);
    });
    // Whatever way it is written, it turns nothing around it.
    const text = el("span", { dir: "auto" });
    const words = el("span", { class: "facts" });
    const made = { row: el("li", {}, el("label", {}, box, text, words)), text, words };
    this.asked.set(conversation, made);
    return made;
  }

  private sayWhoBelongs(): void {
    const asked = this.unsure().map((it) => it.conversation);
    const wrong = asked.filter((id) => this.wrong.has(id));
    const conversations = asked.filter((id) => !this.wrong.has(id));
    this.say({ type: "confirm_incident", incident: this.incident.incident, conversations, wrong });
  }

  private field(code: string): void {
    if (this.texts.has(code)) return;
    const id = `incident-${this.incident.incident}-${code}`;
    const text = el("textarea", { id, rows: "2", maxlength: "2000", dir: "auto", lang: code });
    const others = el("span");
    this.fields.append(el("label", { for: id }, languageName(code), others), text);
    this.texts.set(code, { text, others });
  }

  /** Says of one text that it is for everybody else as well. */
  private nameOthers(): void {
    const forOthers = this.shop.translates ? " (translated for languages without a text)" : " (and for languages without a text, as it is)";
    for (const [code, { others }] of this.texts) put(others, code === this.shop.fallback ? forOthers : "");
  }

  private sayAnswer(): void {
    const written = [...this.texts].map(([code, { text }]) => [code, text.value.trim()]).filter(([, text]) => text !== "");
    this.say({ type: "answer_incident", incident: this.incident.incident, texts: Object.fromEntries(written), fallback: this.shop.fallback });
  }
}

/** The panel of a shop's incidents. */
export class IncidentsView {
  private readonly cards = new Map<number, Card>();
  private readonly joining = el("p", { class: "facts" });

  constructor(
    private readonly root: HTMLElement,
    private readonly say: Say,
  ) {
    this.root.prepend(this.joining);
  }

  take(frame: Frame): void {
    const incidents = (frame["incidents"] ?? []) as Incident[];
    const numbers = new Set(incidents.map((it) => it.incident));
    for (const [number, card] of this.cards) {
      if (numbers.has(number)) continue;
      const hadFocus = card.node.contains(document.activeElement);
      card.node.remove();
      this.cards.delete(number);
      if (card.madeOneWith !== null) this.cards.get(card.madeOneWith)?.goOnFrom(card, hadFocus);
    }
    // What is hidden would not be read out.
    this.root.hidden = incidents.length === 0;
    const decisions = Number(frame["decisions"]);
    put(this.joining, frame["automatic"] === true ? `Questions join without a click: ${decisions} decisions, at most 1% of them wrong.` : `Questions join by your click. Decisions so far: ${decisions}.`);
    const shop = { translates: frame["translates"] === true, fallback: String(frame["fallback"]) };
    for (const incident of incidents) {
      let card = this.cards.get(incident.incident);
      if (card === undefined) {
        card = new Card(this.say);
        this.cards.set(incident.incident, card);
        this.root.append(card.node);
      }
      card.show(incident, shop, incidents.find((it) => it.incident === incident.same_as));
    }
  }
}
