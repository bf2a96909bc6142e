// An operator's page: offers come in, conversations are held, and every timer that matters is visible.

import { Client, type ErrorFrame, type EventFrame, type Frame, type Status } from "./client";
import { tickClocks, timer } from "./clocks";
import { fetchDemo, languageName } from "./demo";
import { button, byId, el, isSendKey } from "./dom";
import { type Explanation, FloorView, type SeatRow } from "./floor";
import { GapsView } from "./gaps";
import { IncidentsView } from "./incidents";
import { JoinsView } from "./joins";
import { fill, firstValid, isLocale } from "./locale";
import { type Note, type Offer, TalkView, title, type Translated } from "./seat-talk";
import { offerOf, sessionAt, signInStrings, signOut, startAt, takeOutcome } from "./sign-in";

const QUEUE_EVERY_MS = 2_000;
const CLOCK_EVERY_MS = 250;
const TYPING_SENT_EVERY_MS = 2_000;
const AWAY = "no connection";

/** What `GET /v1/seat/queue` tells of the shop. */
interface Queue {
  waiting: { language: string; skill: string; place: number; waited_ms: number; reason: string; seat: string | null }[];
  seats: Pick<SeatRow, "seat" | "state" | "assigned" | "offered" | "slots">[];
}

const offers = new Map<string, { offer: Offer; card: HTMLElement }>();
const accepting = new Map<string, Offer>();
/** Conversations that this page has asked to take over. */
const taking = new Set<string>();
/** Notes that are on their way, by the id of their frame. */
const notes = new Map<string, { conversation: string; text: string }>();
let wanted = "away";
/** Whether the router has not answered yet what was chosen last. */
let isStateOpen = false;
let slots = 0;
let client: Client | null = null;
let skills: string[] = [];
let account = { shop: "demo", user: "", password: "" };
/** Whether the provider of the shop vouches for the seat, in the place of a password. */
let byProvider = false;
let isSupervisor = false;
let reads: { languages: string[]; translates: boolean } = { languages: [], translates: false };

const text = byId<HTMLTextAreaElement>("text");
const banner = byId("banner");

const now = (): number => client?.serverNow() ?? Date.now();

const locale = firstValid(isLocale, new URLSearchParams(location.search).get("locale"), navigator.language);
const doorWords = signInStrings(locale);
const floor = new FloorView(byId("floor-view"), locale, {
  assign: (conversation, seat) => void client?.say({ type: "assign", conversation, seat }),
  takeOver(conversation) {
    const refused = (error: ErrorFrame | null): void => {
      taking.delete(conversation);
      if (error !== null) say(error.message);
    };
    if (client?.ask({ type: "take_over", conversation }, refused)) taking.add(conversation);
  },
  approve: (conversation) => void client?.say({ type: "approve", conversation }),
  close: (conversation) => void client?.say({ type: "close", conversation }),
  explain,
  now: () => now(),
});

new GapsView(byId("floor-view"), locale, async () => {
  try {
    const response = await get("/v1/seat/gaps");
    return response.ok ? (await response.json()).gaps : null;
  } catch {
    return null;
  }
});

const talk = new TalkView({
  now: () => now(),
  say: (frame) => void client?.say(frame),
  forget(conversation) {
    client?.forget(conversation);
    joins.forget(conversation);
  },
  reads: () => reads,
  opened: () => showFloor(false),
  changed() {
    joins.show(talk.open);
    renderSlots();
    tickClocks(now());
  },
});

const joins = new JoinsView(byId("joins"), locale, {
  say: (frame) => void client?.say(frame),
  said: (conversation, seq) => talk.said(conversation, seq),
});

const incidents = new IncidentsView(byId("incidents"), (frame) => void client?.say(frame));

// ---- frames -------------------------------------------------------------------------------------

function connect(): Client {
  return new Client("seat", () => (byProvider ? {} : account), {
    status: showStatus,
    granted(grant) {
      account.user = grant.seat ?? account.user;
      reads = { languages: grant.languages ?? [], translates: grant.translation !== undefined };
      setSupervisor(grant.supervisor === true);
    },
    event: (event) => talk.event(event),
    reset: (id) => talk.reset(id),
    gone: (id) => talk.leave(id, "It is not yours any more."),
    acknowledged: (message, ack) => talk.acknowledged(message, ack),
    refused: (message, error) => talk.mark(message, "failed", error.message),
    error: (error) => say(error.code === "offer_taken" ? "Another seat took it." : error.message),
    frame: onFrame,
    welcome(listed) {
      // Those that still stand come again.
      joins.forget();
      joins.show(talk.open);
      // A seat is away after a reconnect by itself, unless another of its connections stayed.
      if (wanted !== "away" || isStateOpen) client?.say({ type: "state", state: wanted });
      client?.say({ type: "incidents", watch: true });
      if (isSupervisor) client?.say({ type: "floor", watch: true });
      return listed.map((position) => position.conversation);
    },
  }, () => (byProvider ? sessionAt(account.shop) : "/v1/seat/session"));
}

function onFrame(frame: Frame): void {
  switch (frame.type) {
    case "offer":
      return addOffer(frame as unknown as Offer);
    case "withdrawn":
      return removeOffer(String(frame["offer"]), frame["reason"] === "expired" ? "An offer ran out." : "An offer was taken back.");
    case "accepted":
      return onAccepted(frame);
    case "state":
      wanted = String(frame["state"]);
      isStateOpen = false;
      slots = Number(frame["slots"]);
      // A supervisor who only looks has no slot to take a conversation over.
      byId("desk").classList.toggle("no-slots", slots === 0);
      renderSlots();
      for (const input of document.querySelectorAll<HTMLInputElement>('input[name="state"]')) input.checked = input.value === wanted;
      return;
    case "note":
      return onNote(frame as unknown as Note);
    case "joined":
      joins.take(frame);
      return joins.show(talk.open);
    case "translated":
      return talk.translated(frame as unknown as Translated);
    case "taken_back":
      return talk.leave(String(frame["conversation"]), `Taken back: ${String(frame["reason"]).replaceAll("_", " ")}.`);
    case "received":
      if (frame["from"] === "customer") talk.seen(String(frame["conversation"]), Number(frame["seq"]));
      return;
    case "incidents":
      return incidents.take(frame);
    case "floor":
      floor.take(frame);
      return showQueue(floorAsQueue());
    case "escalated":
      floor.escalated(String(frame["conversation"]), Number(frame["hops"]));
      // Whoever is in a conversation is told there as well.
      return say(fill(floor.words.escalated, { n: String(frame["hops"]) }));
    case "held":
      // Without an end it is held no longer.
      return frame["until"] === null ? undefined : say(floor.heldWords(String(frame["skill"])));
    case "typing":
      if (frame["conversation"] === talk.open && frame["from"] === "customer") talk.customerTypes();
  }
}

function onNote(note: Note): void {
  talk.note(note);
  if (note.seat !== account.user) return;
  const mine = [...notes].find(([, sent]) => sent.conversation === note.conversation && sent.text === note.text);
  if (mine === undefined) return;
  notes.delete(mine[0]);
  client?.answered(mine[0]);
}

function onAccepted(frame: Frame): void {
  const id = String(frame["conversation"]);
  const isAskedFor = taking.delete(id) || accepting.has(String(frame["offer"]));
  const held = talk.hold(id);
  held.over = false;
  held.offer = accepting.get(String(frame["offer"])) ?? held.offer;
  held.language = held.offer?.language ?? held.language;
  accepting.delete(String(frame["offer"]));
  joins.take(frame);
  removeOffer(String(frame["offer"]), null);
  client?.adopt(id, Number(frame["epoch"]), (frame["history"] ?? []) as EventFrame[]);
  for (const note of (frame["notes"] ?? []) as Note[]) talk.note(note);
  // A supervisor or another window of the seat took it: who is writing to somebody else goes on with that.
  if (!isAskedFor && id !== talk.open && talk.isBusy) return say(`Yours now, in the list: ${title(held)}`);
  talk.show(id);
  text.focus();
}

// ---- offers -------------------------------------------------------------------------------------

function addOffer(offer: Offer): void {
  const intents = [offer.own_intent?.label, offer.intent].filter((label) => label != null).map((label) => label.replaceAll("_", " "));
  const facts = [languageName(offer.language), ...(intents.length > 0 ? intents : ["intent unknown"]), offer.sentiment ?? "neutral"];
  const sure = offer.confidence === null ? "" : `${Math.round(offer.confidence * 100)} % sure`;
  const bar = el("progress", { max: "1", value: "1", "aria-label": "Time left to accept" });
  bar.dataset["until"] = String(Date.parse(offer.expires_at));
  bar.dataset["span"] = String(Math.max(1, Date.parse(offer.expires_at) - now()));
  const card = el(
    "article",
    { class: `offer ${offer.sentiment ?? ""}`, "data-conversation": offer.conversation },
    el("p", { class: "offer-facts" }, el("strong", {}, facts.join(" · ")), " ", el("span", { class: "soft" }, sure)),
    el("p", { class: "offer-times" }, timer("waits", now() - offer.waiting_ms, "since"), timer("first response due", Date.parse(offer.deadline), "until")),
    el("ul", { class: "why", "aria-label": "Why you" }, ...(offer.why ?? []).map((reason) => el("li", {}, reason))),
    bar,
    el(
      "div",
      { class: "offer-buttons" },
      button("Accept", "primary", () => accept(offer)),
      button("Decline", "quiet", () => {
        client?.say({ type: "decline", offer: offer.offer, reason: null });
        removeOffer(offer.offer, null);
      }),
    ),
  );
  offers.set(offer.offer, { offer, card });
  byId("offers").append(card);
  tickClocks(now());
}

function accept(offer: Offer): void {
  accepting.set(offer.offer, offer);
  client?.say({ type: "accept", offer: offer.offer });
}

function removeOffer(id: string, why: string | null): void {
  const known = offers.get(id);
  if (known === undefined) return;
  known.card.remove();
  offers.delete(id);
  if (why !== null) say(why);
}

/** The router tells the slots with a change of state only; how many are used the page knows by itself. */
function renderSlots(): void {
  const used = talk.count;
  byId("slots").textContent = slots > 0 ? `${used} of ${slots} slots used` : "";
}

// ---- the floor ----------------------------------------------------------------------------------

async function pollQueue(): Promise<void> {
  if (!client?.online || document.visibilityState !== "visible") return;
  // A supervisor is told of every change.
  if (isSupervisor) return showQueue(floorAsQueue());
  try {
    const response = await get("/v1/seat/queue");
    if (response.ok) showQueue((await response.json()) as Queue);
  } catch {
    // The connection's own state tells the operator; the next round tries again.
  }
}

async function get(path: string, accept = "application/json"): Promise<Response> {
  const token = await client?.bearer();
  return fetch(path, { headers: { authorization: `Bearer ${token ?? ""}`, accept }, cache: "no-store" });
}

function floorAsQueue(): Queue {
  const waiting = [...floor.waiting.values()].map((row) => ({ ...row, waited_ms: Math.max(0, now() - Date.parse(row.arrived_at)) }));
  waiting.sort((a, b) => b.waited_ms - a.waited_ms);
  return { waiting, seats: [...floor.seats.values()].sort((a, b) => a.seat.localeCompare(b.seat)) };
}

async function explain(conversation: string): Promise<Explanation | null> {
  try {
    const path = `/v1/seat/conversations/${conversation}/explanation`;
    const [data, words] = await Promise.all([get(path), get(path, "text/plain")]);
    if (!data.ok || !words.ok) return null;
    return { ...((await data.json()) as Explanation), text: await words.text() };
  } catch {
    return null;
  }
}

function setSupervisor(is: boolean): void {
  isSupervisor = is;
  for (const id of ["view", "view-key"]) byId(id).hidden = !is;
  if (!is) showFloor(false);
}

/** The floor in the place of the conversation, or back. */
function showFloor(on: boolean): void {
  const view = byId("view");
  byId("floor-view").hidden = !on;
  byId("desk").classList.toggle("on-floor", on);
  view.textContent = floor.words.floor;
  view.setAttribute("aria-pressed", String(on));
  const bannerHome = on ? byId("floor-view") : byId("talk-body");
  if (banner.parentElement !== bannerHome) bannerHome.prepend(banner);
  if (on) floor.tick();
}

function showQueue({ waiting, seats }: Queue): void {
  const ago = (ms: number): string => `${Math.floor(ms / 60_000)}:${String(Math.floor(ms / 1000) % 60).padStart(2, "0")}`;
  const rows = waiting.map((row) => {
    const reason = row.seat === null ? row.reason : `${row.reason}: ${row.seat}`;
    return [String(row.place), languageName(row.language), row.skill, ago(row.waited_ms), reason];
  });
  byId("queue").replaceChildren(rows.length === 0 ? el("p", { class: "soft" }, "Nobody waits.") : table(["", "Language", "Skill", "Waits", "For"], rows));
  byId("seats").replaceChildren(table(["Seat", "State", "Slots"], seats.map((row) => [row.seat, (row.state ?? "gone").replaceAll("_", " "), `${row.assigned + row.offered}/${row.slots}`])));
  const others = seats.map((row) => row.seat).filter((seat) => seat !== account.user);
  const names = byId<HTMLSelectElement>("to-kind").value === "seat" ? others : [...new Set([...skills, ...waiting.map((row) => row.skill)])];
  byId("targets").replaceChildren(...names.map((name) => el("option", { value: name })));
}

function table(head: string[], rows: string[][]): HTMLElement {
  return el(
    "table",
    {},
    el("thead", {}, el("tr", {}, ...head.map((name) => (name === "" ? el("td", {}) : el("th", { scope: "col" }, name))))),
    el("tbody", {}, ...rows.map((row) => el("tr", {}, ...row.map((cell) => el("td", {}, cell))))),
  );
}

// ---- what the page says -------------------------------------------------------------------------

let bannerTimer: ReturnType<typeof setTimeout> | undefined;
function say(words: string): void {
  clearTimeout(bannerTimer);
  banner.replaceChildren(words);
  banner.hidden = false;
  bannerTimer = setTimeout(() => (banner.hidden = true), 6_000);
}

function showStatus(status: Status, detail: string): void {
  document.body.dataset["status"] = status;
  // What is shown of the floor is as old as the connection.
  byId("floor-view").setAttribute("aria-busy", String(status !== "online"));
  const words: Record<Status, string> = { connecting: "Connecting", online: "Online", offline: "No connection, trying again", superseded: "Open in another window", stopped: "Stopped" };
  const link = byId("link");
  link.replaceChildren(words[status]);
  const signedIn = !byId("desk").hidden;
  if (status === "online" && !signedIn) {
    byId("door").hidden = true;
    byId("desk").hidden = false;
    byId("seat-name").textContent = account.user;
    byId("sign-out").hidden = !byProvider;
    document.title = `${account.user} · Tradewind`;
    talk.list();
    void pollQueue();
    showFloor(isSupervisor && location.pathname === "/supervisor");
    if (!isSupervisor && location.pathname === "/supervisor") say(floor.words.only);
  }
  if (status === "superseded" || status === "stopped") {
    if (signedIn) link.append(" ", button("Use it here", "link", () => client?.resume()));
    else byId("sign-in-error").textContent = detail || words[status];
  }
  if (status === "offline") {
    // The server gives other seats what was offered to this one.
    for (const id of [...offers.keys()]) removeOffer(id, null);
    if (!signedIn) byId("sign-in-error").textContent = words.offline;
  }
}

// ---- hands --------------------------------------------------------------------------------------

function written(): { id: string; body: string } | null {
  const body = text.value.trim();
  return talk.open === null || body === "" ? null : { id: talk.open, body };
}

function emptyBox(): void {
  text.value = "";
  text.focus();
}

/** Writes a note; false when the connection is away. */
function writeNote(conversation: string, body: string): boolean {
  const id = client?.ask({ type: "note", conversation, text: body }, (error) => {
    if (id != null) notes.delete(id);
    const tell = (why: string): void => {
      if (!talk.notKept(conversation, body, why, again)) say(`Note not kept: ${why}: ${body}`);
    };
    const again = (): void => {
      if (!writeNote(conversation, body)) tell(AWAY);
    };
    tell(error?.message ?? "perhaps, the connection broke");
  });
  if (id == null) return false;
  notes.set(id, { conversation, text: body });
  return true;
}

byId<HTMLFormElement>("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  const reply = written();
  if (reply === null || client === null) return;
  emptyBox();
  talk.written(client.send(reply.id, reply.body));
});

byId("note").addEventListener("click", () => {
  const note = written();
  if (note === null) return;
  if (writeNote(note.id, note.body)) emptyBox();
  else say(`Note not kept: ${AWAY}`);
});

text.addEventListener("keydown", (event) => {
  if (!isSendKey(event)) return;
  event.preventDefault();
  byId<HTMLFormElement>("composer").requestSubmit();
});

let typingSentAt = -Infinity;
text.addEventListener("input", () => {
  if (talk.open === null || performance.now() - typingSentAt < TYPING_SENT_EVERY_MS) return;
  typingSentAt = performance.now();
  client?.say({ type: "typing", conversation: talk.open });
});

const closeOpen = (): void => {
  if (talk.open !== null && !byId("close").hidden) client?.say({ type: "close", conversation: talk.open });
};
byId("close").addEventListener("click", closeOpen);

const toggleFloor = (): void => showFloor(!byId("desk").classList.contains("on-floor"));
byId("view").addEventListener("click", toggleFloor);

byId<HTMLFormElement>("transfer").addEventListener("submit", (event) => {
  event.preventDefault();
  const to = byId<HTMLInputElement>("to");
  if (talk.open === null) return;
  // What is typed goes with the conversation: whoever is refused has it still.
  const isSaid = client?.say({ type: "transfer", conversation: talk.open, to: { [byId<HTMLSelectElement>("to-kind").value]: to.value.trim() } });
  if (!isSaid) say(`Not handed over: ${AWAY}`);
});

byId("states").addEventListener("change", (event) => {
  wanted = (event.target as HTMLInputElement).value;
  isStateOpen = true;
  client?.say({ type: "state", state: wanted });
});

document.addEventListener("keydown", (event) => {
  if (!event.altKey || event.ctrlKey || event.metaKey || byId("desk").hidden) return;
  const first = [...offers.values()][0];
  const actions: Record<string, () => void> = {
    KeyA: () => first && accept(first.offer),
    KeyJ: () => talk.step(1),
    KeyK: () => talk.step(-1),
    KeyL: () => text.focus(),
    KeyE: closeOpen,
    ...(isSupervisor ? { KeyS: toggleFloor } : {}),
  };
  const action = actions[event.code];
  if (action === undefined) return;
  event.preventDefault();
  action();
});

byId<HTMLFormElement>("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  const value = (id: string): string => byId<HTMLInputElement>(id).value;
  account = { shop: value("shop").trim(), user: value("user").trim(), password: value("password") };
  byProvider = false;
  signIn();
});

function signIn(): void {
  byId("sign-in-error").textContent = "";
  if (client === null) {
    client = connect();
    client.start([], []);
  } else {
    client.renew();
  }
}

/** Shows the way to the provider of the shop that is named, and goes in where it vouches already. */
async function showProvider(): Promise<void> {
  const shop = byId<HTMLInputElement>("shop").value.trim();
  const offer = await offerOf(shop);
  if (shop !== byId<HTMLInputElement>("shop").value.trim() || client !== null) return;
  const link = byId<HTMLAnchorElement>("provider");
  link.hidden = offer.label === null;
  link.textContent = fill(doorWords.with, { s: offer.label ?? "" });
  link.href = startAt(shop);
  if (!offer.signed_in) return;
  account = { shop, user: "", password: "" };
  byProvider = true;
  signIn();
}

byId("shop").addEventListener("change", () => void showProvider());

byId("sign-out").textContent = doorWords.out;
byId("sign-out").addEventListener("click", () => {
  // Who cannot be reached ends nothing: the seat stays, and sees that it has no connection.
  void signOut(account.shop).then((address) => {
    client?.stop();
    location.assign(address);
  }, () => undefined);
});

setInterval(() => tickClocks(now()), CLOCK_EVERY_MS);
setInterval(() => byId("floor-view").hidden || floor.tick(), CLOCK_EVERY_MS);
setInterval(() => void pollQueue(), QUEUE_EVERY_MS);

for (const name of ["user", "shop"]) {
  const preset = new URLSearchParams(location.search).get(name);
  if (preset !== null) byId<HTMLInputElement>(name).value = preset;
}
const outcome = takeOutcome();
if (outcome === "refused" || outcome === "unknown" || outcome === "unavailable" || outcome === "late") {
  byId("sign-in-error").textContent = doorWords[outcome];
}
void showProvider();

void fetchDemo().then((demo) => {
  if (demo === null) return;
  skills = [...new Set(demo.seats.flatMap((seat) => seat.skills))].sort();
  const box = byId("demo");
  box.hidden = false;
  box.append(
    el("p", {}, "Demo seats (password ", el("code", {}, demo.password ?? ""), "):"),
    ...demo.seats.map((seat) =>
      button(`${seat.user} (${seat.languages.join(", ")})`, "chip", () => {
        byId<HTMLInputElement>("user").value = seat.user;
        byId<HTMLInputElement>("password").value = demo.password ?? "";
        byId<HTMLInputElement>("shop").value = demo.shop;
        byId<HTMLFormElement>("sign-in").requestSubmit();
      }),
    ),
  );
});
