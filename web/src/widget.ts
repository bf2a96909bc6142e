// The customer's page: one conversation, in the customer's language and direction.

import { Beside } from "./beside";
import { Client, type EventFrame, type Frame, type Outgoing, type Status } from "./client";
import { button, byId, el, isSendKey } from "./dom";
import { fill, firstValid, isLocale, isRightToLeft, languageOf } from "./locale";
import { recall, recallAll, remember } from "./storage";
import { LANGUAGES, stringsFor, type Strings } from "./strings";
import { inPlace, type Translation } from "./translated";

const TYPING_SHOWN_MS = 4_000;
const TYPING_SENT_EVERY_MS = 2_000;
const RECEIVED_DELAY_MS = 300;

const query = new URLSearchParams(location.search);
const shop = query.get("shop") ?? "demo";
const key = (name: string): string => `tradewind.${shop}.${name}`;

const isZone = (name: string): unknown => Intl.DateTimeFormat("en", { timeZone: name });

let locale = firstValid(isLocale, query.get("locale"), recall(key("locale")), navigator.language);
let zone = firstValid(isZone, query.get("zone"), recall(key("zone")), Intl.DateTimeFormat().resolvedOptions().timeZone, "UTC");
let strings: Strings = stringsFor(locale);
let conversation = recall(key("conversation"));
const beside = new Beside(recall(key("beside")), (ids) => remember(key("beside"), ids));

/** What the events of the conversation add up to. */
interface Progress {
  closed: boolean;
  answered: boolean;
  rated: number;
  seat: string | null;
  queued: EventFrame | null;
  ticket: EventFrame | null;
}
const nothingYet = (): Progress => ({ closed: false, answered: false, rated: 0, seat: null, queued: null, ticket: null });
let progress = nothingYet();
let shownUpTo = 0;
/** What the customer wishes, by the type of its frame, with the id that it was said under, until something came of it. */
const wishes = new Map<string, { id: string; frame: Frame }>();
/** What the customer wished last, where it was refused or may be lost. */
let refusedWish: Frame | null = null;
let link: { status: Status; detail: string } = { status: "connecting", detail: "" };

const log = byId("log");
const banner = byId("banner");
const typing = byId("typing");
const statusBox = byId("status");
const text = byId<HTMLTextAreaElement>("text");
const person = byId<HTMLButtonElement>("person");
const end = byId<HTMLButtonElement>("end");
const fresh = byId<HTMLButtonElement>("fresh");

const client = new Client(
  "widget",
  () => ({ shop, visitor: recall(key("visitor")), locale, time_zone: zone, identity: null }),
  {
    status: showStatus,
    granted: (grant) => remember(key("visitor"), grant.visitor ?? null),
    event: onEvent,
    reset(of) {
      if (of === conversation) clear();
      else for (const node of log.querySelectorAll(`[data-conversation="${of}"]`)) node.remove();
    },
    gone(of) {
      beside.drop(of);
      if (of === conversation) startFresh();
    },
    acknowledged(message, ack) {
      remember(key(`out.${message.id}`), null);
      if (conversation === null) follow(ack.conversation);
      const isHere = ack.conversation === conversation;
      if (isHere) shownUpTo = ack.seq;
      else beside.add(ack.conversation);
      mark(message, "sent", isHere ? ack.seq : 0);
      sayReceived();
      render();
    },
    refused(message) {
      remember(key(`out.${message.id}`), null);
      mark(message, "failed");
    },
    // What a customer wishes has an answer of its own; the rest is not worth telling.
    error: () => undefined,
    frame(frame) {
      if (frame["conversation"] !== conversation || frame["from"] === "customer") return;
      if (frame.type === "typing") showTyping();
      if (frame.type === "received") showSeen(Number(frame["seq"]));
    },
    welcome: () => [],
  },
);

/** Says what the customer wishes; where the router refuses it, or the connection is away or breaks over it, a banner says so. */
function wish(frame: Frame): void {
  // What was wished before is not said again behind this.
  drop(frame.type);
  refusedWish = null;
  // Nothing comes of asking for a person where one is on the way already: it cannot be told from lost, nor is it missed.
  const hasAnswer = frame.type !== "person" || (progress.queued ?? progress.seat) === null;
  const id = client.ask(frame, (error) => {
    wishes.delete(frame.type);
    if (error !== null || hasAnswer) tellRefused(frame);
  });
  if (id === null) return tellRefused(frame);
  wishes.set(frame.type, { id, frame });
  showBanner();
}

/** What has these fields has come about: the wish for it is done with, also where it was told as refused. */
function cameAbout(done: Frame): void {
  const isIt = (frame: Frame): boolean => Object.entries(done).every(([field, value]) => frame[field] === value);
  const open = wishes.get(done.type);
  if (open !== undefined && isIt(open.frame)) drop(done.type);
  if (refusedWish === null || !isIt(refusedWish)) return;
  refusedWish = null;
  showBanner();
}

function drop(type: string): void {
  const open = wishes.get(type);
  if (open === undefined) return;
  client.answered(open.id);
  wishes.delete(type);
}

function tellRefused(frame: Frame): void {
  refusedWish = frame;
  showBanner();
}

function follow(id: string | null): void {
  // What was wished of the other conversation is over with it.
  for (const type of [...wishes.keys()]) drop(type);
  refusedWish = null;
  showBanner();
  conversation = id;
  remember(key("conversation"), id);
}

function clear(): void {
  for (const node of Array.from(log.children)) if (!isUnsent(node) && !isBeside(node)) node.remove();
  progress = nothingYet();
  shownUpTo = 0;
  render();
}

/** Follows a conversation beside the one that has ended; whether there is one. */
function goOnBeside(): boolean {
  const next = beside.takeFirst();
  if (next === null) return false;
  follow(next);
  shownUpTo = 0;
  for (const node of log.querySelectorAll<HTMLElement>(`[data-conversation="${next}"]`)) delete node.dataset["conversation"];
  return true;
}

function startFresh(): void {
  for (const id of [conversation, ...beside.all]) {
    if (id === null) continue;
    client.forget(id);
    beside.drop(id);
  }
  follow(null);
  log.replaceChildren();
  clear();
  text.focus();
}

const isBeside = (node: Element): boolean => node instanceof HTMLElement && node.dataset["conversation"] !== undefined;
const isUnsent = (node: Element): boolean => node instanceof HTMLElement && ["queued", "failed"].includes(node.dataset["state"] ?? "");

// Who reads at the end stays there when lines come or the log gets smaller; who scrolled back is left alone.
let atEnd = true;
log.addEventListener("scroll", () => (atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 80));
new ResizeObserver(() => {
  if (atEnd) log.scrollTop = log.scrollHeight;
}).observe(log);

/** Adds a line in the order of the conversation: what is not sent yet stays last. */
function append(node: HTMLElement): void {
  log.insertBefore(node, Array.from(log.children).find(isUnsent) ?? null);
  if (atEnd) log.scrollTop = log.scrollHeight;
}

function bubble(id: string, from: string, body: string, at: number): HTMLElement {
  const who = from === "customer" ? strings.you : from === "machine" ? strings.machine : (progress.seat ?? strings.person);
  return el(
    "div",
    { class: `message from-${from}`, "data-id": id, "data-from": from },
    el("span", { class: "who" }, who),
    el("p", { class: "body", dir: "auto" }, body),
    el("span", { class: "meta" }, el("time", { datetime: new Date(at).toISOString() }, clock(at)), el("span", { class: "state" })),
  );
}

function mark(message: Outgoing, state: "queued" | "sent" | "failed", seq = 0): void {
  let node = Array.from(log.children).find((child) => (child as HTMLElement).dataset["id"] === message.id) as HTMLElement | undefined;
  if (node === undefined) {
    node = bubble(message.id, "customer", message.text, Date.now());
    log.append(node);
    log.scrollTop = log.scrollHeight;
  }
  node.dataset["state"] = state;
  if (seq > 0) node.dataset["seq"] = String(seq);
  // What has a number now stands before what has none yet.
  const firstUnsent = Array.from(log.children).find(isUnsent);
  if (state === "sent" && firstUnsent !== undefined && node.compareDocumentPosition(firstUnsent) & Node.DOCUMENT_POSITION_PRECEDING) append(node);
  const label = node.querySelector(".state");
  if (label === null) return;
  label.replaceChildren(strings[state]);
  if (state === "failed") {
    const failed = node;
    label.append(" ", button(strings.again, "link", () => {
      failed.remove();
      send(message.text);
    }));
  }
}

function send(body: string): void {
  if (progress.closed) startFresh();
  const message = client.send(beside.answered(conversation), body);
  remember(key(`out.${message.id}`), JSON.stringify(message));
  mark(message, "queued");
}

function onEvent(event: EventFrame): void {
  if (event.conversation !== conversation) {
    const isNew = event.seq === 1 && (conversation === null || progress.closed);
    if (!isNew) return onEventBeside(event);
    if (conversation !== null) startFresh();
    follow(event.conversation);
  }
  shownUpTo = event.seq;
  const at = Date.parse(event.at);
  switch (event.kind) {
    case "message": {
      const from = event.from ?? "machine";
      const node = bubble(event.id ?? "", from, event.text ?? "", at);
      if (event.language) node.lang = event.language;
      if (from === "customer") {
        node.dataset["state"] = "sent";
        node.dataset["seq"] = String(event.seq);
        node.querySelector(".state")?.replaceChildren(strings.sent);
      } else {
        // Who asks for a person again behind a ticket may hear no more than that, in words.
        if (progress.ticket !== null) cameAbout({ type: "person" });
        progress.answered = true;
        typing.hidden = true;
        beside.heard(event.conversation, at);
      }
      if (event.translation) inPlace(node, event.translation, words(event.translation));
      append(node);
      break;
    }
    case "answered_by_machine": {
      const answers = log.querySelectorAll<HTMLElement>('.message[data-from="machine"]');
      const last = answers[answers.length - 1];
      last?.classList.add("by-machine");
      last?.querySelector(".state")?.replaceChildren(event.source ?? "");
      log.querySelector(".helpful")?.remove();
      // What a seat has written for many is no machine's answer.
      if (!(event.source ?? "").startsWith("incident/")) last?.append(wasItHelpful());
      progress.queued = null;
      break;
    }
    case "found_helpful":
      cameAbout({ type: "helpful", helpful: event.helpful });
      log.querySelector(".helpful")?.replaceChildren(event.helpful ? strings.thanks : "");
      break;
    case "queued":
      cameAbout({ type: "person" });
      progress.queued = event;
      break;
    case "assigned":
      cameAbout({ type: "person" });
      progress = { ...progress, seat: event.seat ?? null, queued: null, ticket: null };
      log.querySelector(".helpful")?.remove();
      append(line(fill(strings.joined, { s: event.seat ?? "" })));
      break;
    case "ticket":
      cameAbout({ type: "person" });
      progress = { ...progress, ticket: event, queued: null };
      append(ticketCard(event));
      break;
    case "transferred":
      progress.seat = null;
      append(line(strings.passed));
      break;
    case "rated":
      cameAbout({ type: "rate", score: event.score });
      progress.rated = event.score ?? 0;
      break;
    case "closed":
      // A rating is wished behind the end only.
      for (const type of ["person", "helpful", "close"]) cameAbout({ type });
      typing.hidden = true;
      append(line(strings.ended));
      progress = goOnBeside() ? nothingYet() : { ...progress, closed: true, queued: null };
      break;
  }
  sayReceived();
  render();
}

/** Shows what is said beside the conversation, but for what was said in it and moved. */
function onEventBeside(event: EventFrame): void {
  if (event.kind === "closed") return beside.drop(event.conversation);
  beside.add(event.conversation);
  if (event.kind !== "message") return;
  const from = event.from ?? "machine";
  const shown = Array.from(log.querySelectorAll('.from-customer .body'), (body) => body.textContent);
  if (from === "customer" && shown.includes(event.text ?? "")) return;
  const at = Date.parse(event.at);
  if (from !== "customer") beside.heard(event.conversation, at);
  const node = bubble(event.id ?? "", from, event.text ?? "", at);
  node.dataset["conversation"] = event.conversation;
  if (event.translation) inPlace(node, event.translation, words(event.translation));
  append(node);
}

const line = (body: string): HTMLElement => el("p", { class: "line" }, body);

function wasItHelpful(): HTMLElement {
  const say = (helpful: boolean) => (): void => {
    if (conversation !== null) wish({ type: "helpful", conversation, helpful });
  };
  const no = button(strings.no, "link", say(false));
  return el("div", { class: "helpful meta" }, strings.helpful, " ", button(strings.yes, "link", say(true)), " ", no);
}

function words({ from }: Translation): { from: string; original: string; translation: string } {
  const name = new Intl.DisplayNames([locale], { type: "language" }).of(from) ?? from;
  return { from: fill(strings.translated, { s: name }), original: strings.original, translation: strings.translation };
}

function ticketCard(event: EventFrame): HTMLElement {
  const opens = event.opens_at ? instant(Date.parse(event.opens_at)) : null;
  const card = el("div", { class: "ticket" }, el("span", {}, strings.ticket), el("strong", { dir: "ltr" }, event.reference ?? ""));
  if (opens !== null) card.append(el("p", {}, fill(strings.opens, { t: opens })));
  return card;
}

function clock(at: number): string {
  return new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit", timeZone: zone }).format(at);
}

function instant(at: number): string {
  const options: Intl.DateTimeFormatOptions = { weekday: "long", day: "numeric", month: "long", hour: "2-digit", minute: "2-digit", timeZoneName: "shortOffset" };
  return new Intl.DateTimeFormat(locale, { ...options, timeZone: zone }).format(at);
}

function span([low, high]: [number, number]): string {
  const inMinutes = high >= 90;
  const scale = (seconds: number): number => (inMinutes ? Math.ceil(seconds / 60) : seconds);
  const format = new Intl.NumberFormat(locale, { style: "unit", unit: inMinutes ? "minute" : "second" });
  return scale(low) === scale(high) ? format.format(scale(high)) : format.formatRange(scale(low), scale(high));
}

function render(): void {
  const { queued, closed, seat, answered } = progress;
  byId("presence").textContent = closed ? strings.ended : seat === null ? strings.hello : fill(strings.joined, { s: seat });
  statusBox.hidden = queued === null;
  if (queued !== null) {
    const parts = [el("strong", {}, fill(strings.place, { n: new Intl.NumberFormat(locale).format(queued.place ?? 1) }))];
    if (queued.wait_s) parts.push(el("strong", { class: "soft" }, fill(strings.wait, { t: span(queued.wait_s) })));
    statusBox.replaceChildren(...parts);
  }
  const live = conversation !== null && !closed;
  byId("composer").hidden = closed;
  person.hidden = closed || seat !== null;
  person.disabled = !live || !client.online;
  end.hidden = !live;
  end.disabled = !client.online;
  fresh.hidden = !closed;
  byId("rating").hidden = !(closed && answered);
  renderStars();
}

function renderStars(): void {
  byId("rating-label").textContent = progress.rated > 0 ? strings.thanks : strings.rate;
  Array.from(byId("stars").children).forEach((star, index) => {
    star.setAttribute("aria-pressed", String(index + 1 === progress.rated));
    star.classList.toggle("lit", index < progress.rated);
  });
}

function rate(score: number): void {
  // It is shown, and thanked for, once the router has it.
  if (conversation !== null) wish({ type: "rate", conversation, score });
}

function showStatus(status: Status, detail: string): void {
  document.body.dataset["status"] = status;
  link = { status, detail };
  showBanner();
  render();
}

function showBanner(): void {
  const { status, detail } = link;
  banner.replaceChildren();
  if (status === "offline") banner.append(strings.offline);
  if (status === "stopped") banner.append(detail || strings.offline, " ", button(strings.again, "link", () => client.resume()));
  if (status === "superseded") banner.append(strings.elsewhere, " ", button(strings.here, "link", () => client.resume()));
  const refused = refusedWish;
  if (refused !== null) banner.append(el("span", {}, strings.failed), " ", button(strings.again, "link", () => wish(refused)));
  banner.hidden = banner.childNodes.length === 0;
}

let typingTimer: ReturnType<typeof setTimeout> | undefined;
function showTyping(): void {
  typing.textContent = strings.typing;
  typing.hidden = false;
  clearTimeout(typingTimer);
  typingTimer = setTimeout(() => (typing.hidden = true), TYPING_SHOWN_MS);
}

/** The seat has been shown everything up to this number. */
function showSeen(seq: number): void {
  for (const node of log.querySelectorAll<HTMLElement>('.message[data-state="sent"]')) {
    if (Number(node.dataset["seq"]) <= seq) node.querySelector(".state")?.replaceChildren(strings.seen);
  }
}

let receivedTimer: ReturnType<typeof setTimeout> | undefined;
function sayReceived(): void {
  clearTimeout(receivedTimer);
  if (document.visibilityState !== "visible") return;
  receivedTimer = setTimeout(() => {
    if (conversation !== null && shownUpTo > 0) client.say({ type: "received", conversation, seq: shownUpTo });
  }, RECEIVED_DELAY_MS);
}

function speak(): void {
  strings = stringsFor(locale);
  document.documentElement.lang = locale;
  document.documentElement.dir = isRightToLeft(locale) ? "rtl" : "ltr";
  log.setAttribute("aria-label", strings.hello);
  byId("settings-label").setAttribute("aria-label", `${strings.language}, ${strings.zone}`);
  byId("locale-label").textContent = strings.language;
  byId("zone-label").textContent = strings.zone;
  byId("text-label").textContent = strings.write;
  text.placeholder = strings.write;
  byId("send").textContent = strings.send;
  person.textContent = strings.person;
  end.textContent = strings.end;
  fresh.textContent = strings.fresh;
  render();
}

function fillPickers(): void {
  const named = (tag: string): string => {
    try {
      return new Intl.DisplayNames([tag], { type: "language" }).of(tag) ?? tag;
    } catch {
      return tag;
    }
  };
  const tags = LANGUAGES.includes(locale) ? LANGUAGES : [locale, ...LANGUAGES];
  const picker = byId<HTMLSelectElement>("locale");
  picker.append(...tags.map((tag) => el("option", { value: tag, lang: languageOf(tag) }, named(tag))));
  picker.value = locale;
  const zones = Intl.supportedValuesOf("timeZone");
  const zonePicker = byId<HTMLSelectElement>("zone");
  zonePicker.append(...(zones.includes(zone) ? zones : [zone, ...zones]).map((name) => el("option", { value: name }, name.replaceAll("_", " "))));
  zonePicker.value = zone;
  const changed = (): void => {
    locale = picker.value;
    zone = zonePicker.value;
    remember(key("locale"), locale);
    remember(key("zone"), zone);
    speak();
    client.renew();
  };
  picker.addEventListener("change", changed);
  zonePicker.addEventListener("change", changed);
}

byId("shop").textContent = shop.charAt(0).toUpperCase() + shop.slice(1);
byId("stars").append(
  ...[1, 2, 3, 4, 5].map((score) => {
    const star = button("★", "star", () => rate(score));
    star.setAttribute("aria-label", `${score}/5`);
    return star;
  }),
);
byId("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  const body = text.value.trim();
  if (body === "") return;
  send(body);
  // The first key of the next line is told at once: what follows from this one may wait for it.
  typingSentAt = -Infinity;
  text.value = "";
  text.focus();
});
text.addEventListener("keydown", (event) => {
  if (!isSendKey(event)) return;
  event.preventDefault();
  byId<HTMLFormElement>("composer").requestSubmit();
});
let typingSentAt = -Infinity;
text.addEventListener("input", () => {
  if (conversation === null || performance.now() - typingSentAt < TYPING_SENT_EVERY_MS) return;
  typingSentAt = performance.now();
  client.say({ type: "typing", conversation });
});
person.addEventListener("click", () => {
  if (conversation !== null) wish({ type: "person", conversation });
});
end.addEventListener("click", () => {
  if (conversation !== null) wish({ type: "close", conversation });
});
fresh.addEventListener("click", startFresh);
document.addEventListener("visibilitychange", sayReceived);

const unsent = recallAll(key("out.")).map((saved) => JSON.parse(saved) as Outgoing);
fillPickers();
speak();
for (const message of unsent) mark(message, "queued");
client.start([...(conversation === null ? [] : [conversation]), ...beside.all], unsent);
