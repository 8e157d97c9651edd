// What the theme leaves to the mouse: its drawers on narrow screens, and boxes that scroll.
"use strict";
(() => {
  const enter = (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault(); // or the link that has the focus by then is followed
    event.currentTarget.click();
  };
  const drawers = [["__navigation", ".sidebar-drawer"], ["__toc", ".toc-drawer"]];
  for (const [name, place] of drawers) {
    const toggle = document.getElementById(name);
    const drawer = document.querySelector(place);
    if (!toggle || !drawer) continue;
    toggle.addEventListener("keydown", enter);
    toggle.addEventListener("change", () => {
      if (!toggle.checked || !toggle.matches(":focus-visible")) return;
      const first = [...drawer.querySelectorAll("a, input")].find((element) => element.checkVisibility());
      if (first) first.focus();
    });
    drawer.addEventListener("focusout", ({ relatedTarget }) => {
      if (relatedTarget && relatedTarget !== toggle && !drawer.contains(relatedTarget)) toggle.checked = false;
    });
    drawer.addEventListener("click", (event) => {
      if (event.target.closest("a[href*='#']")) toggle.checked = false; // the page stays, so the drawer goes
    });
    addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !toggle.checked) return;
      const inside = drawer.contains(document.activeElement);
      toggle.checked = false;
      if (inside) toggle.focus();
    });
  }
  for (const toggle of document.querySelectorAll(".toctree-checkbox")) toggle.addEventListener("keydown", enter);

  // Chromium and Firefox let the keyboard into such boxes by themselves, Safari doesn't.
  const scrolls = (box) => box.scrollWidth > box.clientWidth + 1 || box.scrollHeight > box.clientHeight + 1;
  const observer = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      if (scrolls(target)) target.tabIndex = 0;
      else target.removeAttribute("tabindex");
    }
  });
  for (const box of document.querySelectorAll("article :is(pre:not([aria-hidden]), .table-wrapper, div.math)")) observer.observe(box);
})();
