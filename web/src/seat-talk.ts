// The conversations of a seat: those that it holds, and the one that is open.

import type { EventFrame, Outgoing, Position } from "./client";
import { timer } from "./clocks";
import { languageName } from "./demo";
import { button, byId, el } from "./dom";
import { beside, offer, type Translation } from "./translated";

const FIRST_RESPONSE_MS = 15_000;
const TYPING_SHOWN_MS = 4_000;

export interface Offer {
  offer: string;
  conversation: string;
  expires_at: string;
  waiting_ms: number;
  deadline: string;
  language: string | null;
  intent: string | null;
  sentiment: string | null;
  confidence: number | null;
  own_intent: { label: string | null; confidence: number } | null;
  why: string[];
}

export interface Note {
  conversation: string;
  at: string;
  seat: string;
  text: string;
}

export interface Conversation {
  id: string;
  offer: Offer | null;
  language: string | null;
  /** The lines of the conversation, ready to be shown. */
  lines: HTMLElement[];
  last: string;
  /** What is written for it and not sent, while another one is open. */
  draft: string;
  seq: number;
  unread: number;
  /** Since when the customer waits for an answer, and until when the first one is due. */
  waitingSince: number | null;
  due: number | null;
  answered: boolean;
  over: boolean;
}

/** The frame that tells what came of translating a message. */
export interface Translated {
  conversation: string;
  id: string;
  seq: number;
  translation: Translation;
}

/** What the page does for the conversations. */
export interface Hooks {
  now(): number;
  say(frame: { type: string; [field: string]: unknown }): void;
  /** Nothing of this conversation is wanted any more. */
  forget(conversation: string): void;
  /** The languages of the seat, and whether somebody translates for it. */
  reads(): { languages: string[]; translates: boolean };
  /** One has been opened. */
  opened(): void;
  /** Something in the list has changed. */
  changed(): void;
}

const line = (body: string): HTMLElement => el("p", { class: "line" }, body);

export const title = (held: Conversation): string => [languageName(held.language), held.offer?.intent?.replaceAll("_", " ")].filter(Boolean).join(" · ");

function bubble(id: string, from: string, body: string, at: number, language: string | null): HTMLElement {
  const who = from === "customer" ? "Customer" : from === "machine" ? "Automatic answer" : "Seat";
  const time = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(at);
  return el(
    "div",
    { class: `message from-${from}`, "data-id": id, "data-from": from },
    el("span", { class: "who" }, who),
    el("p", { class: "body", dir: "auto", lang: language }, body),
    el("span", { class: "meta" }, el("time", { datetime: new Date(at).toISOString() }, time), el("span", { class: "state" })),
  );
}

export class TalkView {
  /** The one that is shown. */
  open: string | null = null;
  private readonly mine = new Map<string, Conversation>();
  private readonly log = byId("log");
  private readonly typing = byId("typing");
  private readonly text = byId<HTMLTextAreaElement>("text");
  private readonly to = byId<HTMLInputElement>("to");
  private typingTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly hooks: Hooks) {}

  /** How many the seat holds. */
  get count(): number {
    return [...this.mine.values()].filter((held) => !held.over).length;
  }

  /** Whether something is being written for the one that is open, so that another must not take its place. */
  get isBusy(): boolean {
    const held = this.open === null ? undefined : this.mine.get(this.open);
    return held !== undefined && !held.over && this.text.value.trim() !== "";
  }

  /** The text of a message, as far as it has come. */
  said(id: string, seq: number): string | null {
    const node = this.mine.get(id)?.lines.find((line) => line.dataset["seq"] === String(seq));
    return node?.querySelector(".body")?.textContent ?? null;
  }

  hold(id: string): Conversation {
    let held = this.mine.get(id);
    if (held === undefined) {
      held = { id, offer: null, language: null, lines: [], last: "", draft: "", seq: 0, unread: 0, waitingSince: null, due: null, answered: false, over: false };
      this.mine.set(id, held);
    }
    return held;
  }

  /** What is held of a conversation comes again from its start. */
  reset(id: string): void {
    const held = this.mine.get(id);
    if (held === undefined) return;
    // Notes have no number and do not come again.
    const kept = held.lines.filter((node) => node.dataset["state"] === "queued" || node.classList.contains("note"));
    Object.assign(held, { lines: kept, last: "", seq: 0, unread: 0, waitingSince: null, due: null, answered: false });
    if (id === this.open) this.log.replaceChildren(...kept);
  }

  event(event: EventFrame): void {
    const held = this.hold(event.conversation);
    held.seq = event.seq;
    switch (event.kind) {
      case "message":
        this.message(held, event);
        break;
      case "assigned":
        this.add(held, line(`${event.seat ?? ""} took the conversation`));
        break;
      case "answered_by_machine":
        this.add(held, line(`Answered from ${event.source ?? "a source"}`));
        break;
      case "ticket":
        this.add(held, line(`Ticket ${event.reference ?? ""}`));
        break;
      case "transferred":
        this.add(held, line(`Handed over to ${event.to?.seat ?? event.to?.skill ?? "somebody"}`));
        break;
      case "found_helpful":
        this.add(held, line(event.helpful ? "The automatic answer helped" : "The automatic answer did not help"));
        break;
      case "rated":
        this.add(held, line(`Rated ${event.score ?? 0} of 5`));
        break;
      case "closed":
        this.add(held, line(`Closed by ${event.by ?? "the router"}`));
        this.leave(event.conversation, null);
        break;
    }
    if (event.conversation === this.open) this.hooks.say({ type: "received", conversation: event.conversation, seq: event.seq });
    this.list();
  }

  private message(held: Conversation, event: EventFrame): void {
    const at = Date.parse(event.at);
    held.last = event.text ?? "";
    if (event.from === "customer") {
      held.language = event.language ?? held.language;
      held.waitingSince ??= at;
      if (!held.answered) held.due ??= held.offer ? Date.parse(held.offer.deadline) : at + FIRST_RESPONSE_MS;
      if (event.conversation === this.open) this.typing.hidden = true;
      else held.unread += 1;
    } else if (event.from === "seat") {
      this.answered(held);
    }
    const node = bubble(event.id ?? "", event.from ?? "machine", event.text ?? "", at, event.language ?? null);
    node.dataset["seq"] = String(event.seq);
    if (event.translation) this.showTranslation(held, node, event.seq, event.translation);
    else if (event.from === "customer" && this.cannotRead(event.language)) this.offerTranslation(held, node, event.seq);
    this.add(held, node);
  }

  /** Whether a message is in none of the seat's languages, and somebody can translate it. */
  private cannotRead(language: string | null | undefined): boolean {
    const { languages, translates } = this.hooks.reads();
    return translates && language != null && !languages.includes(language);
  }

  private offerTranslation({ id }: Conversation, node: HTMLElement, seq: number): void {
    offer(node, () => this.hooks.say({ type: "translate", conversation: id, seq }));
  }

  private showTranslation(held: Conversation, node: HTMLElement, seq: number, translation: Translation): void {
    const isTheirs = node.dataset["from"] === "customer";
    const from = languageName(translation.from);
    const label = isTheirs ? `Translated from ${from}` : `The customer sees, translated from ${from}`;
    const isForColleague = isTheirs && !this.hooks.reads().languages.includes(translation.language);
    if (isForColleague) this.offerTranslation(held, node, seq);
    else beside(node, label, translation);
  }

  translated({ conversation, id, seq, translation }: Translated): void {
    const held = this.mine.get(conversation);
    const node = held?.lines.find((other) => other.dataset["id"] === id);
    if (held === undefined || node === undefined) return;
    this.showTranslation(held, node, seq, translation);
    if (conversation === this.open) this.log.scrollTop = this.log.scrollHeight;
  }

  private answered(held: Conversation): void {
    held.answered = true;
    held.waitingSince = null;
    held.due = null;
    this.list();
  }

  /** The conversation is over for this seat; it stays readable while it is the open one. */
  leave(id: string, why: string | null): void {
    const held = this.mine.get(id);
    this.hooks.forget(id);
    if (held === undefined) return;
    if (why !== null) this.add(held, line(why));
    Object.assign(held, { over: true, waitingSince: null, due: null });
    if (id !== this.open) this.mine.delete(id);
    else this.head();
    this.list();
  }

  /** Shows what the seat has just written. */
  written(message: Outgoing): void {
    const held = this.hold(message.conversation ?? "");
    const node = bubble(message.id, "seat", message.text, this.hooks.now(), null);
    held.lines.push(node);
    this.log.append(node);
    this.log.scrollTop = this.log.scrollHeight;
    held.last = message.text;
    this.mark(message, "queued");
  }

  acknowledged(message: Outgoing, ack: Position): void {
    const held = this.mine.get(ack.conversation);
    if (held === undefined) return;
    this.mark(message, "sent", "", ack.seq);
    this.answered(held);
  }

  mark(message: Outgoing, state: "queued" | "sent" | "failed", why = "", seq = 0): void {
    for (const held of this.mine.values()) {
      const node = held.lines.find((other) => other.dataset["id"] === message.id);
      if (node === undefined) continue;
      node.dataset["state"] = state;
      if (seq > 0) node.dataset["seq"] = String(seq);
      node.querySelector(".state")?.replaceChildren(state === "failed" ? `Not sent: ${why}` : state === "sent" ? "Sent" : "Sending");
    }
  }

  /** The customer has been shown everything up to this number. */
  seen(id: string, seq: number): void {
    for (const node of this.mine.get(id)?.lines ?? []) {
      if (node.dataset["state"] === "sent" && Number(node.dataset["seq"]) <= seq) node.querySelector(".state")?.replaceChildren("Seen");
    }
  }

  note(note: Note): void {
    const held = this.hold(note.conversation);
    this.add(held, el("div", { class: "note" }, el("span", { class: "who" }, `Note by ${note.seat}`), el("p", { class: "body", dir: "auto" }, note.text)));
  }

  customerTypes(): void {
    this.typing.hidden = false;
    clearTimeout(this.typingTimer);
    this.typingTimer = setTimeout(() => (this.typing.hidden = true), TYPING_SHOWN_MS);
  }

  /** Shows a note that is not kept, with a way to write it again; false where its conversation is held no longer. */
  notKept(id: string, text: string, why: string, again: () => void): boolean {
    const held = this.mine.get(id);
    if (held === undefined) return false;
    const node = el("div", { class: "note", "data-state": "failed" }, el("span", { class: "who" }, `Note not kept: ${why}`), el("p", { class: "body", dir: "auto" }, text));
    const retry = button("Try again", "link", () => {
      node.remove();
      held.lines = held.lines.filter((other) => other !== node);
      again();
    });
    node.append(retry);
    this.add(held, node);
    return true;
  }

  private add(held: Conversation, node: HTMLElement): void {
    // What has no acknowledgement yet has no number and stays last.
    const unsent = held.lines.findIndex((other) => other.dataset["state"] === "queued");
    const before = unsent < 0 ? null : held.lines[unsent]!;
    held.lines.splice(unsent < 0 ? held.lines.length : unsent, 0, node);
    if (held.id !== this.open) return;
    this.log.insertBefore(node, before);
    this.log.scrollTop = this.log.scrollHeight;
  }

  show(id: string | null): void {
    const before = this.open === null ? undefined : this.mine.get(this.open);
    // What is written for one customer never stands in the box of another.
    if (before !== undefined) before.draft = this.text.value;
    if (before?.over && before.id !== id) this.mine.delete(before.id);
    this.open = id;
    const held = id === null ? undefined : this.mine.get(id);
    this.text.value = held?.draft ?? "";
    if (before !== held) this.to.value = "";
    this.log.replaceChildren(...(held?.lines ?? []));
    this.log.scrollTop = this.log.scrollHeight;
    this.typing.hidden = true;
    if (held !== undefined) {
      held.unread = 0;
      if (held.seq > 0) this.hooks.say({ type: "received", conversation: held.id, seq: held.seq });
    }
    if (id !== null) this.hooks.opened();
    this.head();
    this.list();
  }

  /** Shows the next one, or the one before. */
  step(by: number): void {
    const ids = [...this.mine.keys()];
    if (ids.length === 0) return;
    const at = this.open === null ? -1 : ids.indexOf(this.open);
    this.show(ids[(Math.max(at, by > 0 ? -1 : 0) + by + ids.length) % ids.length] ?? null);
  }

  private head(): void {
    const held = this.open === null ? undefined : this.mine.get(this.open);
    const offer = held?.offer ?? null;
    byId("talk-title").textContent = held === undefined ? "No conversation open" : title(held);
    byId("talk-facts").textContent = [offer?.sentiment, offer?.confidence ? `${Math.round(offer.confidence * 100)} % sure` : null, ...(offer?.why ?? [])].filter(Boolean).join(" · ");
    const live = held !== undefined && !held.over;
    for (const id of ["close", "composer", "transfer"]) byId(id).hidden = !live;
    if (!live) this.to.value = "";
  }

  list(): void {
    const list = byId("mine");
    const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset["conversation"] : undefined;
    const rows = [...this.mine.values()].map((held) => el("li", {}, this.entry(held)));
    list.replaceChildren(...(rows.length > 0 ? rows : [el("li", { class: "soft empty" }, "None yet. Set yourself ready to get offers.")]));
    if (focused !== undefined) list.querySelector<HTMLElement>(`[data-conversation="${focused}"]`)?.focus();
    this.hooks.changed();
  }

  private entry(held: Conversation): HTMLElement {
    const entry = button("", `entry${held.id === this.open ? " current" : ""}${held.over ? " over" : ""}`, () => this.show(held.id));
    entry.dataset["conversation"] = held.id;
    if (held.id === this.open) entry.setAttribute("aria-current", "true");
    entry.append(el("span", { class: "entry-title" }, title(held)), el("span", { class: "entry-last", dir: "auto" }, held.last));
    const badges = el("span", { class: "entry-badges" });
    if (held.over) badges.append(el("span", { class: "soft" }, "over"));
    if (held.due !== null) badges.append(timer("first response", held.due, "until"));
    else if (held.waitingSince !== null) badges.append(timer("waits", held.waitingSince, "since"));
    if (held.unread > 0) badges.append(el("span", { class: "unread" }, `${held.unread}`, el("span", { class: "unseen" }, " unread")));
    entry.append(badges);
    return entry;
  }
}
