// The demo shop tells its accounts, so that a newcomer can sign in at once. Other shops do not.

export interface Demo {
  shop: string;
  name: string;
  password: string | null;
  seats: { user: string; languages: string[]; skills: string[] }[];
  order: string | null;
}

export async function fetchDemo(): Promise<Demo | null> {
  try {
    const response = await fetch("/v1/demo");
    return response.ok ? ((await response.json()) as Demo) : null;
  } catch {
    return null;
  }
}

const names = new Intl.DisplayNames(["en"], { type: "language", fallback: "code" });

/** The English name of a language code. */
export function languageName(code: string | null | undefined): string {
  if (!code) return "unknown language";
  try {
    return names.of(code) ?? code;
  } catch {
    return code;
  }
}
