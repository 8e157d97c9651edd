// Which pages answer a query: how pages are ranked, and whether the best of them is about it. Nothing here knows of the
// page that shows the answers.
"use strict";
(() => {
  const { understand, withoutNumbers, hasHan } = searchWords;
  const MAX_PAGES = 8;
  const MAX_NEAR = 3; // when nothing is about the query
  const LEAST = 0.05; // of the best page's score
  const MAX_LOOKED_AT = 12;

  // ---- Ranking ----------------------------------------------------------------------------------------------------

  const K1 = 1.2;
  const B = 0.6;
  const STRONG = 3; // what a word in a title, in a heading or in a reader's question counts, against one in a text
  const rarity = (all, having) => Math.log(1 + (all - having + 0.5) / (having + 0.5));
  const saturated = (frequency, length, mean) => (frequency * (K1 + 1)) / (frequency + K1 * (1 - B + (B * length) / mean));

  /** How much of the query and one of a page's phrases are the same, 0 to 1, both weighed by how rare their words are. */
  const likeness = (page, units, rarities, all) => {
    let best = 0;
    for (const phrase of page.phrases) {
      let both = 0;
      for (const unit of units) if (unit.forms.some((form) => phrase.has(form.text))) both += rarities.get(unit.text);
      if (!both) continue;
      let own = 0;
      for (const term of phrase) own += rarities.get(term) ?? all;
      best = Math.max(best, (2 * both) / (own + rarities.total));
    }
    return best;
  };

  /** Subjects that a query names and no heading of the site. */
  const lacking = (data, text) => {
    const padded = ` ${(text.match(/[a-z0-9_.+-]+/g) || []).join(" ")} `;
    const names = (phrase) => (hasHan(phrase) ? text.includes(phrase) : padded.includes(` ${phrase} `));
    return data.subjects.filter((group) => group.some(names) && !group.some((phrase) => data.isSubject(phrase)));
  };

  /** A page's score: its best sections, each next one counting less, and what is the page's own. */
  const weigh = (answer) => {
    answer.hits.sort((a, b) => b.score - a.score);
    const best = answer.hits.slice(0, 4).reduce((sum, hit, index) => sum + hit.score * 0.25 ** index, 0);
    answer.score = answer.page.weight * (1 + 1.5 * answer.like * answer.like) * (best + answer.own.score);
  };

  /** Whether the best page is about what was asked, and has more than a few of its words. */
  const isCovered = (query, { told, like, lack, rare, knowsClass }) => {
    if (told >= 0.3) return true; // a subject may be part of a message
    if (lack && (like < 0.5 || query.units.length < 4)) return false;
    if (query.told && !knowsClass && like < 0.5) return false;
    if (query.told && query.shingles.length > 1 && told < 0.02 && like < 0.2) return false;
    return rare >= 0.25 || like >= 0.15;
  };

  /** The pages of one language that answer `typed`, best first: {page, score, hits: [{section, score}]}. */
  const rank = (data, typed) => {
    const query = understand(data, typed);
    const { units } = query;
    if (!units.length) return { query, answers: [] };
    const sectionScores = new Map();
    const pageScores = new Map();
    const rarities = new Map();
    rarities.total = 0;
    for (const unit of units) {
      const { sections, pages } = data.count(unit);
      const sectionRarity = unit.weight * rarity(data.sections.length, sections.size);
      const pageRarity = unit.weight * rarity(data.pages.length, pages.size);
      rarities.set(unit.text, pageRarity);
      if (!unit.optional) rarities.total += pageRarity;
      for (const [page, { title, asked, heading, inText }] of pages) {
        const sum = pageScores.get(page) || pageScores.set(page, { score: 0, rare: 0 }).get(page);
        const frequency = STRONG * (title + heading + asked) + inText;
        sum.score += pageRarity * saturated(frequency, page.length, data.meanPage);
        if (!unit.optional) sum.rare += pageRarity * Math.min(1, 0.4 + frequency);
        const extra = title + 0.5 * asked;
        for (const section of page.sections) {
          const own = sections.get(section);
          if (!own && !extra) continue;
          const often = (own ? STRONG * own.heading + own.inText : 0) + extra;
          const score = sectionRarity * saturated(often, section.length, data.meanSection);
          sectionScores.set(section, (sectionScores.get(section) || 0) + score);
        }
      }
    }
    const answers = [];
    for (const [page, own] of pageScores) {
      const hits = [];
      for (const section of page.sections) {
        const found = sectionScores.get(section);
        if (found) hits.push({ section, score: found });
      }
      if (!hits.length) hits.push({ section: page.sections[0], score: 0 });
      const like = likeness(page, units, rarities, Math.log(data.pages.length));
      answers.push({ page, own, hits, like, told: 0, score: 0 });
    }
    answers.forEach(weigh);
    if (query.shingles.length) {
      // Only the likeliest: to look for every part of a long message everywhere takes too long.
      answers.sort((a, b) => b.score - a.score);
      for (const answer of answers.slice(0, MAX_LOOKED_AT)) {
        for (const hit of answer.hits) {
          const { section } = hit;
          section.message = section.message || withoutNumbers(`${section.text}\n${section.code}`);
          const found = query.shingles.filter((shingle) => section.message.includes(shingle)).length / query.shingles.length;
          answer.told = Math.max(answer.told, found);
          hit.score *= 1 + 2 * found;
        }
        weigh(answer);
      }
    }
    answers.sort((a, b) => b.score - a.score);
    const best = answers[0];
    const lack = lacking(data, query.text).length > 0;
    const knowsClass = query.told && data.knows(query.told.name.toLowerCase().split(".").pop());
    const covered = Boolean(best) && isCovered(query, { ...best, lack, knowsClass, rare: best.own.rare / (rarities.total || 1) });
    return { query, answers, covered };
  };

  /** The section of a site's page that is the same as `section` of its other language. */
  const twinOf = (page, from, section) => {
    if (page === from) return section;
    const same = page.sections.find((own) => own.anchor === section.anchor && own.level === section.level);
    const equal = page.sections.length === from.sections.length;
    return same || page.sections[equal ? from.sections.indexOf(section) : 0];
  };

  /**
   * What several languages' texts answer, as pages of the site whose data is `own`: {answers, covered, query, term}.
   * `datas` are pairs of a language's name and its data.
   */
  const find = (own, datas, typed) => {
    const twins = new Map(own.pages.map((page) => [page.uri, page]));
    const best = new Map();
    let covered = false;
    let query = null;
    let top = 0;
    for (const [language, data] of datas) {
      const ranked = rank(data, typed);
      covered ||= ranked.covered;
      for (const { page: from, score, hits } of ranked.answers) {
        const page = twins.get(from.uri);
        const rival = best.get(from.uri);
        if (!page || (rival && rival.score >= score)) continue;
        const least = 0.5 * hits[0].score;
        const shown = hits.filter((hit) => hit.score >= least).map(({ section }) => ({ section, own: twinOf(page, from, section) }));
        best.set(from.uri, { page, score, hits: shown, language, units: ranked.query.units });
      }
      const first = ranked.answers.length ? ranked.answers[0].score : 0;
      if (!query || first > top) ({ query } = ranked);
      top = Math.max(top, first);
    }
    const sorted = [...best.values()].sort((a, b) => b.score - a.score);
    const isTerm = (answer) => answer.page.kind === "glossary" && answer.hits[0].own.level === 0;
    const term = sorted.find(isTerm);
    const close = sorted.filter((answer) => answer.score >= LEAST * top && (covered || !isTerm(answer)));
    const answers = close.slice(0, covered ? MAX_PAGES : MAX_NEAR);
    return { answers, covered, query, term: term && { ...term.hits[0], page: term.page } };
  };

  self.searchEngine = { ...searchIndex, find };
})();
