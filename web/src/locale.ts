// What a BCP 47 tag says of a language, and how words get their values.

/** Codes that browsers use for a language that is listed under another code here. */
const ALIASES: Record<string, string> = { fil: "tl", iw: "he", in: "id" };
const RIGHT_TO_LEFT = new Set(["ar", "he", "fa", "ur"]);

/** The language of a BCP 47 tag, as the pages list it. */
export function languageOf(locale: string): string {
  const primary = locale.toLowerCase().split(/[-_]/)[0] ?? "";
  return ALIASES[primary] ?? primary;
}

/** Whether pages in this locale run from right to left. */
export function isRightToLeft(locale: string): boolean {
  return RIGHT_TO_LEFT.has(languageOf(locale));
}

/** Puts values into the places of a string. */
export function fill(text: string, values: Record<string, string>): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole);
}

/** The first of these that the browser accepts. */
export function firstValid(accepts: (value: string) => unknown, ...values: (string | null)[]): string {
  for (const value of values) {
    try {
      if (value && accepts(value)) return value;
    } catch {
      // An address or a store may hold anything.
    }
  }
  return "en";
}

export const isLocale = (tag: string): unknown => Intl.getCanonicalLocales(tag);
