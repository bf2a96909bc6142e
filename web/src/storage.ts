// What a page remembers between visits. Where the browser forbids storage, memory does for this visit.

const memory = new Map<string, string>();

export function remember(key: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch {
    if (value === null) memory.delete(key);
    else memory.set(key, value);
  }
}

export function recall(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return memory.get(key) ?? null;
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
