"use strict";
(() => {
  const parts = [...document.querySelectorAll("section[data-language]")];
  const folders = parts.map((part) => part.dataset.language).join("|");
  const found = location.pathname.match(new RegExp(`^(.*/)(${folders})(?:/|$)`));
  const root = found ? found[1] : location.pathname.replace(/[^/]*$/, "");
  let words = location.pathname.split("/").pop();
  try {
    words = decodeURIComponent(words);
  } catch {
    words = ""; // no text at all
  }
  words = words.replace(/\.html?$/, "").replace(/[_-]+/g, " ");
  for (const part of parts) {
    for (const link of part.querySelectorAll("a")) link.href = root + link.getAttribute("href");
    const form = part.querySelector("form");
    form.action = root + form.getAttribute("action");
    if (!/^(index|404)?$/.test(words)) form.elements.q.value = words;
    if (found && part.dataset.language === found[2]) {
      document.documentElement.lang = part.lang;
      document.title = part.dataset.title;
      part.parentElement.prepend(part);
    }
  }
})();
