// The first page: how to try the demo shop, where there is one.

import { fetchDemo, languageName } from "./demo";
import { byId, el } from "./dom";

const LOCALES = ["es-MX", "ar-SA", "pt-BR", "vi-VN", "ja-JP", "de-DE", "hi-IN"];

void fetchDemo().then((demo) => {
  if (demo === null) return;
  byId("demo").hidden = false;
  byId("password").textContent = demo.password ?? "";
  byId("seats").append(
    ...demo.seats.map((seat) =>
      el("li", {}, el("a", { href: `/seat?user=${encodeURIComponent(seat.user)}` }, seat.user), " ", el("span", { class: "soft" }, seat.languages.map(languageName).join(", "))),
    ),
  );
  const shop = encodeURIComponent(demo.shop);
  byId("locales").append(
    ...LOCALES.map((locale) => el("a", { class: "chip", lang: locale, href: `/widget?shop=${shop}&locale=${locale}` }, new Intl.DisplayNames([locale], { type: "language" }).of(locale) ?? locale)),
  );
  byId("order-line").hidden = demo.order === null;
  byId("order").textContent = demo.order ?? "";
});
