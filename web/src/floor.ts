// The supervisor's view: who waits, what runs and which seats there are, as it happens, with what a
// supervisor can do about it. The page tells it the `floor` frames and carries out its actions.

import type { Frame } from "./client";
import { button, el } from "./dom";
import { floorStrings, type FloorStrings } from "./floor-strings";
import { KeyedTable } from "./keyed-table";
import { fill, isRightToLeft } from "./locale";

interface Contact {
  conversation: string;
  language: string;
  skill: string;
  region: string | null;
  priority: string;
  arrived_at: string;
  deadline: string;
  hops: number;
}

export interface WaitingRow extends Contact {
  place: number;
  reason: string;
  wait_s: [number, number] | null;
  seat: string | null;
}

interface RunningRow extends Contact {
  seat: string;
  since: string;
  replied: boolean;
  owes_reply: boolean;
}

export interface SeatRow {
  seat: string;
  state: string | null;
  on_shift: boolean;
  ending: boolean;
  shift_ends_at: string | null;
  slots: number;
  assigned: number;
  offered: number;
  wrapping_up: number;
  languages: string[];
  skills: string[];
}

interface FloorFrame {
  full: boolean;
  waiting: WaitingRow[];
  running: RunningRow[];
  seats: SeatRow[];
  gone: { conversations: string[]; seats: string[] };
  totals: Record<Part, number>;
}

/** What is remembered of a conversation: as data, and in the router's own words. */
export interface Explanation {
  records: { at: string; step: string; seat?: string; place?: number; reason?: string }[];
  text: string;
}

export interface FloorActions {
  assign(conversation: string, seat: string): void;
  takeOver(conversation: string): void;
  close(conversation: string): void;
  /** Null when nothing is remembered. */
  explain(conversation: string): Promise<Explanation | null>;
  /** The server's clock. */
  now(): number;
}

type Part = "waiting" | "running" | "seats";
const SOON_MS = 5_000;

const minutes = (ms: number): string => {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
};
const used = (seat: SeatRow): number => seat.assigned + seat.offered + seat.wrapping_up;

export class FloorView {
  readonly words: FloorStrings;
  readonly waiting = new Map<string, WaitingRow>();
  readonly seats = new Map<string, SeatRow>();
  private readonly running = new Map<string, RunningRow>();
  private totals: Record<Part, number> = { waiting: 0, running: 0, seats: 0 };
  private readonly tables: { waiting: KeyedTable<WaitingRow>; running: KeyedTable<RunningRow>; seats: KeyedTable<SeatRow> };
  private readonly alerts = el("div", { class: "alerts", role: "alert" });
  private readonly dialog = el("dialog", { class: "card dialog", "aria-labelledby": "dialog-title" });
  private readonly languages: Intl.DisplayNames;

  constructor(
    private readonly root: HTMLElement,
    private readonly locale: string,
    private readonly actions: FloorActions,
  ) {
    const words = (this.words = floorStrings(locale));
    this.languages = new Intl.DisplayNames([locale, "en"], { type: "language", fallback: "code" });
    root.lang = locale;
    root.dir = isRightToLeft(locale) ? "rtl" : "ltr";
    this.tables = {
      waiting: new KeyedTable<WaitingRow>("waiting", words.nobody, [
        { title: words.language, isHead: true, cell: (row) => this.languageName(row.language) },
        { title: words.place, cell: (row) => String(row.place) },
        { title: words.need, cell: (row) => need(row) },
        { title: words.reason, cell: (row) => this.reason(row) },
        { title: words.expected, cell: (row) => (row.wait_s === null ? "–" : `${minutes(row.wait_s[0] * 1000)}–${minutes(row.wait_s[1] * 1000)}`) },
        { title: words.age, cell: (row) => this.age(row) },
        { title: "", cell: (row) => this.buttons(row, row.seat) },
      ]),
      running: new KeyedTable<RunningRow>("running", words.nothing, [
        { title: words.language, isHead: true, cell: (row) => this.languageName(row.language) },
        { title: words.seat, cell: (row) => name(row.seat) },
        { title: words.need, cell: (row) => need(row) },
        { title: words.state, cell: (row) => (row.owes_reply ? (row.replied ? words.owes : words.silent) : words.replied) },
        { title: words.since, cell: (row) => el("span", { class: "age", "data-since": String(Date.parse(row.since)) }) },
        { title: "", cell: (row) => this.buttons(row, row.seat) },
      ]),
      seats: new KeyedTable<SeatRow>("seats", "–", [
        { title: words.seat, isHead: true, cell: (row) => name(row.seat) },
        { title: words.state, cell: (row) => this.seatState(row) },
        { title: words.slots, cell: (row) => `${used(row)}/${row.slots}` },
        { title: words.language, cell: (row) => row.languages.map((code) => this.languageName(code)).join(", ") },
        { title: words.skills, cell: (row) => name(row.skills.join(", ")) },
        { title: words.shiftEnd, cell: (row) => (row.shift_ends_at === null ? "–" : this.clockTime(row.shift_ends_at)) },
      ]),
    };
    for (const part of ["waiting", "running", "seats"] as const) root.append(this.tables[part].node);
    root.prepend(this.alerts);
    root.append(this.dialog);
    this.show();
  }

  /** Takes what has changed. */
  take(given: Frame): void {
    const frame = given as unknown as FloorFrame;
    if (frame.full) this.clear();
    for (const id of frame.gone.conversations) this.drop(id);
    for (const id of frame.gone.seats) this.seats.delete(id);
    for (const row of [...frame.waiting, ...frame.running]) this.drop(row.conversation);
    for (const row of frame.waiting) this.waiting.set(row.conversation, row);
    for (const row of frame.running) this.running.set(row.conversation, row);
    for (const row of frame.seats) this.seats.set(row.seat, row);
    this.totals = frame.totals;
    this.show();
  }

  /** A conversation has lost its owner too often. */
  escalated(conversation: string, hops: number): void {
    const done = (): void => alert.remove();
    const act = (text: string, action: () => void): HTMLElement =>
      button(text, "quiet small", () => {
        done();
        action();
      });
    const alert = el(
      "p",
      { class: "banner", "data-conversation": conversation },
      fill(this.words.escalated, { n: String(hops) }),
      " ",
      act(this.words.assign, () => this.askForSeat(conversation, null)),
      act(this.words.takeOver, () => this.actions.takeOver(conversation)),
      act(this.words.why, () => void this.explain(conversation)),
      act(this.words.cancel, () => undefined),
    );
    this.alerts.append(alert);
  }

  /** Lets the clocks go on. */
  tick(): void {
    const now = this.actions.now();
    for (const node of this.root.querySelectorAll<HTMLElement>("[data-since]")) node.textContent = minutes(now - Number(node.dataset["since"]));
    for (const node of this.root.querySelectorAll<HTMLElement>("[data-deadline]")) {
      const left = Number(node.dataset["deadline"]) - now;
      node.textContent = fill(left < 0 ? this.words.late : this.words.left, { t: minutes(Math.abs(left)) });
      node.classList.toggle("soon", left < SOON_MS);
      node.classList.toggle("late", left < 0);
    }
  }

  private clear(): void {
    this.waiting.clear();
    this.running.clear();
    this.seats.clear();
  }

  private drop(conversation: string): void {
    this.waiting.delete(conversation);
    this.running.delete(conversation);
  }

  private show(): void {
    const byAge = (a: Contact, b: Contact): number => a.arrived_at.localeCompare(b.arrived_at) || a.conversation.localeCompare(b.conversation);
    const shown = {
      waiting: [...this.waiting.values()].sort(byAge),
      running: [...this.running.values()].sort((a, b) => Number(b.owes_reply) - Number(a.owes_reply) || byAge(a, b)),
      seats: [...this.seats.values()].sort((a, b) => a.seat.localeCompare(b.seat)),
    };
    for (const part of ["waiting", "running", "seats"] as const) {
      const [count, all] = [shown[part].length, this.totals[part]];
      const more = count < all ? fill(this.words.more, { n: String(count), all: String(all) }) : "";
      this.tables[part].title(`${this.words[part]} (${all})`, more);
    }
    this.tables.waiting.show(shown.waiting.map((row) => [row.conversation, row]));
    this.tables.running.show(shown.running.map((row) => [row.conversation, row]));
    this.tables.seats.show(shown.seats.map((row) => [row.seat, row]));
    this.tick();
  }

  private languageName(code: string): string {
    try {
      return this.languages.of(code) ?? code;
    } catch {
      return code;
    }
  }

  private reason(row: WaitingRow): string {
    if (row.seat !== null && row.reason === "offered") return fill(this.words.asked, { s: row.seat });
    const reasons: Record<string, string> = {
      capacity: this.words.capacity,
      skill: this.words.skill,
      language: this.words.tongue,
      hours: this.words.hours,
      offered: this.words.offered,
      approval: this.words.approval,
    };
    return reasons[row.reason] ?? row.reason;
  }

  private age(row: Contact): HTMLElement {
    return el(
      "span",
      {},
      el("span", { class: "age", "data-since": String(Date.parse(row.arrived_at)) }),
      " ",
      el("span", { class: "timer", "data-deadline": String(Date.parse(row.deadline)) }),
    );
  }

  private seatState(row: SeatRow): string {
    if (row.state === null) return this.words.gone;
    if (!row.on_shift) return this.words.offShift;
    if (row.ending) return this.words.ending;
    const states: Record<string, string> = { ready: this.words.ready, wrap_up: this.words.wrapUp, away: this.words.away };
    return states[row.state] ?? row.state;
  }

  private clockTime(at: string): HTMLElement {
    const text = new Intl.DateTimeFormat(this.locale, { weekday: "short", hour: "2-digit", minute: "2-digit" }).format(Date.parse(at));
    return el("time", { datetime: at }, text);
  }

  private buttons(row: Contact, holder: string | null): HTMLElement {
    const { conversation } = row;
    const about = `${this.languageName(row.language)}, ${row.skill}`;
    const act = (text: string, action: string, onClick: () => void): HTMLElement => {
      const node = button(text, "quiet small", onClick);
      node.dataset["action"] = action;
      node.setAttribute("aria-label", `${text} ${about}`);
      return node;
    };
    return el(
      "span",
      { class: "row-buttons" },
      act(this.words.assign, "assign", () => this.askForSeat(conversation, holder)),
      act(this.words.takeOver, "take_over", () => this.actions.takeOver(conversation)),
      act(this.words.close, "close", () => this.askForClose(conversation)),
      act(this.words.why, "why", () => void this.explain(conversation)),
    );
  }

  // ---- what is asked and told in a dialog -------------------------------------------------------

  private ask(title: string, ...body: HTMLElement[]): void {
    const cancel = button(this.words.cancel, "quiet", () => this.dialog.close());
    this.dialog.replaceChildren(el("h2", { id: "dialog-title" }, title), ...body, cancel);
    if (!this.dialog.open) this.dialog.showModal();
  }

  private askForSeat(conversation: string, holder: string | null): void {
    const row = this.waiting.get(conversation) ?? this.running.get(conversation);
    const fits = (seat: SeatRow): boolean => row !== undefined && seat.languages.includes(row.language) && seat.skills.includes(row.skill);
    const canTake = (seat: SeatRow): boolean => seat.seat !== holder && seat.on_shift && !seat.ending && (seat.state === "ready" || seat.state === "wrap_up") && used(seat) < seat.slots;
    const able = [...this.seats.values()].filter(canTake).sort((a, b) => Number(fits(b)) - Number(fits(a)) || used(a) - used(b) || a.seat.localeCompare(b.seat));
    const choices = able.map((seat) => {
      const facts = [seat.languages.map((code) => this.languageName(code)).join(", "), `${used(seat)}/${seat.slots}`].join(" · ");
      const choice = button("", `choice${fits(seat) ? " fits" : ""}`, () => {
        this.dialog.close();
        this.actions.assign(conversation, seat.seat);
      });
      choice.dataset["seat"] = seat.seat;
      choice.append(el("strong", { dir: "auto" }, seat.seat), " ", el("span", { class: "soft" }, facts));
      return choice;
    });
    this.ask(this.words.chooseSeat, el("div", { class: "choices" }, ...(choices.length > 0 ? choices : [el("p", { class: "soft" }, "–")])));
  }

  private askForClose(conversation: string): void {
    const sure = button(this.words.close, "primary", () => {
      this.dialog.close();
      this.actions.close(conversation);
    });
    this.ask(this.words.sureClose, sure);
  }

  private async explain(conversation: string): Promise<void> {
    const explained = await this.actions.explain(conversation);
    if (explained === null) return this.ask(this.words.why, el("p", {}, this.words.wasNothing));
    const steps = explained.records.map((record) => el("li", {}, this.clockTime(record.at), " ", this.stepWords(record)));
    const own = el("pre", { lang: "en", dir: "ltr", tabindex: "0" }, explained.text);
    this.ask(this.words.why, el("ol", { class: "steps" }, ...steps), el("details", {}, el("summary", {}, this.words.details), own));
  }

  private stepWords({ step, seat = "", place = 0, reason = "" }: Explanation["records"][number]): string {
    const { words } = this;
    const waits = this.reason({ reason, seat: null } as WaitingRow);
    const phrases: Record<string, string> = {
      waits: `${words.wasWaiting} – ${words.reason}: ${waits}`,
      offered: words.wasOffered,
      withdrawn: words.wasWithdrawn,
      assigned: words.wasAssigned,
      taken_back: words.wasTaken,
      ticket: words.wasTicket,
      escalated: words.wasEscalated,
    };
    return fill(phrases[step] ?? step, { s: seat, n: String(place) });
  }
}

/** Names of the shop's own keep their direction. */
const name = (text: string): HTMLElement => el("bdi", {}, text);

/** Signs that need no translation, for what goes before others. */
const PRIORITIES: Record<string, string> = { raised: "↑", vip: "VIP" };

function need(row: Contact): HTMLElement {
  const parts = [row.skill, row.region, PRIORITIES[row.priority] ?? null];
  return name(parts.filter((part) => part !== null).join(" · "));
}
