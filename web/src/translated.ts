// Messages in another language: what is shown beside the text of a bubble, or in its place.

import { button, el } from "./dom";

/** What came of translating a message. */
export interface Translation {
  from: string;
  language: string;
  text: string | null;
  by: string | null;
  reason: string | null;
}

interface Words {
  /** That it is a translation, and from what. */
  from: string;
  original: string;
  translation: string;
}

/** Shows a customer the translation in the place of the text, and the text on demand. */
export function inPlace(bubble: HTMLElement, { from, language, text }: Translation, words: Words): void {
  const body = bubble.querySelector<HTMLElement>(".body");
  if (body === null || text === null) return;
  const original = body.textContent ?? "";
  const toggle = button("", "link", () => show(body.lang === language));
  const show = (isOriginal: boolean): void => {
    body.textContent = isOriginal ? original : text;
    body.lang = isOriginal ? from : language;
    toggle.textContent = isOriginal ? words.translation : words.original;
  };
  show(false);
  body.after(el("span", { class: "translated" }, words.from, " · ", toggle));
}

/** Shows a seat the translation, or why there is none, below the text; `label` says whose it is. */
export function beside(bubble: HTMLElement, label: string, { language, text, reason }: Translation): void {
  const told =
    text === null
      ? [el("span", {}, REASONS[reason ?? ""] ?? "Not translated.")]
      : [el("span", {}, label), el("span", { class: "body", dir: "auto", lang: language }, text)];
  put(bubble, ...told);
}

/** Offers a seat a translation. */
export function offer(bubble: HTMLElement, ask: () => void): void {
  const wanted = button("Translate", "link", () => {
    wanted.textContent = "Translating…";
    wanted.disabled = true;
    ask();
  });
  put(bubble, wanted);
}

function put(bubble: HTMLElement, ...nodes: HTMLElement[]): void {
  bubble.querySelector(".translated")?.remove();
  bubble.querySelector(".body")?.after(el("div", { class: "translated" }, ...nodes));
}

const REASONS: Record<string, string> = {
  no_engine: "Not translated: nothing translates for this shop.",
  pair: "Not translated: no service does these languages.",
  busy: "Not translated: too many texts at once.",
  late: "Not translated: it took too long.",
  failed: "Not translated: the service failed.",
  unfit: "Not translated: too long, or a table of codes.",
};
