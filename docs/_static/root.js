// Leads from the root page to the language chosen before, or else to the browser's first known one.
"use strict";
(() => {
  const links = [...document.querySelectorAll("#languages a")];
  let chosen = null;
  try {
    chosen = localStorage.getItem("language");
  } catch {
    // Storage can be off; the browser's languages decide then.
  }
  let target = links.find((link) => link.dataset.language === chosen);
  for (const wanted of target ? [] : navigator.languages || [navigator.language]) {
    const base = wanted.toLowerCase().split("-")[0];
    target = links.find((link) => link.lang.toLowerCase().split("-")[0] === base);
    if (target) break;
  }
  // A reader whose languages are all unknown here most likely reads the international one.
  target = target || links[links.length - 1];
  location.replace(target.href);
})();
