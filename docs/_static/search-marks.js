// Marks what was searched for on the page that a hit led to. The browser paints the marks over the text, whose elements
// stay as they are, so nothing moves; Escape takes them away. Loaded when there is something to mark.
"use strict";
(() => {
  const NAME = "search";
  const MOST = 500;
  const LEFT_OUT = "script, style, .no-search, [hidden], .headerlink";

  const isPartOfWord = (character) => character !== undefined && /[a-z0-9]/.test(character);

  /** Where one of the lower-case `words` stands in the text of `root`: ranges, in order. */
  const find = (root, words) => {
    const ranges = [];
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT, (node) =>
      (node.parentElement.closest(LEFT_OUT) ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT));
    while (walker.nextNode() && ranges.length < MOST) {
      const node = walker.currentNode;
      if (!node.parentElement.checkVisibility()) continue;
      const low = node.data.toLowerCase();
      if (low.length !== node.data.length) continue;
      for (const word of words) {
        const bound = /[a-z0-9]/.test(word[0]);
        for (let at = low.indexOf(word); at >= 0; at = low.indexOf(word, at + word.length)) {
          if (bound && isPartOfWord(low[at - 1])) continue;
          if (bound && word.length < 3 && isPartOfWord(low[at + word.length])) continue;
          const range = new Range();
          range.setStart(node, at);
          range.setEnd(node, at + word.length);
          ranges.push(range);
        }
      }
    }
    // Of two that begin at one place the longer is enough.
    return ranges.filter((range) => !ranges.some((other) => other !== range && other.startContainer === range.startContainer &&
      other.startOffset <= range.startOffset && other.endOffset >= range.endOffset && other.toString().length > range.toString().length));
  };

  /** Mark `words`, and show the first of them in the section that `hash` names, or on the page. */
  const show = (words, hash) => {
    const article = document.querySelector("article");
    if (!article || !self.Highlight || !CSS.highlights) return;
    const ranges = find(article, words);
    if (!ranges.length) return;
    CSS.highlights.set(NAME, new Highlight(...ranges));
    const section = hash ? document.getElementById(decodeURIComponent(hash.slice(1))) : article;
    const first = ranges.find((range) => section && section.contains(range.startContainer));
    const place = first && first.getBoundingClientRect();
    if (first && (place.top < 0 || place.bottom > innerHeight)) first.startContainer.parentElement.scrollIntoView({ block: "center", behavior: "instant" });
    const end = (event) => {
      if (event.key !== "Escape" || event.isComposing || document.querySelector("dialog[open]")) return;
      CSS.highlights.delete(NAME);
      removeEventListener("keydown", end);
    };
    addEventListener("keydown", end);
  };

  self.searchMarks = { show };
})();
