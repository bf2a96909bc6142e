// Conversations beside the one that a widget follows: a verified customer may have several open, since a seat has
// moved what belongs to another matter out of it. What is said there is shown with the rest.

/** Which they are, kept over a reload. */
export class Beside {
  private readonly ids: Set<string>;

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
