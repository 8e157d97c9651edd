// Search in a dialog and on search.html: the field, its list, and what the browser remembers. Loaded when a reader first
// reaches for it; the engine and the text of the site's languages follow. Text nodes are used for everything a reader typed.
"use strict";
(() => {
  let site = null;
  let texts = null;
  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const shortened = (text) => (text.length > 60 ? `${text.slice(0, 60)}…` : text);
  const isHan = (language) => site.languages[language].toLowerCase().startsWith("zh");

  const element = (name, className, ...children) => {
    const made = document.createElement(name);
    if (className) made.className = className;
    made.append(...children);
    return made;
  };

  // ---- What stays in the browser, and nowhere else ----------------------------------------------------------------

  const RECENT = "recent searches";
  const MOST_RECENT = 5;

  const stored = (name) => {
    try {
      return JSON.parse(localStorage.getItem(name));
    } catch {
      return null; // there is no storage, or somebody else wrote there
    }
  };
  const store = (name, value) => {
    try {
      if (value === null) localStorage.removeItem(name);
      else localStorage.setItem(name, JSON.stringify(value));
    } catch {
      // Without storage nothing is remembered.
    }
  };
  const recent = () => {
    const found = stored(RECENT);
    return Array.isArray(found) ? found.filter((text) => typeof text === "string").slice(0, MOST_RECENT) : [];
  };
  const remember = (query) => {
    const text = query.slice(0, 300);
    if (text) store(RECENT, [text, ...recent().filter((other) => other !== text)].slice(0, MOST_RECENT));
  };

  // ---- The engine and the data ------------------------------------------------------------------------------------

  const rootOf = (language) => (language === site.language ? site.root : `${site.root}../${language}/`);
  const ready = new Map();
  const loadLanguage = (language) =>
    Promise.all([site.loadAll(site.scripts), site.load(rootOf(language) + site.data)]).then(() => {
      if (!ready.has(language)) ready.set(language, searchEngine.prepare(self.searchData[language]));
    });
  const loadOwn = () => loadLanguage(site.language).catch(() => {});

  /** The languages whose text a query is looked for in: Chinese in Chinese, English in the page's and in English. */
  const languagesFor = (query) => {
    const others = Object.keys(site.languages).filter((language) => language !== site.language);
    const told = searchWords.message(query); // a folder in a traceback may have any name
    if (searchWords.hasHan(told ? told.text : query)) {
      return isHan(site.language) ? [site.language] : [...others.filter(isHan), site.language].slice(0, 1);
    }
    return isHan(site.language) ? [site.language, ...others.filter((language) => !isHan(language))] : [site.language];
  };

  // ---- One field with its list ------------------------------------------------------------------------------------

  /** One search field with its list of answers: the dialog has one, search.html another. */
  class Search {
    constructor({ field, results, status, understood, listbox }) {
      Object.assign(this, { field, results, status, understood, listbox, turn: 0, active: -1, links: [] });
      field.addEventListener("focus", loadOwn); // again, if the line was down
      // An input method's unfinished letters are no query yet.
      field.addEventListener("input", (event) => event.isComposing || this.run());
      field.addEventListener("compositionend", () => this.run());
      field.addEventListener("paste", (event) => this.paste(event));
      for (const kind of ["click", "auxclick"]) results.addEventListener(kind, (event) => this.leave(event.target.closest("a")));
      if (listbox) field.addEventListener("keydown", (event) => this.key(event));
    }

    /** A field of one line would join the lines of a pasted traceback without a blank. */
    paste(event) {
      const text = event.clipboardData ? event.clipboardData.getData("text/plain") : "";
      if (!/[\r\n]/.test(text)) return;
      event.preventDefault();
      this.field.setRangeText(text.replace(/\s+/g, " ").trim(), this.field.selectionStart, this.field.selectionEnd, "end");
      this.field.dispatchEvent(new InputEvent("input"));
    }

    /** A reader follows `link`: its page is to mark the words, and the query was a good one. */
    leave(link) {
      if (!link) return;
      remember(this.meant || this.field.value.trim());
      if (link.wordsToMark) store(site.marked, { page: link.pathname, words: link.wordsToMark(), time: Date.now() });
      setTimeout(site.markWords); // for a hit on the page that is open
    }

    run() {
      this.turn += 1;
      const { turn } = this;
      const query = this.field.value.trim();
      if (!query) {
        this.showRecent();
        return;
      }
      if (ready.has(site.language)) {
        const languages = languagesFor(query);
        if (languages.every((language) => ready.has(language))) {
          this.answer(query, languages);
          return;
        }
      }
      // Earlier answers stay till others come; earlier searches don't.
      if (!this.results.dataset.covered) this.show([], texts.loading);
      loadLanguage(site.language)
        .then(() => Promise.all(languagesFor(query).map(loadLanguage)))
        .then(
          () => turn === this.turn && this.answer(query, languagesFor(query)),
          () => turn === this.turn && this.show([], texts.failed),
        );
    }

    answer(query, languages) {
      const found = searchEngine.find(ready.get(site.language), languages.map((each) => [each, ready.get(each)]), query);
      const { told, text } = found.query;
      const meant = told ? `${told.name}: ${told.text}` : text;
      const shown = told ? meant : query;
      this.meant = shown;
      const isOther = meant.toLowerCase().replace(/\s+/g, " ") !== query.normalize("NFKC").toLowerCase().replace(/\s+/g, " ");
      const groups = searchView.render(found, shown, site);
      let said = fill(found.answers.length || found.term ? texts.uncovered : texts.none, { query: shortened(shown) });
      if (found.covered) {
        const count = groups.reduce((sum, group) => sum + group.children.length, 0);
        const form = count === 1 ? "one" : groups.length === 1 ? "page" : "many";
        said = fill(texts.count[form], { count, pages: groups.length });
      }
      this.show(groups, said, isOther ? fill(texts.understood, { query: shortened(meant) }) : "");
      this.results.dataset.covered = found.covered ? "yes" : "no";
    }

    /** What was searched for before, while the field is empty. */
    showRecent() {
      const before = recent();
      const buttons = before.map((text) => {
        const button = element("button", "search-hit search-recent", text);
        button.addEventListener("click", () => {
          this.field.value = text;
          this.field.focus();
          this.field.dispatchEvent(new InputEvent("input"));
        });
        return button;
      });
      if (before.length) {
        const forget = element("button", "search-hit search-forget", texts.forget);
        forget.addEventListener("click", () => {
          store(RECENT, null);
          this.field.focus();
          this.run();
        });
        buttons.push(forget);
      }
      for (const button of buttons) button.type = "button";
      const group = element("div", "search-group", ...buttons);
      group.setAttribute("role", "group");
      group.setAttribute("aria-label", texts.recent);
      this.show(buttons.length ? [group] : [], texts.hint, buttons.length ? texts.recent : "");
    }

    show(groups, text, understood = "") {
      delete this.results.dataset.covered;
      this.links = groups.flatMap((group) => [...group.children]);
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
      this.understood.textContent = understood;
      this.understood.hidden = !understood;
      if (this.status.textContent !== text) this.status.textContent = text;
      this.choose(this.links.length && this.field.value.trim() ? 0 : -1);
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
        const from = this.active < 0 && step < 0 ? 0 : this.active;
        this.choose((from + step + this.links.length) % this.links.length);
        this.links[this.active].scrollIntoView({ block: "nearest" });
      } else if (event.key === "Enter") {
        event.preventDefault();
        const { ctrlKey, metaKey } = event; // as with a click, they open a tab
        const click = new MouseEvent("click", { bubbles: true, cancelable: true, ctrlKey, metaKey });
        if (this.links[this.active]) this.links[this.active].dispatchEvent(click);
      }
    }
  }

  // ---- The dialog -------------------------------------------------------------------------------------------------

  const makeField = (id) => {
    const field = element("input", "search-input");
    Object.assign(field, { id, type: "text", name: "q", placeholder: texts.placeholder, autocomplete: "off", spellcheck: false });
    field.setAttribute("autocapitalize", "off");
    field.setAttribute("aria-label", texts.label);
    field.setAttribute("enterkeyhint", "search");
    return field;
  };
  const makeUnderstood = () => Object.assign(element("p", "search-status search-understood"), { hidden: true });

  const makeDialog = () => {
    const field = makeField("search-dialog-input");
    const results = element("div", "search-results");
    const status = element("p", "search-status", texts.hint);
    const understood = makeUnderstood();
    const close = element("button", "search-close", "✕");
    // The list is walked with the arrows; were it a stop of Tab, that would be one where nothing can be done.
    Object.assign(results, { id: "search-dialog-results", tabIndex: -1 });
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
    const top = element("div", "search-field", field, close);
    const box = element("dialog", "search-dialog", top, understood, status, results, keys);
    box.setAttribute("role", "dialog");
    box.setAttribute("aria-modal", "true");
    box.setAttribute("aria-label", texts.label);
    document.body.append(box);
    const search = new Search({ field, results, status, understood, listbox: true });
    close.addEventListener("click", () => box.close());
    // A click beside the box meets the dialog itself, whose content covers all of it.
    box.addEventListener("click", (event) => {
      const opensTab = event.ctrlKey || event.metaKey || event.shiftKey;
      if (event.target === box || (event.target.closest("a") && !opensTab)) box.close();
    });
    return { box, field, search };
  };

  // ---- search.html ------------------------------------------------------------------------------------------------

  const fillPage = (page) => {
    const field = makeField("search-page-input");
    const results = document.getElementById("search-results");
    const status = document.getElementById("search-status");
    const understood = makeUnderstood();
    status.before(understood);
    const search = new Search({ field, results, status, understood, listbox: false });
    field.value = (new URLSearchParams(location.search).get("q") || "").replace(/\s+/g, " ");
    page.append(field);
    page.hidden = false;
    const note = () => {
      const query = field.value.trim();
      const address = query ? `?${new URLSearchParams({ q: query })}` : "";
      for (const link of document.querySelectorAll("a[data-language]")) link.search = address;
      // From file:// a page may not change its own address.
      if (location.protocol !== "file:") history.replaceState(null, "", address || location.pathname);
    };
    let pause = 0;
    const noteSoon = () => {
      clearTimeout(pause);
      pause = setTimeout(note, 150); // to change the address takes longer than to answer
    };
    field.addEventListener("input", (event) => event.isComposing || noteSoon());
    field.addEventListener("compositionend", noteSoon);
    page.addEventListener("submit", (event) => event.preventDefault());
    note();
    search.run();
    field.focus();
  };

  /** What opens and closes the dialog; on search.html its field is filled in, too. */
  const make = (ours) => {
    site = ours;
    ({ texts } = site);
    loadOwn();
    const page = document.getElementById("search-form");
    if (page) fillPage(page);
    let dialog = null;
    const open = (query) => {
      dialog ||= makeDialog();
      if (!dialog.box.open) dialog.box.showModal();
      dialog.field.focus();
      if (query) dialog.field.value = query;
      else dialog.field.select();
      if (query || !dialog.field.value) dialog.search.run();
    };
    /** Open the dialog; or close it, if it is open and a key may do so. */
    const toggle = (closes) => {
      if (closes && dialog && dialog.box.open) dialog.box.close();
      else open("");
    };
    return { open, toggle };
  };

  self.searchDialog = { make };
})();
