// The socket between a page and the router, for tests of what a page does when it breaks or when something is refused.

const HEARD_WITHIN_MS = 20_000;

/** The frames of everybody in one browser context, on their way. */
export class Wire {
  #ends = new Set();
  #isCut = false;
  #waiting = [];
  /** What pages have said, from the first on. */
  said = [];
  /** Gets each frame of a page, and `answer`, which says something to that page; true keeps the frame from the router. */
  toRouter = () => false;
  /** Gets each frame of the router; true keeps it from the page. */
  toPage = () => false;

  /** Goes between the pages of a context that are opened from now on and the router. */
  static async through(context) {
    const wire = new Wire();
    await context.routeWebSocket(/\/v1\/(widget|seat)$/, (page) => wire.#connect(page));
    return wire;
  }

  #connect(page) {
    if (this.#isCut) return page.close({ code: 4001, reason: "silent" });
    const router = page.connectToServer();
    const end = { page, router };
    this.#ends.add(end);
    const answer = (frame) => page.send(JSON.stringify(frame));
    page.onMessage((text) => {
      const frame = JSON.parse(text);
      this.said.push(frame);
      for (const look of [...this.#waiting]) look();
      if (!this.toRouter(frame, answer)) router.send(text);
    });
    router.onMessage((text) => {
      if (!this.toPage(JSON.parse(text))) page.send(text);
    });
    page.onClose((code, reason) => {
      this.#ends.delete(end);
      return router.close(code === undefined || code === 1000 || code >= 3000 ? { code, reason } : {});
    });
  }

  /** Breaks every connection, and each that is tried, until `mend`; this page has noticed. */
  async cut(page) {
    this.#isCut = true;
    const ends = [...this.#ends];
    this.#ends.clear();
    await Promise.all(ends.map((end) => Promise.all([end.page.close({ code: 4001, reason: "silent" }), end.router.close()])));
    await page.locator('body:not([data-status="online"])').waitFor();
  }

  /** Lets connections through again, and has this page try at once. */
  async mend(page) {
    this.#isCut = false;
    // One that is just being tried goes through, or has been broken already.
    await page.locator('body[data-status="offline"], body[data-status="online"]').waitFor();
    await page.evaluate(() => dispatchEvent(new Event("online")));
    await page.locator('body[data-status="online"]').waitFor();
  }

  /** Says something to every page in the router's place. */
  tell(frame) {
    for (const { page } of this.#ends) page.send(JSON.stringify(frame));
  }

  /** As many frames of these types as a page says first, not counting the first `after` of all its frames. */
  heard(types, { after = 0, count = 1 } = {}) {
    return new Promise((resolve, reject) => {
      const done = () => {
        this.#waiting = this.#waiting.filter((other) => other !== look);
        clearTimeout(late);
      };
      const look = () => {
        const found = this.said.slice(after).filter(({ type }) => types.includes(type));
        if (found.length < count) return;
        done();
        resolve(found.slice(0, count));
      };
      const late = setTimeout(() => {
        done();
        reject(new Error(`the page did not say ${types.join(" or ")} ${count} times`));
      }, HEARD_WITHIN_MS);
      this.#waiting.push(look);
      look();
    });
  }
}
