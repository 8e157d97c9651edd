// Search in a dialog (Ctrl+K, ⌘K or /) and on search.html. The engine and the text of the site's languages are loaded
// when a reader first reaches for them. Only what file:// and a strict Content-Security-Policy allow is used: classic
// scripts, and text nodes for everything a reader typed.
"use strict";
(() => {
  const MAX_PAGES = 8;
  const SECTIONS_PER_PAGE = 2;

  const element = (name, className, ...children) => {
    const made = document.createElement(name);
    if (className) made.className = className;
    made.append(...children);
    return made;
  };

  /** An element with `text`, in which the query's words are marked. */
  const marked = (name, className, text, units) => {
    const made = element(name, className);
    let at = 0;
    for (const [start, end] of searchEngine.marks(text, units)) {
      made.append(text.slice(at, start), element("mark", "", text.slice(start, end)));
      at = end;
    }
    made.append(text.slice(at));
    return made;
  };

  // ---- The site ---------------------------------------------------------------------------------------------------

  const form = document.querySelector("form[data-search]");
  if (!form) return;
  const site = JSON.parse(form.dataset.search);
  const { texts } = site;
  const here = document.documentElement.dataset.content_root || "./";
  const rootOf = (language) => (language === site.language ? here : `${here}../${language}/`);
  const hasHan = (language) => site.languages[language].toLowerCase().startsWith("zh");
  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);

  const loading = new Map();
  const load = (source) => {
    if (!loading.has(source)) {
      loading.set(source, new Promise((resolve, reject) => {
        const script = document.createElement("script");
        script.src = source;
        script.addEventListener("load", resolve);
        script.addEventListener("error", () => {
          loading.delete(source);
          script.remove();
          reject(new Error(source));
        });
        document.head.append(script);
      }));
    }
    return loading.get(source);
  };

  const ready = new Map();
  const loadLanguage = (language) =>
    Promise.all([load(here + site.engine), load(rootOf(language) + site.data)]).then(() => {
      if (!ready.has(language)) ready.set(language, searchEngine.prepare(self.searchData[language]));
    });
  const loadOwn = () => loadLanguage(site.language).catch(() => {});

  /** The languages whose text a query is looked for in: Chinese in Chinese, English in the page's and in English. */
  const languagesFor = (query) => {
    const others = Object.keys(site.languages).filter((language) => language !== site.language);
    if (searchEngine.hasHan(query)) {
      return hasHan(site.language) ? [site.language] : [...others.filter(hasHan), site.language].slice(0, 1);
    }
    return hasHan(site.language) ? [site.language, ...others.filter((language) => !hasHan(language))] : [site.language];
  };

  /** Answers from several languages' text as pages of this site, best first. */
  const answersTo = (query, languages) => {
    const own = ready.get(site.language);
    const twins = new Map(own.pages.map((page) => [page.uri, page]));
    const best = new Map();
    for (const language of languages) {
      const ranked = searchEngine.rank(ready.get(language), query);
      for (const answer of ranked.answers) {
        const twin = twins.get(answer.page.uri);
        const rival = best.get(answer.page.uri);
        if (!twin || (rival && rival.score >= answer.score)) continue;
        const least = 0.5 * answer.hits[0].score;
        const hits = answer.hits.slice(0, SECTIONS_PER_PAGE).filter((hit) => hit.score >= least);
        best.set(twin.uri, { page: twin, score: answer.score, hits, language, units: ranked.query.units, from: answer.page });
      }
    }
    const sorted = [...best.values()].sort((a, b) => b.score - a.score);
    return sorted.filter((answer) => answer.score >= 0.05 * sorted[0].score).slice(0, MAX_PAGES);
  };

  /** The section of this site's page that is the same as `section` of its other language. */
  const twinOf = (answer, section) => {
    if (answer.language === site.language) return section;
    const same = answer.page.sections.find((own) => own.anchor === section.anchor && own.level === section.level);
    if (same) return same;
    const equal = answer.page.sections.length === answer.from.sections.length;
    return equal ? answer.page.sections[answer.from.sections.indexOf(section)] : answer.page.sections[0];
  };

  const renderHit = (answer, { section }, isFirst) => {
    const own = twinOf(answer, section);
    const link = element("a", "search-hit");
    link.href = here + answer.page.uri + (own.anchor ? `#${encodeURIComponent(own.anchor)}` : "");
    const heading = element("span", "search-heading");
    if (isFirst) heading.append(marked("span", "search-page", answer.page.title, answer.units));
    if (own.level !== 1 || !isFirst) heading.append(marked("span", "search-section", own.heading, answer.units));
    link.append(heading);
    const inText = searchEngine.excerpt(section.text, answer.units);
    const inCode = searchEngine.excerptOfCode(section.code, answer.units);
    const useCode = section.code && inCode.worth > 1.1 * Math.max(0, inText.worth);
    const shown = useCode ? inCode : inText;
    if (shown.text) {
      const snippet = marked(useCode ? "code" : "span", "search-snippet", shown.text, answer.units);
      if (answer.language !== site.language) snippet.lang = site.languages[answer.language];
      link.append(snippet);
    }
    return link;
  };

  /** One search field with its list of answers: the dialog has one, search.html another. */
  class Search {
    constructor({ field, results, status, listbox }) {
      Object.assign(this, { field, results, status, listbox, turn: 0, active: -1, links: [] });
      field.addEventListener("focus", loadOwn);
      // An input method's unfinished letters are no query yet.
      field.addEventListener("input", (event) => event.isComposing || this.run());
      field.addEventListener("compositionend", () => this.run());
      field.addEventListener("paste", (event) => this.paste(event));
      if (listbox) field.addEventListener("keydown", (event) => this.key(event));
    }

    /** A field of one line would join the lines of a pasted traceback without a blank. */
    paste(event) {
      const text = event.clipboardData ? event.clipboardData.getData("text/plain") : "";
      if (!/[\r\n]/.test(text)) return;
      event.preventDefault();
      this.field.setRangeText(text.replace(/\s+/g, " ").trim(), this.field.selectionStart, this.field.selectionEnd, "end");
      this.run();
    }

    run() {
      this.turn += 1;
      const { turn } = this;
      const query = this.field.value.trim();
      if (!query) {
        this.show([], texts.hint);
        return;
      }
      if (ready.has(site.language)) {
        const languages = languagesFor(query);
        if (languages.every((language) => ready.has(language))) {
          this.answer(query, languages);
          return;
        }
      }
      if (!this.links.length) this.status.textContent = texts.loading;
      loadLanguage(site.language)
        .then(() => Promise.all(languagesFor(query).map(loadLanguage)))
        .then(
          () => turn === this.turn && this.answer(query, languagesFor(query)),
          () => turn === this.turn && this.show([], texts.failed),
        );
    }

    answer(query, languages) {
      const answers = answersTo(query, languages);
      const sections = answers.reduce((sum, answer) => sum + answer.hits.length, 0);
      const text = answers.length
        ? fill(texts.count, { count: sections, pages: answers.length })
        : fill(texts.none, { query: query.length > 60 ? `${query.slice(0, 60)}…` : query });
      this.show(answers, text);
    }

    show(answers, text) {
      this.links = [];
      const groups = answers.map((answer) => {
        const hits = answer.hits.map((hit, index) => renderHit(answer, hit, index === 0));
        this.links.push(...hits);
        const group = element("div", "search-group", ...hits);
        group.setAttribute("role", "group");
        group.setAttribute("aria-label", answer.page.title);
        return group;
      });
      if (this.listbox) {
        this.links.forEach((link, index) => {
          link.id = `search-option-${index}`;
          link.tabIndex = -1;
          link.setAttribute("role", "option");
          link.setAttribute("aria-selected", "false");
        });
        this.field.setAttribute("aria-expanded", String(this.links.length > 0));
      }
      this.results.replaceChildren(...groups);
      if (this.status.textContent !== text) this.status.textContent = text;
      this.choose(this.links.length ? 0 : -1);
      // Not at once: it would make the browser lay the page out a second time for each key.
      requestAnimationFrame(() => {
        this.results.scrollTop = 0;
      });
    }

    choose(index) {
      if (!this.listbox) return;
      const before = this.links[this.active];
      if (before) before.setAttribute("aria-selected", "false");
      this.active = index;
      const link = this.links[index];
      if (link) {
        link.setAttribute("aria-selected", "true");
        this.field.setAttribute("aria-activedescendant", link.id);
      } else {
        this.field.removeAttribute("aria-activedescendant");
      }
    }

    key(event) {
      if (event.isComposing || event.keyCode === 229) return;
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step && this.links.length) {
        event.preventDefault();
        this.choose((this.active + step + this.links.length) % this.links.length);
        this.links[this.active].scrollIntoView({ block: "nearest" });
      } else if (event.key === "Enter") {
        event.preventDefault();
        if (this.links[this.active]) this.links[this.active].click();
      }
    }
  }

  const makeField = (id) => {
    const field = element("input", "search-input");
    Object.assign(field, { id, type: "text", name: "q", placeholder: texts.placeholder, autocomplete: "off", spellcheck: false });
    field.setAttribute("autocapitalize", "off");
    field.setAttribute("aria-label", texts.label);
    field.setAttribute("enterkeyhint", "search");
    return field;
  };

  let dialog = null;
  const makeDialog = () => {
    const field = makeField("search-dialog-input");
    const results = element("div", "search-results");
    const status = element("p", "search-status", texts.hint);
    const close = element("button", "search-close", "✕");
    Object.assign(results, { id: "search-dialog-results" });
    results.setAttribute("role", "listbox");
    results.setAttribute("aria-label", texts.results);
    status.setAttribute("role", "status");
    status.setAttribute("aria-live", "polite");
    close.type = "button";
    close.setAttribute("aria-label", texts.close);
    for (const [name, value] of Object.entries({
      role: "combobox", "aria-expanded": "false", "aria-controls": results.id, "aria-autocomplete": "list", "aria-haspopup": "listbox",
    })) field.setAttribute(name, value);
    const keys = element("p", "search-keys", texts.keys);
    keys.setAttribute("aria-hidden", "true");
    const box = element("dialog", "search-dialog", element("div", "search-field", field, close), status, results, keys);
    box.setAttribute("role", "dialog");
    box.setAttribute("aria-modal", "true");
    box.setAttribute("aria-label", texts.label);
    document.body.append(box);
    const search = new Search({ field, results, status, listbox: true });
    close.addEventListener("click", () => box.close());
    // A click beside the box meets the dialog itself, whose content covers all of it.
    box.addEventListener("click", (event) => {
      if (event.target === box || event.target.closest("a")) box.close();
    });
    return { box, field, search };
  };

  const open = (query) => {
    dialog ||= makeDialog();
    if (!dialog.box.open) dialog.box.showModal();
    dialog.field.focus();
    if (query) {
      dialog.field.value = query;
      dialog.search.run();
    } else {
      dialog.field.select();
    }
  };

  const isEditable = (target) =>
    target.isContentEditable || (target.closest && target.closest("input:not([type=checkbox]), textarea, select") !== null);

  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.altKey || event.shiftKey && event.key !== "/") return;
    const control = event.ctrlKey || event.metaKey;
    if (control ? event.key.toLowerCase() === "k" : event.key === "/" && !isEditable(event.target)) {
      event.preventDefault();
      open("");
    }
  });

  for (const button of document.querySelectorAll(".search-open")) {
    button.addEventListener("click", () => open(""));
    button.addEventListener("pointerenter", loadOwn);
    button.addEventListener("focus", loadOwn);
  }

  // The sidebar's field: a pointer opens the dialog, and so do typed letters; Enter alone leads to search.html.
  const sidebar = form.querySelector("input");
  const takeOver = () => {
    const query = sidebar.value;
    sidebar.value = "";
    open(query);
  };
  sidebar.addEventListener("focus", loadOwn);
  sidebar.addEventListener("click", takeOver);
  sidebar.addEventListener("input", (event) => event.isComposing || !sidebar.value || takeOver());
  sidebar.addEventListener("compositionend", takeOver);
  form.addEventListener("submit", (event) => {
    if (sidebar.value.trim()) return;
    event.preventDefault();
    takeOver();
  });

  // search.html
  const page = document.getElementById("search-form");
  if (page) {
    const field = makeField("search-page-input");
    const results = document.getElementById("search-results");
    const status = document.getElementById("search-status");
    const search = new Search({ field, results, status, listbox: false });
    field.value = new URLSearchParams(location.search).get("q") || "";
    page.append(field);
    page.hidden = false;
    const remember = () => {
      const query = field.value.trim();
      const address = query ? `?${new URLSearchParams({ q: query })}` : "";
      for (const link of document.querySelectorAll("a[data-language]")) link.search = address;
      // From file:// a page may not change its own address.
      if (location.protocol !== "file:") history.replaceState(null, "", address || location.pathname);
    };
    field.addEventListener("input", (event) => event.isComposing || remember());
    field.addEventListener("compositionend", remember);
    page.addEventListener("submit", (event) => event.preventDefault());
    remember();
    search.run();
    field.focus();
  }
})();
