// Outputs that differ between devices become tabs; one choice holds for the whole site.
"use strict";
(() => {
  const label = document.currentScript.dataset.label; // in the page's language
  const groups = [...document.querySelectorAll(".device-outputs")];
  if (!groups.length) return;
  const remembered = () => {
    try {
      return localStorage.getItem("device");
    } catch {
      return null; // Storage can be off; the first device is shown then.
    }
  };
  const kind = (name) => name.split(" ")[0];
  const sets = groups.map((group, number) => {
    const panels = [...group.querySelectorAll(":scope > .device-output")];
    const names = panels.map((panel) => panel.querySelector(".device-name").textContent.trim());
    const list = document.createElement("div");
    list.className = "device-tabs";
    list.setAttribute("role", "tablist");
    list.setAttribute("aria-label", label);
    const tabs = panels.map((panel, index) => {
      const tab = document.createElement("button");
      panel.id = panel.id || `device-${number}-${index}`;
      panel.setAttribute("role", "tabpanel");
      panel.setAttribute("aria-label", names[index]);
      panel.tabIndex = 0;
      tab.type = "button";
      tab.textContent = names[index];
      tab.setAttribute("role", "tab");
      tab.setAttribute("aria-controls", panel.id);
      tab.addEventListener("click", () => {
        const top = tab.getBoundingClientRect().top;
        choose(kind(names[index]), true);
        scrollBy({ top: tab.getBoundingClientRect().top - top, behavior: "instant" }); // others changed above
      });
      tab.addEventListener("keydown", (event) => {
        const last = tabs.length - 1;
        const next = {
          ArrowRight: index < last ? index + 1 : 0,
          ArrowLeft: index > 0 ? index - 1 : last,
          Home: 0,
          End: last,
        }[event.key];
        if (next === undefined) return;
        event.preventDefault();
        tabs[next].click();
        tabs[next].focus();
      });
      list.append(tab);
      return tab;
    });
    group.prepend(list);
    return { panels, tabs, kinds: names.map(kind) };
  });
  const choose = (wanted, keep) => {
    for (const { panels, tabs, kinds } of sets) {
      const chosen = Math.max(kinds.indexOf(wanted), 0);
      panels.forEach((panel, index) => {
        panel.hidden = index !== chosen;
        tabs[index].setAttribute("aria-selected", String(index === chosen));
        tabs[index].tabIndex = index === chosen ? 0 : -1;
      });
    }
    if (!keep) return;
    try {
      localStorage.setItem("device", wanted);
    } catch {
      // The choice holds for this page only.
    }
  };
  choose(remembered(), false);
})();
