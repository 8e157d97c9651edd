// What every page has of the search: the keys and buttons that reach for it, and the marks on a page that a hit led to.
// The rest is loaded then. Only what file:// and a strict Content-Security-Policy allow is used: classic scripts.
"use strict";
(() => {
  const form = document.querySelector("form[data-search]");
  if (!form) return;
  const site = JSON.parse(form.dataset.search);
  site.root = document.documentElement.dataset.content_root || "./";
  site.marked = "words to mark"; // under this name a hit leaves them for its page
  const FRESH = 60_000; // ms that a slow line may take to bring the page

  const loading = new Map();
  const load = (source) => {
    if (!loading.has(source)) {
      loading.set(source, new Promise((resolve, reject) => {
        const script = document.createElement("script");
        script.src = source;
        script.async = false; // in the order in which they are asked for
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

  site.load = load;
  /** Load scripts that need one another; if one fails, all are loaded anew the next time. */
  site.loadAll = (names) => Promise.all(names.map((name) => load(site.root + name))).catch((error) => {
    for (const name of names) loading.delete(site.root + name);
    throw error;
  });

  let dialog = null;
  const loadDialog = () => {
    dialog ||= site.loadAll([site.dialog]).then(
      () => searchDialog.make(site),
      () => {
        dialog = null;
      },
    );
    return dialog;
  };
  /** Open the dialog, in which `query` is looked for; a reader who types on meanwhile loses nothing. */
  const open = (query = () => "") => loadDialog().then((made) => made && made.open(query()));

  const isEditable = (target) =>
    target.isContentEditable || (target.closest && target.closest("input:not([type=checkbox]), textarea, select") !== null);

  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.altKey || event.shiftKey && event.key !== "/") return;
    const control = event.ctrlKey || event.metaKey;
    if (control ? event.key.toLowerCase() === "k" : event.key === "/" && !isEditable(event.target)) {
      event.preventDefault();
      loadDialog().then((made) => made && made.toggle(control));
    }
  });

  for (const button of document.querySelectorAll(".search-open")) {
    button.addEventListener("click", () => open());
    for (const kind of ["pointerenter", "focus"]) button.addEventListener(kind, loadDialog);
  }

  // The sidebar's field: a pointer opens the dialog, and so do typed letters; Enter alone leads to search.html.
  const sidebar = form.querySelector("input");
  const takeOver = () => open(() => {
    const query = sidebar.value;
    sidebar.value = "";
    return query;
  });
  sidebar.addEventListener("focus", loadDialog);
  sidebar.addEventListener("click", takeOver);
  sidebar.addEventListener("input", (event) => event.isComposing || !sidebar.value || takeOver());
  sidebar.addEventListener("compositionend", takeOver);
  form.addEventListener("submit", (event) => {
    if (sidebar.value.trim()) return;
    event.preventDefault();
    takeOver();
  });

  const status = document.getElementById("search-status");
  if (status) {
    loadDialog().then((made) => {
      if (!made) status.textContent = site.texts.failed;
    });
  }

  // ---- The page that a hit led to ---------------------------------------------------------------------------------

  /** Mark what was searched for, if a hit has just led here. */
  site.markWords = () => {
    try {
      const wanted = JSON.parse(localStorage.getItem(site.marked));
      if (!wanted || wanted.page !== location.pathname) return;
      localStorage.removeItem(site.marked);
      if (!wanted.words.length || Date.now() - wanted.time > FRESH) return;
      site.loadAll([site.marks]).then(() => searchMarks.show(wanted.words.map(String), location.hash), () => {});
    } catch {
      // There is no storage, or somebody else wrote there.
    }
  };
  site.markWords();
})();
