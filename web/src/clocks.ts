// Labels that count by themselves.

import { el } from "./dom";

/** A label that counts by itself: up from an instant, or down to one. */
export function timer(label: string, at: number, kind: "since" | "until"): HTMLElement {
  const node = el("span", { class: "timer", role: "timer", "aria-live": "off" });
  node.dataset[kind] = String(at);
  node.dataset["label"] = label;
  return node;
}

export function tickClocks(time: number): void {
  for (const node of document.querySelectorAll<HTMLElement>(".timer[data-label]")) {
    const { since, until, label } = node.dataset;
    const ms = since === undefined ? Number(until) - time : time - Number(since);
    const seconds = Math.max(0, Math.ceil(Math.abs(ms) / 1000));
    const words = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    node.textContent = since === undefined ? `${label} ${ms < 0 ? "late by" : "in"} ${words}` : `${label} ${words}`;
    node.classList.toggle("soon", since === undefined && ms < 5_000);
    node.classList.toggle("late", since === undefined && ms < 0);
  }
  for (const bar of document.querySelectorAll<HTMLProgressElement>("progress[data-until]")) {
    bar.value = Math.max(0, (Number(bar.dataset["until"]) - time) / Number(bar.dataset["span"]));
  }
}
