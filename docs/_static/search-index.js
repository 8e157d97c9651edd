// The text that search-data.js holds as an index in memory: where each word stands, and how often. Nothing here ranks.
"use strict";
(() => {
  const { terms, stopWords, hasHan, names, hanRuns } = searchWords;
  // A page that treats a thing answers better than one that lists it among others, or is about this site.
  const LESS = 0.6;

  const [HEADING, TEXT, CODE] = [0, 1, 2];

  /** Where each word stands: by word pairs of a place and how often it is there, in heading, text and code. Place by place. */
  class Index {
    constructor() {
      this.places = new Map();
      this.sorted = null;
    }

    add(word, place, field) {
      const found = this.places.get(word);
      if (!found) this.places.set(word, [[place, [0, 0, 0]]]);
      else if (found[found.length - 1][0] !== place) found.push([place, [0, 0, 0]]);
      const [, counts] = (found || this.places.get(word)).at(-1);
      counts[field] += 1;
    }

    addText(low, place, field) {
      for (const token of low.match(names) || []) {
        if (!/[._]/.test(token)) {
          this.add(token, place, field);
          continue;
        }
        // torch.nn.Conv2d is looked for as a whole, as nn.Conv2d, and by its parts.
        const dotted = token.split(".").map((_, from, parts) => parts.slice(from).join(".").replace(/^_+|_+$/g, ""));
        for (const name of new Set([...dotted, ...token.split(/[._]+/)])) if (name) this.add(name, place, field);
      }
      for (const run of low.match(hanRuns) || []) {
        for (let at = 0; at + 2 <= run.length; at += 1) this.add(run.slice(at, at + 2), place, field);
      }
    }

    /** The words that begin with `start`. */
    beginningWith(start) {
      this.sorted ||= [...this.places.keys()].filter((word) => /^[a-z0-9]/.test(word)).sort();
      let low = 0;
      let high = this.sorted.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (this.sorted[middle] < start) low = middle + 1;
        else high = middle;
      }
      const from = low;
      while (low < this.sorted.length && this.sorted[low].startsWith(start)) low += 1;
      return this.sorted.slice(from, low);
    }
  }

  /** Damerau–Levenshtein distance, given up above `limit`. */
  const distance = (a, b, limit) => {
    if (Math.abs(a.length - b.length) > limit) return limit + 1;
    let before = [];
    let last = Array.from({ length: b.length + 1 }, (_, index) => index);
    for (let i = 1; i <= a.length; i += 1) {
      const row = [i];
      let least = i;
      for (let j = 1; j <= b.length; j += 1) {
        const cost = a[i - 1] === b[j - 1] ? 0 : 1;
        row[j] = Math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + cost);
        if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) row[j] = Math.min(row[j], before[j - 2] + 1);
        least = Math.min(least, row[j]);
      }
      if (least > limit) return limit + 1;
      before = last;
      last = row;
    }
    return last[b.length];
  };

  /** The text of one language, made ready to be searched. */
  class Data {
    constructor(raw) {
      this.subjects = raw.subjects;
      this.words = new Set([...(raw.words || "").split(" "), ...stopWords]);
      this.pinyin = new Map(Object.entries(raw.pinyin || {}));
      const pairs = [...(raw.traditional || "")];
      this.simplified = new Map(pairs.filter((_, at) => at % 2 === 0).map((one, at) => [one, pairs[2 * at + 1]]));
      this.index = new Index();
      this.counted = new Map();
      this.near = new Map();
      this.pages = raw.pages.map(([uri, title, kind, chapter, asked]) => ({
        ...{ uri, title, kind, chapter, sections: [], length: 0, weight: kind === "lesson" ? 1 : LESS },
        phrases: [title, ...asked].map((text) => terms(text, this.words)).filter((found) => found.size),
      }));
      const columns = raw.sections;
      this.sections = columns.page.map((number, at) => {
        const page = this.pages[number];
        const [anchor, heading, level] = [columns.anchor[at], columns.heading[at], columns.level[at]];
        const [text, code] = [columns.text[at], columns.code[at]];
        const length = text.length + 0.4 * code.length + 20;
        const section = { ...this.place(page, heading, text, code), anchor, heading, level, text, code, length, message: "" };
        page.sections.push(section);
        page.length += length;
        return section;
      });
      // A page's title and what is asked of it count for the page.
      this.pages.forEach((page, at) => {
        page.named = this.place(page, "", page.title, "");
        page.asked = this.place(page, "", raw.pages[at][4].join("\n"), "");
      });
      this.everywhere = [...this.sections, ...this.pages.flatMap((page) => [page.named, page.asked])];
      for (const place of this.everywhere) {
        [place.lowHeading, place.lowText, place.lowCode].forEach((low, field) => this.index.addText(low, place, field));
      }
      const mean = (items) => items.reduce((sum, item) => sum + item.length, 0) / Math.max(1, items.length);
      this.meanSection = mean(this.sections);
      this.meanPage = mean(this.pages);
    }

    /** Where words can stand: a section, a page's title, or what is asked of a page. */
    place(page, heading, text, code) {
      return { page, lowHeading: heading.toLowerCase(), lowText: text.toLowerCase(), lowCode: code.toLowerCase() };
    }

    /** The shortest term whose pinyin begins with `sound`. */
    soundsLike(sound) {
      const found = [...this.pinyin.keys()].filter((other) => other.startsWith(sound));
      return found.length ? this.pinyin.get(found.reduce((short, other) => (other.length < short.length ? other : short))) : "";
    }

    /** Whether a page other than the glossary has `phrase` in a heading. */
    isSubject(phrase) {
      this.headings ||= this.pages
        .filter((page) => page.kind === "lesson" || page.kind === "exercise")
        .flatMap((page) => page.sections.map((section) => section.lowHeading))
        .map((text) => ` ${text.replace(/[^a-z0-9_.+\u4e00-\u9fff-]+/g, " ")} `)
        .join("");
      return this.headings.includes(hasHan(phrase) ? phrase : ` ${phrase} `);
    }

    /** Whether some word of the text begins with `word`. */
    knows(word) {
      return this.index.places.has(word) || this.index.beginningWith(word).length > 0;
    }

    /** The known word that somebody meant; of a word that is still typed, how a known one may begin. */
    nearest(word, isTyped) {
      const key = `${word} ${isTyped}`;
      if (this.near.has(key)) return this.near.get(key);
      const limit = word.length >= 8 ? 2 : 1;
      let best = null;
      this.index.beginningWith("a");
      for (const known of word.length > 3 ? this.index.sorted : []) {
        if (known.length < 3 || known[0] !== word[0] && known[1] !== word[1]) continue;
        let far = distance(word, known, limit);
        if (far > limit && isTyped && word.length > 4 && distance(word, known.slice(0, word.length), 1) < 2) far = limit;
        if (far > limit) continue;
        const cost = far + (known[0] === word[0] ? 0 : 0.5) - Math.min(this.index.places.get(known).length, 99) / 1000;
        if (!best || cost < best.cost) best = { known, cost };
      }
      this.near.set(key, best ? best.known : "");
      return this.near.get(key);
    }

    /** The places of a word, or of a phrase, with how often it stands in heading, text and code. */
    placesOf(form) {
      const { places } = this.index;
      const found = new Map();
      const add = (word) => {
        for (const [place, counts] of places.get(word) || []) {
          const sum = found.get(place) || found.set(place, [0, 0, 0]).get(place);
          counts.forEach((count, field) => {
            sum[field] += count;
          });
        }
      };
      if (!hasHan(form)) {
        for (const word of this.index.beginningWith(form)) {
          // Of a short word that is known, such as "x", its beginning another says nothing.
          if (word === form || word === `${form}s` || form.length > 2 || !places.has(form)) add(word);
        }
        return found;
      }
      if (form.length === 2) {
        add(form);
        return found;
      }
      // Only pairs of Chinese characters are in the index: what has the rarest pair of a longer word is looked at.
      const pairs = [...form].slice(1).map((_, at) => places.get(form.slice(at, at + 2)) || []);
      const rarest = pairs.reduce((least, here) => (here.length < least.length ? here : least), pairs[0]);
      const count = (text) => text.split(form).length - 1;
      for (const place of rarest ? rarest.map(([found]) => found) : this.everywhere) {
        const counts = [count(place.lowHeading), count(place.lowText), count(place.lowCode)];
        if (counts.some(Boolean)) found.set(place, counts);
      }
      return found;
    }

    /** Where and how often a unit stands, by section and by page; remembered, because the next key keeps most units. */
    count(unit) {
      const key = unit.forms.map((form) => form.text).join("\n");
      if (this.counted.has(key)) return this.counted.get(key);
      const sections = new Map();
      const pages = new Map();
      const most = (of, name, often) => {
        of[name] = Math.max(of[name], often);
      };
      const noted = (in_, of) => in_.get(of) || in_.set(of, { title: 0, asked: 0, heading: 0, inText: 0 }).get(of);
      for (const { text, factor } of unit.forms) {
        for (const [place, counts] of this.placesOf(text)) {
          const { page } = place;
          if (place === page.named) most(noted(pages, page), "title", factor * counts[TEXT]);
          else if (place === page.asked) most(noted(pages, page), "asked", Math.min(2, factor * counts[TEXT]));
          else {
            most(noted(sections, place), "heading", factor * counts[HEADING]);
            most(noted(sections, place), "inText", factor * (counts[TEXT] + 0.4 * counts[CODE]));
          }
        }
      }
      for (const [{ page }, { heading, inText }] of sections) {
        const sum = noted(pages, page);
        sum.heading += heading;
        sum.inText += inText;
      }
      if (this.counted.size > 600) this.counted.clear();
      const found = { sections, pages };
      this.counted.set(key, found);
      return found;
    }
  }

  self.searchIndex = { prepare: (raw) => new Data(raw) };
})();
