// A client of the wire protocol in docs/protocol.md, for both roles. It gets a token, keeps one socket
// open, resumes after a break, sends what has no acknowledgement again under the same id, and notices
// a number that is missing. What a message means is the page's business, not this file's.

import type { Translation } from "./translated";

export type Role = "widget" | "seat";
export type Status = "connecting" | "online" | "offline" | "superseded" | "stopped";

export interface EventFrame {
  type: "event";
  conversation: string;
  epoch: number;
  seq: number;
  at: string;
  kind: string;
  from?: "customer" | "seat" | "machine";
  id?: string;
  text?: string;
  language?: string | null;
  translation?: Translation;
  place?: number;
  wait_s?: [number, number] | null;
  reason?: string;
  seat?: string;
  source?: string;
  reference?: string;
  opens_at?: string | null;
  opens_at_local?: string | null;
  to?: { seat?: string; skill?: string };
  helpful?: boolean;
  score?: number;
  by?: string;
}

/** A frame of a type that the page understands itself. */
export interface Frame {
  type: string;
  [field: string]: unknown;
}

export interface ErrorFrame {
  id: string | null;
  code: string;
  message: string;
  retry_after_ms: number | null;
}

/** Where one conversation stands on the server. */
export interface Position {
  conversation: string;
  epoch: number;
  seq: number;
}

/** A message that has no acknowledgement yet. */
export interface Outgoing {
  id: string;
  conversation: string | null;
  text: string;
}

/** A frame that the router may refuse, and who learns of it: null where the connection broke before it said anything. */
interface Ask {
  frame: Frame;
  retries: number;
  waits: boolean;
  refused(error: ErrorFrame | null): void;
}

/** The answer of one of the two session calls. */
export interface Grant {
  token: string;
  expires_at: string;
  visitor?: string;
  seat?: string;
  supervisor?: boolean;
  /** The languages of a seat, the one it works in first. */
  languages?: string[];
  /** When customers' messages are translated for it; left out where nothing translates. */
  translation?: "automatic" | "on_demand";
}

export interface Hooks {
  status(status: Status, detail: string): void;
  granted(grant: Grant): void;
  /** Every event once, in order. */
  event(event: EventFrame): void;
  /** What was held of this conversation is not to be trusted: it comes again from its start. */
  reset(conversation: string): void;
  /** The server no longer lists this conversation. */
  gone(conversation: string): void;
  acknowledged(message: Outgoing, ack: Position): void;
  refused(message: Outgoing, error: ErrorFrame): void;
  error(error: ErrorFrame): void;
  frame(frame: Frame): void;
  /** After each welcome: conversations that the page wants from their start. */
  welcome(listed: Position[]): string[];
}

/** A refusal that says what went wrong, as in section 9 of the protocol. */
export class Refusal extends Error {
  constructor(
    readonly code: string,
    readonly detail: string,
    readonly retryAfterMs: number | null,
  ) {
    super(detail);
  }
}

const BACKOFF_FIRST_MS = 1_000;
const BACKOFF_MAX_MS = 30_000;
// A connection that lives this long was a good one: the next break starts from the shortest wait.
const STABLE_AFTER_MS = 5_000;
const ACK_WAIT_MS = 10_000;
const CATCH_UP_WAIT_MS = 2_000;
const TOKEN_MARGIN_MS = 30_000;
// What is asked for may have no answer but a refusal: only the latest are remembered.
const ASKS_MAX = 16;
const ASK_RETRIES_MAX = 3;
const RETRIED_CODES = new Set(["rate_limited", "overloaded", "unavailable"]);

/** A version 7 UUID: its first 48 bits are the time in milliseconds. */
export function uuid(now = Date.now()): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  for (let at = 5, rest = now; at >= 0; at--, rest = Math.floor(rest / 256)) bytes[at] = rest % 256;
  bytes[6] = (bytes[6]! & 0x0f) | 0x70;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/** Milliseconds by a clock that nobody sets, for what is measured on this page alone. */
const monotonic = (): number => performance.now();

async function post(path: string, body: unknown): Promise<{ grant: Grant; skewMs: number }> {
  const asked = Date.now();
  const response = await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    cache: "no-store",
  });
  const answer: unknown = await response.json().catch(() => null);
  if (!response.ok) {
    const problem = (answer ?? {}) as { code?: string; detail?: string; retry_after_ms?: number | null };
    const header = Number(response.headers.get("retry-after")) * 1000;
    throw new Refusal(
      problem.code ?? (response.status >= 500 ? "unavailable" : "bad_frame"),
      problem.detail ?? `the server answered ${response.status}`,
      problem.retry_after_ms ?? (header > 0 ? header : null),
    );
  }
  // `Date` has whole seconds; a smaller difference than two says nothing about the clocks.
  const date = Date.parse(response.headers.get("date") ?? "");
  const skew = Number.isNaN(date) ? 0 : date - (asked + Date.now()) / 2;
  return { grant: answer as Grant, skewMs: Math.abs(skew) > 2_000 ? skew : 0 };
}

/** Ticks once a second, from a worker: a hidden page's own timers may be held back for a minute. */
function everySecond(tick: () => void): void {
  let last = -Infinity;
  const once = (): void => {
    if (monotonic() - last >= 900) {
      last = monotonic();
      tick();
    }
  };
  try {
    new Worker("/assets/tick.js").onmessage = once;
  } catch {
    // The page's own timer below is enough.
  }
  setInterval(once, 1_000);
}

export class Client {
  private socket: WebSocket | null = null;
  private previous: WebSocket | null = null;
  private status: Status = "connecting";
  private token: { value: string; expiresAt: number } | null = null;
  private session: string | null = null;
  private heartbeatMs = 5_000;
  private readonly held = new Map<string, { epoch: number; last: number }>();
  private readonly left = new Set<string>();
  private asked = new Map<string, number>();
  private awaited = new Map<string, number>();
  private welcomed = false;
  private readonly outbox: Outgoing[] = [];
  private inFlight: { id: string; since: number } | null = null;
  private readonly asks = new Map<string, Ask>();
  private retryAt = 0;
  private attempts = 0;
  private reopened: number[] = [];
  /** A connection that never was has not been a good one. */
  private openedAt = Infinity;
  private sentAt = 0;
  private heardAt = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private skewMs = 0;
  /** When to come back after the close that is on its way, as the server has spread it. */
  private backAfterMs: number | null = null;

  constructor(
    private readonly role: Role,
    private readonly credentials: () => unknown,
    private readonly hooks: Hooks,
    /** Where a token is had for the credentials. */
    private readonly sessionPath: () => string = () => `/v1/${role}/session`,
  ) {}

  /** Begins; `held` names conversations to be had from their start, `unsent` what an earlier page left. */
  start(held: string[], unsent: Outgoing[]): void {
    for (const conversation of held) this.held.set(conversation, { epoch: 0, last: 0 });
    this.outbox.push(...unsent);
    everySecond(() => this.tick());
    const wake = (): void => {
      if (this.status === "offline" && document.visibilityState === "visible") void this.connect();
    };
    addEventListener("online", wake);
    document.addEventListener("visibilitychange", wake);
    void this.connect();
  }

  get online(): boolean {
    return this.status === "online";
  }

  /** The server's clock now, as far as this page can tell. */
  serverNow(): number {
    return Date.now() + this.skewMs;
  }

  /** A token that is still good, for calls beside the socket. */
  async bearer(): Promise<string> {
    if (this.token === null || this.token.expiresAt - TOKEN_MARGIN_MS < this.serverNow()) {
      const { grant, skewMs } = await post(this.sessionPath(), this.credentials());
      this.skewMs = skewMs;
      this.token = { value: grant.token, expiresAt: Date.parse(grant.expires_at) };
      this.hooks.granted(grant);
    }
    return this.token.value;
  }

  /** Queues a message; it is sent until it is acknowledged or refused for good. */
  send(conversation: string | null, text: string): Outgoing {
    const message = { id: uuid(), conversation, text };
    this.outbox.push(message);
    this.flush();
    return message;
  }

  /** Sends a frame if the connection is up; says whether it was. */
  say(frame: Frame): boolean {
    if (!this.online || this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(frame));
    this.sentAt = monotonic();
    return true;
  }

  /**
   * Says a frame under an id of its own, and says it again where the router is too busy for it; `refused` learns what
   * came of it otherwise. Gives the id, or null when the connection is away and nothing was said.
   */
  ask(frame: Frame, refused: Ask["refused"]): string | null {
    const id = uuid();
    const asked = { ...frame, id };
    if (!this.say(asked)) return null;
    const [oldest] = this.asks.keys();
    if (oldest !== undefined && this.asks.size >= ASKS_MAX) this.asks.delete(oldest);
    this.asks.set(id, { frame: asked, retries: 0, waits: false, refused });
    return id;
  }

  /** What was asked for under this id has come about. */
  answered(id: string): void {
    this.asks.delete(id);
  }

  /** Takes a conversation's past from elsewhere (`accepted`), as if it had come event by event. */
  adopt(conversation: string, epoch: number, history: EventFrame[]): void {
    this.left.delete(conversation);
    this.held.set(conversation, { epoch, last: 0 });
    this.hooks.reset(conversation);
    for (const event of history) this.onEvent(event);
  }

  /** Stops following a conversation: what still comes of it is passed over. */
  forget(conversation: string): void {
    this.left.add(conversation);
    this.held.delete(conversation);
    this.awaited.delete(conversation);
  }

  /** Gets a new token with the present credentials and connects again with it. */
  renew(): void {
    this.token = null;
    this.reopen();
  }

  /** Takes the conversation back after another page took the session, or tries again after a stop. */
  resume(): void {
    this.attempts = 0;
    void this.connect();
  }

  /** Says goodbye and stays away. */
  stop(): void {
    this.drop(1000);
    this.set("stopped", "");
  }

  private set(status: Status, detail: string): void {
    this.status = status;
    this.hooks.status(status, detail);
  }

  /** Lets go of the socket without closing it. */
  private detach(): WebSocket | null {
    clearTimeout(this.timer);
    const socket = this.socket;
    this.socket = null;
    this.welcomed = false;
    this.inFlight = null;
    if (socket !== null) socket.onopen = socket.onclose = socket.onmessage = null;
    for (const [id, ask] of [...this.asks]) {
      if (ask.waits) continue;
      this.asks.delete(id);
      ask.refused(null);
    }
    return socket;
  }

  private drop(code?: number): void {
    this.detach()?.close(code);
    this.previous?.close(code);
    this.previous = null;
  }

  private async connect(): Promise<void> {
    // The old socket stays until the new one is welcomed: a seat that is gone for a moment only
    // loses the conversations that it has not answered yet.
    this.previous = this.detach() ?? this.previous;
    this.set("connecting", "");
    try {
      await this.bearer();
    } catch (cause) {
      if (cause instanceof Refusal && !RETRIED_CODES.has(cause.code)) {
        this.set("stopped", cause.detail);
      } else {
        this.later(cause instanceof Refusal ? cause.retryAfterMs : null);
      }
      return;
    }
    if (this.socket !== null || this.status !== "connecting") return;
    const origin = location.origin.replace(/^http/, "ws");
    const socket = new WebSocket(`${origin}/v1/${this.role}`, "tradewind.v1.json");
    this.socket = socket;
    this.openedAt = this.heardAt = monotonic();
    this.backAfterMs = null;
    socket.onopen = () => {
      this.asked = new Map(Array.from(this.held, ([id, at]) => [id, at.last]));
      const nothing = this.session === null && this.asked.size === 0;
      const resume = nothing ? null : { session: this.session, last_seq: Object.fromEntries(this.asked) };
      socket.send(JSON.stringify({ type: "hello", token: this.token?.value ?? "", resume }));
      this.sentAt = monotonic();
    };
    socket.onmessage = (message) => this.onMessage(message.data);
    socket.onclose = (closed) => this.onClose(closed.code, closed.reason);
  }

  private onClose(code: number, reason: string): void {
    const backAfterMs = this.backAfterMs;
    this.drop();
    if (code === 4504) return this.set("superseded", reason);
    if (code === 4503) this.token = null;
    else if (code >= 4500 || code === 1000 || code === 1002) return this.set("stopped", reason || `closed with ${code}`);
    if (backAfterMs === null) this.later(null);
    else this.later(backAfterMs, 0);
  }

  /** Comes back with full jitter, so that a server that restarts is not met by everybody at once. */
  private later(atLeastMs: number | null, jitter = 1): void {
    this.drop();
    if (monotonic() - this.openedAt > STABLE_AFTER_MS) this.attempts = 0;
    this.openedAt = Infinity;
    const most = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** this.attempts);
    this.attempts += 1;
    this.set("offline", "");
    this.timer = setTimeout(() => void this.connect(), (atLeastMs ?? 0) + jitter * Math.random() * most);
  }

  /** Connects again at once, unless that has just been tried several times without success. */
  private reopen(): void {
    const now = monotonic();
    this.reopened = this.reopened.filter((at) => now - at < 10_000);
    this.reopened.push(now);
    if (this.reopened.length > 3) this.later(null);
    else void this.connect();
  }

  private tick(): void {
    const now = monotonic();
    if (this.socket === null) return;
    if (now - this.heardAt > 2 * this.heartbeatMs + 1_000) return this.later(null);
    if (this.welcomed && now - this.sentAt >= this.heartbeatMs - 1_000) this.say({ type: "ping" });
    if (this.inFlight !== null && now - this.inFlight.since > ACK_WAIT_MS) this.inFlight = null;
    this.flush();
  }

  private onMessage(data: unknown): void {
    this.heardAt = monotonic();
    let frame: Frame;
    try {
      frame = JSON.parse(String(data)) as Frame;
    } catch {
      return;
    }
    switch (frame.type) {
      case "welcome":
        return this.onWelcome(frame);
      case "event":
        return this.onEvent(frame as unknown as EventFrame);
      case "ack":
        return this.onAck(frame as unknown as Position & { id: string });
      case "error":
        return this.onError(frame as unknown as ErrorFrame);
      case "pong":
        return;
      case "closing":
        this.backAfterMs = Number(frame["retry_after_ms"]) || 0;
        return;
      default:
        return this.hooks.frame(frame);
    }
  }

  private onWelcome(frame: Frame): void {
    const listed = (frame["conversations"] ?? []) as Position[];
    const byId = new Map(listed.map((position) => [position.conversation, position]));
    this.session = String(frame["session"]);
    this.heartbeatMs = Number(frame["heartbeat_ms"]) || this.heartbeatMs;
    let again = false;
    const askedMore = [...this.asked.values()].some((last) => last > 0);
    for (const [id, at] of [...this.held]) {
      const now = byId.get(id);
      if (now === undefined) {
        this.forget(id);
        this.hooks.gone(id);
        continue;
      }
      const continued = frame["recovered"] === true || !askedMore;
      if (continued && (at.epoch === 0 || at.epoch === now.epoch) && at.last <= now.seq) continue;
      this.held.set(id, { epoch: 0, last: 0 });
      this.hooks.reset(id);
      again = true;
    }
    this.welcomed = true;
    this.previous?.close(1000);
    this.previous = null;
    this.set("online", "");
    for (const id of this.hooks.welcome(listed)) {
      if (this.held.has(id) || this.left.has(id)) continue;
      this.held.set(id, { epoch: 0, last: 0 });
      again = true;
    }
    if (again) return this.reopen();
    this.awaited = new Map(listed.filter((at) => this.held.has(at.conversation)).map((at) => [at.conversation, at.seq]));
    this.flush();
  }

  private onEvent(event: EventFrame): void {
    if (this.left.has(event.conversation)) return;
    const at = this.at(event);
    if (at === null || event.seq <= at.last) return;
    if (event.seq > at.last + 1) return this.reopen();
    at.last = event.seq;
    const own = event.id === undefined ? undefined : this.take(event.id);
    if (own !== undefined) this.hooks.acknowledged(own, event);
    else this.hooks.event(event);
    if ((this.awaited.get(event.conversation) ?? Infinity) <= event.seq) {
      this.awaited.delete(event.conversation);
      this.flush();
    }
  }

  private onAck(ack: Position & { id: string }): void {
    // A seat that has lost the conversation meanwhile learns that its message was in time, and no more of it comes.
    if (this.role === "seat" && !this.held.has(ack.conversation)) {
      const message = this.take(ack.id);
      if (message !== undefined) this.hooks.acknowledged(message, ack);
      return this.flush();
    }
    this.left.delete(ack.conversation);
    const at = this.at(ack);
    // What lies before it, or all of it in another epoch, comes on a new connection, and the message's own event with it:
    // that acknowledges it in its place.
    if (at === null) return;
    if (ack.seq > at.last + 1) return this.reopen();
    const message = this.take(ack.id);
    if (message !== undefined) this.hooks.acknowledged(message, ack);
    at.last = Math.max(at.last, ack.seq);
    this.flush();
  }

  /** What is held of the conversation; null when its epoch is another one, which starts it anew. */
  private at(seen: Position): { epoch: number; last: number } | null {
    let at = this.held.get(seen.conversation);
    if (at === undefined) {
      at = { epoch: seen.epoch, last: 0 };
      this.held.set(seen.conversation, at);
    }
    if (at.epoch === 0) at.epoch = seen.epoch;
    if (at.epoch === seen.epoch) return at;
    this.held.set(seen.conversation, { epoch: 0, last: 0 });
    this.hooks.reset(seen.conversation);
    this.reopen();
    return null;
  }

  private onError(error: ErrorFrame): void {
    const message = this.outbox.find((waiting) => waiting.id === error.id);
    const ask = error.id === null ? undefined : this.asks.get(error.id);
    if (ask !== undefined) return this.onRefusal(error, ask);
    if (message === undefined) return this.hooks.error(error);
    this.inFlight = null;
    if (RETRIED_CODES.has(error.code)) {
      const wait = error.retry_after_ms ?? 1_000;
      this.retryAt = monotonic() + wait;
      setTimeout(() => this.flush(), wait);
      return;
    }
    this.take(message.id);
    this.hooks.refused(message, error);
    this.flush();
  }

  private onRefusal(error: ErrorFrame, ask: Ask): void {
    const id = String(ask.frame["id"]);
    const giveUp = (): void => {
      this.asks.delete(id);
      ask.refused(error);
    };
    if (!RETRIED_CODES.has(error.code) || ask.retries >= ASK_RETRIES_MAX) return giveUp();
    ask.retries += 1;
    ask.waits = true;
    setTimeout(() => {
      ask.waits = false;
      if (this.asks.has(id) && !this.say(ask.frame)) giveUp();
    }, error.retry_after_ms ?? 1_000);
  }

  private take(id: string): Outgoing | undefined {
    const index = this.outbox.findIndex((message) => message.id === id);
    if (index < 0) return undefined;
    if (this.inFlight?.id === id) this.inFlight = null;
    return this.outbox.splice(index, 1)[0];
  }

  /** Sends the oldest message without an acknowledgement. One at a time keeps the order that was typed. */
  private flush(): void {
    const [message] = this.outbox;
    if (message === undefined || this.inFlight !== null || monotonic() < this.retryAt) return;
    if (this.awaited.size > 0 && monotonic() - this.openedAt < CATCH_UP_WAIT_MS) return;
    if (!this.say({ type: "send", ...message })) return;
    this.inFlight = { id: message.id, since: monotonic() };
  }
}
