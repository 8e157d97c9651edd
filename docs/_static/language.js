// The language switch keeps the section that is being read, and remembers the choice for the root page.
"use strict";
(() => {
  const top = (section) => section.getBoundingClientRect().top;
  const sectionBeingRead = () => {
    const target = document.querySelector(":target");
    const named = target && target.closest("article section[id]");
    if (named && top(named) > -2 && top(named) < innerHeight) return named;
    // The last sections of a page can't come up to its top: there, the lowest one in sight counts.
    const atEnd = scrollY > 0 && scrollY + innerHeight > document.documentElement.scrollHeight - 2;
    const limit = atEnd ? innerHeight : 120;
    return [...document.querySelectorAll("article section[id]")].filter((section) => top(section) <= limit).pop();
  };
  const prepare = (event) => {
    const link = event.currentTarget;
    try {
      localStorage.setItem("language", link.dataset.language);
    } catch {
      // Storage can be off; the link works all the same.
    }
    const section = sectionBeingRead();
    link.hash = section && section.parentElement.closest("section[id]") ? section.id : "";
  };
  for (const link of document.querySelectorAll("a[data-language]")) {
    link.addEventListener("click", prepare);
    link.addEventListener("auxclick", prepare); // the middle button: a new tab
  }
})();
