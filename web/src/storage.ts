// What a page remembers between visits. Where the browser forbids storage, or it is full, memory does for this visit.

/** What storage did not take; null where it did not let go. It goes before what is stored, which is older. */
const memory = new Map<string, string | null>();

export function remember(key: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
    memory.delete(key);
  } catch {
    memory.set(key, value);
  }
}

export function recall(key: string): string | null {
  const remembered = memory.get(key);
  if (remembered !== undefined) return remembered;
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/** Everything remembered under keys that begin like this, in the order of the keys. */
export function recallAll(prefix: string): string[] {
  try {
    const keys = Object.keys(localStorage).filter((key) => key.startsWith(prefix)).sort();
    return keys.map((key) => localStorage.getItem(key) ?? "");
  } catch {
    return [];
  }
}
