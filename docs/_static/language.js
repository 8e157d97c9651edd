// The language switch keeps the section that is being read, and remembers the choice for the root page.
"use strict";
(() => {
  const sectionBeingRead = () => {
    const limit = 120;
    let current = null;
    for (const section of document.querySelectorAll("article section[id]")) {
      if (section.getBoundingClientRect().top <= limit) current = section;
    }
    return current && current.parentElement.closest("section[id]") ? current.id : "";
  };
  for (const link of document.querySelectorAll("a[data-language]")) {
    link.addEventListener("click", () => {
      try {
        localStorage.setItem("language", link.dataset.language);
      } catch {
        // Storage can be off; the link works all the same.
      }
      const section = sectionBeingRead();
      link.hash = section ? `#${section}` : "";
    });
  }
})();
