// Conversations beside the one that a widget follows: a verified customer may have several open, since a seat has
// moved what belongs to another matter out of it. What is said there is shown with the rest.

/** Which they are, kept over a reload. */
export class Beside {
  private readonly ids: Set<string>;
  private spoke: { id: string; at: number } | null = null;

  constructor(
    saved: string | null,
    private readonly save: (ids: string | null) => void,
  ) {
    this.ids = new Set(saved === null ? [] : (JSON.parse(saved) as string[]));
  }

  get all(): string[] {
    return [...this.ids];
  }

  add(id: string): void {
    if (!this.ids.has(id)) this.keep(this.ids.add(id));
  }

  /** A seat or a machine has said something in a conversation, beside or not; after a reload they come in any order. */
  heard(id: string, at: number): void {
    if (this.spoke === null || at >= this.spoke.at) this.spoke = { id, at };
  }

  /** The conversation that an answer belongs to: the one in which something was said last, else `id`. With several open ones the router decides where nothing was said. */
  answered(id: string | null): string | null {
    if (this.ids.size === 0) return id;
    const spoke = this.spoke?.id ?? null;
    return spoke !== null && (spoke === id || this.ids.has(spoke)) ? spoke : null;
  }

  drop(id: string): void {
    if (this.ids.delete(id)) this.keep(this.ids);
  }

  /** The one that goes on when the other has ended. */
  takeFirst(): string | null {
    const [first] = this.ids;
    if (first === undefined) return null;
    this.drop(first);
    return first;
  }

  private keep(ids: Set<string>): void {
    this.save(ids.size === 0 ? null : JSON.stringify([...ids]));
  }
}
