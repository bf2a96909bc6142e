// A table whose rows keep their elements while their content changes, and with them the focus.

import { el } from "./dom";

export interface Column<Row> {
  title: string;
  /** Whether its cell names the row. */
  isHead?: boolean;
  cell(row: Row): Node | string;
}

export class KeyedTable<Row> {
  readonly node: HTMLElement;
  private readonly heading = el("h2");
  private readonly note = el("p", { class: "soft" });
  private readonly body = el("tbody");
  private readonly nothing: HTMLElement;
  private readonly table: HTMLElement;
  private readonly box: HTMLElement;
  private readonly shown = new Map<string, { content: string; node: HTMLElement }>();

  constructor(
    id: string,
    whenEmpty: string,
    private readonly columns: Column<Row>[],
  ) {
    this.heading.id = `floor-${id}-title`;
    const head = columns.map(({ title }) => (title === "" ? el("td", {}) : el("th", { scope: "col" }, title)));
    this.table = el("table", {}, el("thead", {}, el("tr", {}, ...head)), this.body);
    this.nothing = el("p", { class: "soft" }, whenEmpty);
    this.box = el("div", { class: "scroll", tabindex: "0", role: "region", "aria-labelledby": this.heading.id }, this.nothing, this.table);
    this.node = el("section", { id: `floor-${id}` }, this.heading, this.note, this.box);
  }

  title(text: string, note: string): void {
    if (this.heading.textContent !== text) this.heading.textContent = text;
    this.note.textContent = note;
    this.note.hidden = note === "";
  }

  /** Shows these rows in this order, each under its key. */
  show(rows: [string, Row][]): void {
    const held = this.body.contains(document.activeElement) ? (document.activeElement as HTMLElement) : null;
    const heldKey = held?.closest("tr")?.dataset["key"];
    const keys = new Set(rows.map(([key]) => key));
    for (const [key, { node }] of this.shown) {
      if (keys.has(key)) continue;
      node.remove();
      this.shown.delete(key);
    }
    rows.forEach(([key, row], at) => {
      const node = this.rowOf(key, row);
      if (this.body.children[at] !== node) this.body.insertBefore(node, this.body.children[at] ?? null);
    });
    this.table.hidden = rows.length === 0;
    this.nothing.hidden = rows.length > 0;
    if (held !== null && document.activeElement !== held) this.focusAgain(heldKey, held.dataset["action"]);
  }

  private rowOf(key: string, row: Row): HTMLElement {
    const content = JSON.stringify(row);
    const known = this.shown.get(key);
    if (known?.content === content) return known.node;
    const node = known?.node ?? el("tr", { "data-key": key });
    node.replaceChildren(...this.columns.map(({ isHead, cell }) => (isHead ? el("th", { scope: "row" }, cell(row)) : el("td", {}, cell(row)))));
    this.shown.set(key, { content, node });
    return node;
  }

  /** The same button of the same row; the table when the row is gone. */
  private focusAgain(key: string | undefined, action: string | undefined): void {
    const row = key === undefined ? undefined : this.shown.get(key)?.node;
    (row?.querySelector<HTMLElement>(`[data-action="${action}"]`) ?? this.box).focus();
  }
}
