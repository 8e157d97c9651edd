// Remembers what a reader predicted on this page, in either language; without it the choice lasts until the page is left.
"use strict";
(() => {
  const page = location.pathname.replace(/.*\/([^/]+\/[^/]+)\.html$/, "$1");
  for (const button of document.querySelectorAll(".choices input")) {
    const key = `${page} ${button.name}`;
    try {
      if (localStorage.getItem(key) === button.value) button.checked = true;
      button.addEventListener("change", () => localStorage.setItem(key, button.value));
    } catch {
      return; // the browser keeps nothing
    }
  }
})();
