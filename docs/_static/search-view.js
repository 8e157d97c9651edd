// What is shown of an answer: marked words, the telling part of a text, and the links. It is loaded with the engine.
"use strict";
(() => {
  const SECTIONS_PER_PAGE = 2;
  const isWordChar = (character) => /[a-z0-9]/.test(character || " ");

  const element = (name, className, ...children) => {
    const made = document.createElement(name);
    if (className) made.className = className;
    made.append(...children);
    return made;
  };

  /** Where the units of a query stand in a text: [start, end, unit], in order and apart. */
  const marks = (text, units, low = text.toLowerCase()) => {
    const found = [];
    if (low.length !== text.length) return found;
    for (const unit of units) {
      if (unit.weight < 0.5) continue;
      for (const form of unit.forms) {
        const bound = isWordChar(form.text[0]);
        let at = low.indexOf(form.text);
        for (let times = 0; at >= 0 && times < 40; at = low.indexOf(form.text, at + form.text.length), times += 1) {
          if (bound && isWordChar(low[at - 1])) continue;
          if (bound && form.text.length < 3 && isWordChar(low[at + form.text.length])) continue;
          found.push([at, at + form.text.length, unit]);
        }
      }
    }
    found.sort((a, b) => a[0] - b[0] || b[1] - a[1]);
    const apart = [];
    for (const mark of found) {
      const last = apart[apart.length - 1];
      if (last && mark[0] < last[1]) last[1] = Math.max(last[1], mark[1]);
      else apart.push([...mark]);
    }
    return apart;
  };

  /** The marks close together that hold most of the query: where they begin, and how much it is. */
  const densest = (all, wide) => {
    let best = { worth: -1, at: 0 };
    for (let first = 0; first < all.length; first += 1) {
      const seen = new Set();
      let worth = 0;
      for (let next = first; next < all.length && all[next][1] - all[first][0] <= wide; next += 1) {
        const [start, end, unit] = all[next];
        if (!seen.has(unit)) worth += unit.weight * (end - start);
        seen.add(unit);
      }
      if (worth > best.worth) best = { worth, at: all[first][0] };
    }
    return best;
  };

  /** The line of code in which most of the query stands, and the next one. */
  const excerptOfCode = ({ code, lowCode }, units) => {
    const lines = code.split("\n");
    const found = marks(code, units, lowCode);
    let best = { worth: -1, text: "" };
    let start = 0;
    let next = 0;
    lines.forEach((line, index) => {
      const end = start + line.length;
      const here = [];
      for (; next < found.length && found[next][0] < end; next += 1) here.push(found[next]);
      const { worth } = here.length ? densest(here, Infinity) : { worth: 0 };
      if (worth > best.worth && line.trim()) best = { worth, text: cut(lines.slice(index, index + 2).join("\n"), 0, 300).text };
      start = end + 1;
    });
    return best;
  };

  /** `text` from `from` to about `to`, where a word or a sentence ends. */
  const cut = (text, from, to) => {
    if (to >= text.length) return { text: text.slice(from), whole: true };
    const part = text.slice(from, to);
    const ends = [...part.matchAll(/[。！？；，、：]|[.!?;,:]?\s/g)].map((match) => match.index + match[0].trimEnd().length);
    const end = ends.filter((at) => at > part.length / 2).pop() || part.length;
    return { text: part.slice(0, end), whole: false };
  };

  /** The part of a text in which most of the query stands. */
  const excerpt = ({ text, lowText }, units) => {
    const wide = searchWords.hasHan(text.slice(0, 200)) ? 72 : 150;
    const best = densest(marks(text, units, lowText), wide);
    let from = Math.max(0, best.at - Math.round(wide / 4));
    if (from > 0) {
      // Begin at a sentence, or at least at a word.
      const lead = text.slice(from, best.at);
      const begin = /[。！？；]|[.!?]\s|\n/.exec(lead) || /[\s，、]/.exec(lead);
      if (begin) from += begin.index + begin[0].length;
      else while (from > 0 && isWordChar(text[from - 1].toLowerCase())) from -= 1;
    }
    const shown = cut(text, from, from + wide + Math.round(wide / 3));
    return { text: `${from > 0 ? "… " : ""}${shown.text}${shown.whole ? "" : " …"}`, worth: best.worth };
  };

  /** An element with `text`, in which the query's words are marked. */
  const marked = (name, className, text, units) => {
    const made = element(name, className);
    let at = 0;
    for (const [start, end] of marks(text, units)) {
      made.append(text.slice(at, start), element("mark", "", text.slice(start, end)));
      at = end;
    }
    made.append(text.slice(at));
    return made;
  };

  /** The words that the page behind a hit is to mark. */
  const wordsOf = (units) => {
    const every = units.filter((unit) => unit.weight >= 0.5).flatMap((unit) => unit.forms.map((form) => form.text));
    return [...new Set(every)].filter((word) => word.length > 1).slice(0, 16);
  };

  /** One hit as a link: its page's title, chapter and kind, its heading, and a part of its text. */
  const renderHit = (answer, hit, isFirst, site) => {
    const { section, own } = hit;
    const { page, units } = answer;
    const link = element("a", "search-hit");
    link.href = site.root + page.uri + (own.anchor ? `#${encodeURIComponent(own.anchor)}` : "");
    link.wordsToMark = () => wordsOf(units);
    const heading = element("span", "search-heading");
    if (isFirst) heading.append(marked("span", "search-page", page.title, units));
    if (own.level !== 1 || !isFirst) heading.append(isFirst ? " " : "", marked("span", "search-section", own.heading, units));
    const kind = [page.kind === "lesson" ? page.chapter : "", site.texts.kinds[page.kind]].filter(Boolean).join(" · ");
    if (isFirst && kind) heading.append(" ", element("span", "search-kind", kind));
    link.append(heading);
    const inText = excerpt(section, units);
    const inCode = excerptOfCode(section, units);
    const useCode = section.code && inCode.worth > 1.1 * Math.max(0, inText.worth);
    const shown = useCode ? inCode : inText;
    if (shown.text) {
      const snippet = marked(useCode ? "code" : "span", "search-snippet", shown.text, units);
      if (answer.language !== site.language) snippet.lang = site.languages[answer.language];
      link.append(snippet);
    }
    return link;
  };

  /** A page's hits under one another. */
  const group = (label, links) => {
    const made = element("div", "search-group", ...links);
    made.setAttribute("role", "group");
    made.setAttribute("aria-label", label);
    return made;
  };

  /** Where to look on when no page is about it: a glossary term, the contents, the errors, PyTorch's documentation. */
  const elsewhere = (found, query, site) => {
    const { texts } = site;
    const link = (href, text, note) => {
      const made = element("a", "search-hit", element("span", "search-heading", element("span", "search-page", text)));
      made.href = href;
      if (note) made.append(element("span", "search-snippet", note));
      return made;
    };
    const links = [];
    if (found.term) {
      const { section, own, page } = found.term;
      links.push(link(`${site.root}${page.uri}#${encodeURIComponent(own.anchor)}`, `${texts.term} ${own.heading}`, excerpt(section, []).text));
    }
    for (const [uri, title] of site.guides) links.push(link(site.root + uri, title));
    if (site.outside) {
      links.push(link(site.outside.replace("{query}", new URLSearchParams({ q: query.slice(0, 200) }).toString().slice(2)), texts.outside));
      links[links.length - 1].rel = "external noreferrer";
    }
    const made = group(texts.elsewhere, links);
    made.classList.add("search-elsewhere");
    return made;
  };

  /** The groups of links to show for what was `found`. */
  const render = (found, query, site) => {
    const groups = found.answers.map((answer) =>
      group(answer.page.title, answer.hits.slice(0, SECTIONS_PER_PAGE).map((hit, index) => renderHit(answer, hit, index === 0, site))),
    );
    if (!found.covered) groups.push(elsewhere(found, query, site));
    return groups;
  };

  self.searchView = { render };
})();
