// Why a customer's message is in a conversation that it may not belong to, and the button that takes it out.

import type { Frame } from "./client";
import { button, el } from "./dom";
import { fill, isRightToLeft, languageOf } from "./locale";
import { type MatterStrings, matterStrings } from "./matter-strings";

const MESSAGE_CHARS_MAX = 80;

/** That a message joined a conversation, with the evidence. */
export interface Join {
  seq: number;
  to: "open" | "named" | "ended";
  ms_ago: number | null;
  same_order: boolean;
}

interface Hooks {
  say(frame: { type: string; [field: string]: unknown }): void;
  /** What was said under a number, as far as the page has it. */
  said(conversation: string, seq: number): string | null;
}

/** The bar above a conversation that tells of its last join, which is the one that can be taken back. */
export class JoinsView {
  private readonly joins = new Map<string, Join[]>();
  private readonly words: MatterStrings;
  private shown = "";

  constructor(
    private readonly root: HTMLElement,
    private readonly locale: string,
    private readonly hooks: Hooks,
  ) {
    this.words = matterStrings(locale);
    root.lang = languageOf(locale);
    root.dir = isRightToLeft(locale) ? "rtl" : "ltr";
  }

  /** Takes what stands of a conversation, from `joined` or `accepted`. */
  take(frame: Frame): void {
    this.joins.set(String(frame["conversation"]), (frame["joins"] ?? []) as Join[]);
  }

  /** Forgets one, or all: the router tells them again. */
  forget(conversation?: string): void {
    if (conversation === undefined) this.joins.clear();
    else this.joins.delete(conversation);
  }

  /** Shows the last join of the conversation that is open. */
  show(conversation: string | null): void {
    const join = conversation === null ? undefined : this.joins.get(conversation)?.at(-1);
    const words = conversation === null || join === undefined ? "" : this.evidence(conversation, join);
    const shown = join === undefined ? "" : `${conversation} ${join.seq} ${words}`;
    // What is shown already keeps its focus.
    if (shown === this.shown) return;
    this.shown = shown;
    this.root.hidden = join === undefined;
    if (join === undefined) return this.root.replaceChildren();
    const label = join.to === "ended" ? this.words.apart : this.words.part;
    const part = button(label, "quiet", () => this.hooks.say({ type: "part", conversation, seq: join.seq }));
    this.root.replaceChildren(el("span", {}, words), part);
  }

  private evidence(conversation: string, join: Join): string {
    const said = this.hooks.said(conversation, join.seq) ?? "…";
    const chars = Array.from(said);
    const m = chars.length > MESSAGE_CHARS_MAX ? `${chars.slice(0, MESSAGE_CHARS_MAX).join("")}…` : said;
    // The customer's text has its own direction, and the sentence around it that of its language.
    const words = fill(this.words[join.to], { m: `\u2068${m}\u2069`, t: this.minutes(join.ms_ago ?? 0) });
    return join.same_order ? `${words} ${this.words.same}` : words;
  }

  private minutes(ms: number): string {
    return new Intl.NumberFormat(this.locale, { style: "unit", unit: "minute", unitDisplay: "long" }).format(Math.floor(ms / 60_000));
  }
}
