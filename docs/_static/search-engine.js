// How a query is understood and answered: a ranked scan of the text that search-data.js holds. There is no index; at
// this size of site a scan is as good and as fast. Nothing here knows of the page that shows the answers.
"use strict";
(() => {
  const MAX_ANSWERS = 16;
  const MAX_UNITS = 28;
  const HAN = /[\u3400-\u4dbf\u4e00-\u9fff]/;
  const HAN_RUNS = /[\u3400-\u4dbf\u4e00-\u9fff]+/g;
  // Words that say that something is asked, and not what.
  const HAN_QUESTIONS = new RegExp(
    ["为什么", "是什么", "有什么用", "什么时候", "什么意思", "有什么", "干什么", "做什么", "什么", "怎么办", "怎么", "怎样", "如何",
      "哪些", "哪个", "哪里", "多少", "能不能", "可不可以", "可以", "请问", "一下", "一个", "每次", "都要", "干嘛", "的", "了", "吗", "呢", "和", "与", "是",
      "在", "把", "用", "被", "我", "不同", "区别", "会"].join("|"),
    "g",
  );
  const STOP_WORDS = new Set(
    ("a an and are as at be between by can could do does for from get had has have how i if in into is it its me my of on " +
      "or our should so some than that the their them then there this to too two use using was we were what when where " +
      "which why will with without would you your vs about am been own").split(" "),
  );
  const WORD = /[a-z0-9_]+(?:\.[a-z0-9_]+)*/g;
  const ERROR = /[\w.]*(?:Error|Exception|Warning|Interrupt)\b:?/g;

  // ---- Text -------------------------------------------------------------------------------------------------------

  const isWordChar = (code) => (code >= 97 && code <= 122) || (code >= 48 && code <= 57);

  /** How often a word stands in a lower-case text: a mere beginning of a longer word counts 0.4, a plural fully. */
  const countWord = (text, word) => {
    let count = 0;
    let at = text.indexOf(word);
    const bound = isWordChar(word.charCodeAt(0));
    for (let tries = 0; at >= 0 && tries < 60; at = text.indexOf(word, at + word.length)) {
      tries += 1;
      if (bound && at > 0 && isWordChar(text.charCodeAt(at - 1))) continue;
      const end = at + word.length;
      let whole = end >= text.length || !isWordChar(text.charCodeAt(end));
      if (!whole && text[end] === "s") whole = end + 1 >= text.length || !isWordChar(text.charCodeAt(end + 1));
      if (whole) count += 1;
      else if (word.length > 2) count += 0.4;
    }
    return count;
  };

  const countPlain = (text, phrase) => {
    let count = 0;
    for (let at = text.indexOf(phrase); at >= 0 && count < 24; at = text.indexOf(phrase, at + phrase.length)) count += 1;
    return count;
  };

  const count = (text, form) => (form.plain ? countPlain : countWord)(text, form.text);

  const hasWord = (text, word) => {
    const bound = isWordChar(word.charCodeAt(0));
    let at = text.indexOf(word);
    while (bound && at > 0 && isWordChar(text.charCodeAt(at - 1))) at = text.indexOf(word, at + 1);
    return at >= 0;
  };

  /** Only what carries meaning, to compare a query with a heading. */
  const essence = (text) => text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, " ").trim();

  /** The words of a message without its numbers, each between blanks. */
  const withoutNumbers = (text) => ` ${(text.toLowerCase().match(/[a-z_]{2,}/g) || []).join(" ")} `;

  const singular = (word) => {
    if (word.length < 4 || !word.endsWith("s") || /(ss|us|is)$/.test(word)) return word;
    return word.endsWith("ies") ? `${word.slice(0, -3)}y` : word.slice(0, -1);
  };

  /** What related English words begin with: "normalizing" and "normalization" with "normaliz". */
  const stem = (word) => {
    const match = /^([a-z]{4,}?)(?:ization|isation|ations?|ating|ions?|ings?|ed|er|e)$/.exec(word);
    return match ? match[1] : "";
  };

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

  // ---- The data of one language ---------------------------------------------------------------------------------

  const prepare = (raw) => {
    const pages = raw.pages.map(([uri, title]) => ({ uri, title, sections: [], length: 0, weight: 1 }));
    const sections = raw.sections.map(([page, anchor, heading, level, text, code]) => {
      const section = {
        ...{ page: pages[page], anchor, heading, level, text, code },
        ...{ lowHeading: heading.toLowerCase(), lowText: text.toLowerCase(), lowCode: code.toLowerCase() },
        ...{ essence: heading.split(" · ").map(essence), length: text.length + 0.4 * code.length + 20, message: "" },
      };
      section.page.sections.push(section);
      section.page.length += section.length;
      return section;
    });
    for (const page of pages) {
      page.lowTitle = page.title.toLowerCase();
      // A page that treats a thing answers better than one that lists it among others.
      if (page.sections.some((section) => section.level === 0)) page.weight = 0.5;
      else if (/(^|\/)index\.html$/.test(page.uri)) page.weight = 0.7;
      page.lowHeadings = page.sections.map((section) => section.lowHeading).join("\n");
      page.low = page.sections.map((section) => `${section.lowHeading}\n${section.lowText}\n${section.lowCode}`).join("\n");
    }
    const mean = (items) => items.reduce((sum, item) => sum + item.length, 0) / Math.max(1, items.length);
    return {
      ...{ pages, sections, synonyms: raw.synonyms, words: null, counted: new Map() },
      ...{ meanSection: mean(sections), meanPage: mean(pages) },
    };
  };

  /** Every Latin word of a language's text with its number of sections; made when a first typing error needs it. */
  const vocabulary = (data) => {
    if (!data.words) {
      data.words = new Map();
      for (const section of data.sections) {
        const words = `${section.lowHeading} ${section.lowText} ${section.lowCode}`.match(/[a-z][a-z0-9]{2,}/g) || [];
        for (const word of new Set(words)) data.words.set(word, (data.words.get(word) || 0) + 1);
      }
    }
    return data.words;
  };

  const nearest = (data, word) => {
    const limit = word.length >= 8 ? 2 : 1;
    let best = null;
    for (const [known, often] of vocabulary(data)) {
      const far = distance(word, known, limit);
      if (far > limit) continue;
      const cost = far + (known[0] === word[0] ? 0 : 0.5) - Math.min(often, 99) / 1000;
      if (!best || cost < best.cost) best = { known, cost };
    }
    return best ? best.known : "";
  };

  // ---- The query --------------------------------------------------------------------------------------------------

  const han = (text, weight, optional = false) => ({ forms: [{ text, plain: true, factor: 1 }], text, weight, optional });
  const latin = (text, weight, optional = false) => {
    const forms = [{ text, plain: false, factor: 1 }];
    if (stem(text)) forms.push({ text: stem(text), plain: false, factor: 0.8 });
    return { forms, text, weight, optional, latin: true };
  };

  /** A pasted traceback's last message; anything else as it is. */
  const message = (query) => {
    let start = -1;
    for (const match of query.matchAll(ERROR)) start = match.index;
    return start > 0 && withoutNumbers(query.slice(start)).split(" ").length > 4 ? query.slice(start) : query;
  };

  const hanUnits = (text) => {
    const asked = text.replace(HAN_QUESTIONS, " ");
    const parts = (/[\p{L}\p{N}]/u.test(asked) ? asked : text).match(HAN_RUNS) || [];
    const units = [];
    for (const part of parts) {
      // A single character says little, unless it is all there is.
      const alone = !/[\p{L}\p{N}]/u.test(asked.replace(part, ""));
      if (part.length === 1) units.push(han(part, alone ? 1 : 0.1, !alone));
      for (let at = 0; at + 2 <= part.length; at += 1) units.push(han(part.slice(at, at + 2), 1));
      if (part.length > 2 && part.length <= 8) units.push(han(part, 1, true));
    }
    return units;
  };

  const latinUnits = (data, text) => {
    const units = [];
    const words = text.match(WORD) || [];
    const asked = words.filter((word) => !STOP_WORDS.has(word) && !/^[\d.x]+$/.test(word));
    const used = asked.length ? words.filter((word) => asked.includes(word)) : words;
    const long = used.length > 6;
    const known = (word) => data.pages.some((page) => hasWord(page.low, word));
    const plain = (word, weight, optional) => {
      let text = singular(word);
      if (!long && text.length >= 4 && /^[a-z]/.test(text) && !known(text) && !(stem(text) && known(stem(text)))) {
        text = nearest(data, text) || text;
      }
      units.push(latin(text, weight, optional));
    };
    for (const word of used) {
      const parts = word.split(/[._]+/).filter(Boolean);
      if (parts.length < 2) {
        plain(word.replace(/_/g, ""), 1, false);
      } else {
        const whole = known(word);
        const name = word.split(".").pop();
        const nameCounts = name !== word && name.length > 1 && known(name);
        if (whole) units.push(latin(word, 1.5, nameCounts));
        if (nameCounts) units.push(latin(name, whole ? 0.8 : 1.5));
        else if (!whole) plain(name.replace(/_/g, ""), 1.5, false);
        for (const part of parts) if (part !== name && part.length > 1) units.push(latin(part, 0.3, true));
      }
    }
    // "data loader" is also DataLoader.
    for (let at = 0; at + 1 < used.length; at += 1) {
      const joined = `${singular(used[at])}${singular(used[at + 1])}`;
      if (/^[a-z]{6,}$/.test(joined) && known(joined)) units.push({ ...latin(joined, 0.8, true), joins: true });
    }
    return units;
  };

  const addForms = (unit, forms) => {
    for (const text of forms) {
      if (!unit.forms.some((form) => form.text === text)) unit.forms.push({ text, plain: HAN.test(text), factor: 0.7 });
    }
  };

  /** Let what means the same satisfy every unit of a phrase. Known Chinese words also tell where a word ends. */
  const addSynonyms = (data, units, text) => {
    const padded = ` ${(text.match(/[\p{L}\p{N}_.]+/gu) || []).map(singular).join(" ")} `;
    for (const group of data.synonyms) {
      for (const phrase of group) {
        const others = group.filter((other) => other !== phrase);
        if (HAN.test(phrase)) {
          if (!text.includes(phrase)) continue;
          for (const unit of units) {
            if (unit.latin) continue;
            if (phrase.includes(unit.text)) {
              addForms(unit, others);
            } else if (unit.text.length === 2 && (phrase.endsWith(unit.text[0]) || phrase.startsWith(unit.text[1])) &&
                !data.synonyms.some((other) => other.includes(unit.text))) {
              unit.weight *= 0.5;
              unit.optional = true;
            }
          }
        } else {
          const words = phrase.split(/[^a-z0-9_.]+/).map(singular);
          if (!padded.includes(` ${words.join(" ")} `)) continue;
          for (const unit of units) if (words.includes(unit.text)) addForms(unit, others);
        }
      }
    }
  };

  const understand = (data, typed) => {
    const query = message(typed);
    const text = query.normalize("NFKC").toLowerCase();
    const seen = new Set();
    const units = [...hanUnits(text), ...latinUnits(data, text)]
      .filter((unit) => !seen.has(unit.text) && seen.add(unit.text))
      .slice(0, MAX_UNITS);
    addSynonyms(data, units, text);
    const words = withoutNumbers(query).trim().split(" ");
    const shingles = words.length < 4 ? [] : words.slice(2).map((_, at) => ` ${words.slice(at, at + 3).join(" ")} `);
    // Code is also looked for as it was typed: ".to(device)", "dim=1".
    const typedCode = text.trim().length <= 40 && /[([=@.{]/.test(text) ? (text.match(/[!-~]*[([=@.{][!-~]*/g) || []) : [];
    return { units, shingles, essence: essence(text.replace(HAN_QUESTIONS, " ")), typedCode: typedCode.filter((c) => c.length > 2) };
  };

  // ---- Ranking ----------------------------------------------------------------------------------------------------

  const K1 = 1.2;
  const B = 0.6;
  const rarity = (all, having) => Math.log(1 + (all - having + 0.5) / (having + 0.5));
  const saturated = (frequency, length, mean) => (frequency * (K1 + 1)) / (frequency + K1 * (1 - B + (B * length) / mean));

  const headingBoost = (query, headings) => {
    let boost = 1;
    for (const heading of headings) {
      if (heading === query) boost = Math.max(boost, 1.9);
      else if (query.length > 1 && heading.includes(query)) boost = Math.max(boost, 1.2 + (0.5 * query.length) / heading.length);
      else if (heading.length > 1 && query.includes(heading)) boost = Math.max(boost, 1 + (0.4 * heading.length) / query.length);
    }
    return boost;
  };

  /** Where and how often a unit stands, by section and by page; remembered, because the next key keeps most units. */
  const countUnit = (data, unit) => {
    const key = unit.forms.map((form) => form.text).join("\n");
    if (data.counted.has(key)) return data.counted.get(key);
    const inSections = new Map();
    const inPages = new Map();
    const most = (forms, of) => forms.reduce((max, form) => Math.max(max, form.factor * of(form)), 0);
    for (const page of data.pages) {
      const forms = unit.forms.filter((form) => page.low.includes(form.text));
      if (!forms.length) continue;
      const title = most(forms, (form) => count(page.lowTitle, form));
      let body = 0;
      for (const section of page.sections) {
        const inText = (form) => count(section.lowText, form) + 0.4 * Math.min(4, count(section.lowCode, form));
        const own = most(forms, (form) => 4 * count(section.lowHeading, form) + inText(form));
        body += most(forms, inText);
        if (own || title) inSections.set(section, { frequency: own + title, own: own > 0 });
      }
      const frequency = 5 * title + 3 * most(forms, (form) => count(page.lowHeadings, form)) + body;
      if (frequency) inPages.set(page, frequency);
    }
    if (data.counted.size > 400) data.counted.clear();
    data.counted.set(key, { inSections, inPages });
    return { inSections, inPages };
  };

  /** The pages of one language that answer `typed`, best first: {page, score, hits: [{section, score}]}. */
  const rank = (data, typed) => {
    const query = understand(data, typed);
    const { units } = query;
    if (!units.length) return { query, answers: [] };
    const wanted = units.reduce((sum, unit) => sum + (unit.optional ? 0 : unit.weight), 0) || 1;
    const sectionScores = new Map(data.sections.map((section) => [section, { score: 0, share: 0 }]));
    const pageScores = new Map(data.pages.map((page) => [page, { score: 0, share: 0 }]));
    for (const unit of units) {
      const { inSections, inPages } = countUnit(data, unit);
      const own = [...inSections.values()].filter((item) => item.own).length;
      const sectionRarity = unit.weight * rarity(data.sections.length, own);
      for (const [section, item] of inSections) {
        const noted = sectionScores.get(section);
        noted.score += sectionRarity * saturated(item.frequency, section.length, data.meanSection);
        if (!unit.optional) noted.share += unit.weight * Math.min(1, item.own ? 0.4 + item.frequency : 0.5);
      }
      const pageRarity = unit.weight * rarity(data.pages.length, inPages.size);
      for (const [page, frequency] of inPages) {
        const noted = pageScores.get(page);
        noted.score += pageRarity * saturated(frequency, page.length, data.meanPage);
        if (!unit.optional) noted.share += unit.weight * Math.min(1, 0.4 + frequency);
      }
    }
    const answers = [];
    for (const page of data.pages) {
      const own = pageScores.get(page);
      const hits = [];
      for (const section of page.sections) {
        const { score, share } = sectionScores.get(section);
        if (!score) continue;
        let total = score * (share / wanted) * headingBoost(query.essence, section.essence);
        if (query.shingles.length) {
          section.message = section.message || withoutNumbers(`${section.text}\n${section.code}`);
          const found = query.shingles.filter((shingle) => section.message.includes(shingle)).length;
          total *= 1 + 2 * (found / query.shingles.length);
        }
        for (const code of query.typedCode) {
          if (section.lowCode.includes(code) || section.lowText.includes(code)) total *= 1.25;
        }
        if (total) hits.push({ section, score: total });
      }
      if (!hits.length) continue;
      hits.sort((a, b) => b.score - a.score);
      const title = own.score * (own.share / wanted) * headingBoost(query.essence, [essence(page.title)]);
      const score = page.weight * (hits.slice(0, 4).reduce((sum, hit, index) => sum + hit.score * 0.25 ** index, 0) + title);
      answers.push({ page, score, hits });
    }
    answers.sort((a, b) => b.score - a.score);
    return { query, answers: answers.slice(0, MAX_ANSWERS) };
  };
  // ---- What is shown ----------------------------------------------------------------------------------------------

  /** Where the units of a query stand in a text: [start, end, unit], in order and apart. */
  const marks = (text, units) => {
    const low = text.toLowerCase();
    const found = [];
    if (low.length !== text.length) return found;
    for (const unit of units) {
      if (unit.weight < 0.5) continue;
      for (const form of unit.forms) {
        const bound = !form.plain && isWordChar(form.text.charCodeAt(0));
        let at = low.indexOf(form.text);
        for (let times = 0; at >= 0 && times < 40; at = low.indexOf(form.text, at + form.text.length), times += 1) {
          if (bound && at > 0 && isWordChar(low.charCodeAt(at - 1))) continue;
          if (bound && form.text.length < 3 && isWordChar(low.charCodeAt(at + form.text.length))) continue;
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
  const excerptOfCode = (code, units) => {
    const lines = code.split("\n").filter((line) => line.trim());
    let best = { worth: -1, text: "" };
    lines.forEach((line, index) => {
      const { worth } = densest(marks(line, units), Infinity);
      if (worth > best.worth) best = { worth, text: lines.slice(index, index + 2).join("\n").slice(0, 300) };
    });
    return best;
  };

  /** The part of a text in which most of the query stands. */
  const excerpt = (text, units) => {
    const wide = HAN.test(text.slice(0, 200)) ? 72 : 150;
    const best = densest(marks(text, units), wide);
    let from = Math.max(0, best.at - Math.round(wide / 4));
    if (from > 0) {
      // Begin at a sentence, or at least at a word.
      const lead = text.slice(from, best.at);
      const begin = /[。！？；]|[.!?] /.exec(lead) || /[ ，、]/.exec(lead);
      if (begin) from += begin.index + begin[0].length;
    }
    const to = Math.min(text.length, from + wide + Math.round(wide / 3));
    return { text: `${from > 0 ? "… " : ""}${text.slice(from, to)}${to < text.length ? " …" : ""}`, worth: best.worth };
  };

  self.searchEngine = { prepare, rank, marks, excerpt, excerptOfCode, hasHan: (text) => HAN.test(text) };
})();
