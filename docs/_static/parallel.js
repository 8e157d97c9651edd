// Side-by-side reading. Runs in the head, so that a remembered mode is there before the first paint.
"use strict";
(() => {
  const root = document.documentElement;
  const remembered = () => {
    try {
      return localStorage.getItem("parallel") === "on";
    } catch {
      return false; // Storage can be off; the mode then lasts for one page.
    }
  };
  const set = (on) => {
    root.dataset.parallel = on ? "on" : "off";
    for (const button of document.querySelectorAll(".parallel-toggle")) button.setAttribute("aria-pressed", on);
  };
  // What the reader is looking at stays where it is while the text around it grows or shrinks.
  const firstInView = () => {
    for (const element of document.querySelectorAll("article :is(h1, h2, h3, p, li, pre, img):not([lang])")) {
      const box = element.getBoundingClientRect();
      if (box.height && box.bottom > 80) return element;
    }
    return null;
  };
  const toggle = () => {
    const on = root.dataset.parallel !== "on";
    const element = scrollY > 0 ? firstInView() : null;
    const before = element && element.getBoundingClientRect().top;
    set(on);
    if (element) scrollBy({ top: element.getBoundingClientRect().top - before, behavior: "instant" });
    try {
      localStorage.setItem("parallel", on ? "on" : "off");
    } catch {
      // As above.
    }
  };
  set(remembered());
  document.addEventListener("DOMContentLoaded", () => {
    set(remembered());
    for (const button of document.querySelectorAll(".parallel-toggle")) button.addEventListener("click", toggle);
  });
  // A page that the browser kept from before shows the mode chosen since.
  addEventListener("pageshow", (event) => event.persisted && set(remembered()));
})();
