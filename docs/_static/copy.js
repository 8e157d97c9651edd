// A button on each block of code copies what a reader types: no prompts, no output.
"use strict";
(() => {
  const { label, done } = document.currentScript.dataset; // in the page's language
  const PROMPT = "\u0000";
  const typed = (pre) => {
    const copy = pre.cloneNode(true);
    const prompts = copy.querySelectorAll(".gp");
    for (const prompt of prompts) prompt.textContent = PROMPT;
    const lines = copy.textContent.trimEnd().split("\n");
    if (!prompts.length) return lines.join("\n");
    // A prompt's blank belongs to it where the highlighter has put it behind.
    const blank = pre.querySelector(".gp").textContent.endsWith(" ") ? 1 : 2;
    return lines.filter((line) => line.startsWith(PROMPT)).map((line) => line.slice(blank)).join("\n");
  };
  const write = async (text) => {
    try {
      return await navigator.clipboard.writeText(text);
    } catch {
      // Not allowed; and a page that came over plain http from another computer, as in a classroom, has no clipboard.
    }
    const field = document.createElement("textarea");
    field.value = text;
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  };
  const none = ":is(.highlight-none, .highlight-text, .cell_output)";
  for (const block of document.querySelectorAll("article .highlight")) {
    const pre = block.querySelector(":scope > pre");
    if (!pre || block.closest(none)) continue;
    const button = document.createElement("button");
    const status = document.createElement("span");
    button.type = "button";
    button.className = "copy-button";
    button.title = label;
    button.setAttribute("aria-label", label);
    status.className = "copy-status";
    status.setAttribute("role", "status");
    let timer;
    button.addEventListener("click", async () => {
      await write(typed(pre));
      button.focus();
      status.textContent = done;
      clearTimeout(timer);
      timer = setTimeout(() => { status.textContent = ""; }, 2000);
    });
    block.prepend(button, status);
  }
})();
