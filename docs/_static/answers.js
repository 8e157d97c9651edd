// What a reader chose in a prediction is remembered, in either language; and one button shows or hides all that a page
// folds: answers, or code and outputs. What is closed is left out on paper.
"use strict";
(() => {
  const { show, hide, note, unfold, fold, foldNote } = document.currentScript.dataset; // in the page's language
  const answers = [...document.querySelectorAll("article details.hide")];
  const page = location.pathname.replace(/.*\/([^/]+\/[^/]+)\.html$/, "$1");
  for (const option of document.querySelectorAll(".choices input")) {
    const key = `${page} ${option.name}`;
    try {
      if (localStorage.getItem(key) === option.value) option.checked = true;
      option.addEventListener("change", () => localStorage.setItem(key, option.value));
    } catch {
      break; // the browser keeps nothing
    }
  }
  const folds = answers.some((answer) => answer.matches(".fold"));
  const title = document.querySelector("article h1");
  if (!answers.length || !title) return;
  const line = document.createElement("p");
  const button = document.createElement("button");
  line.className = "answers-all";
  button.type = "button";
  line.append(button, ` ${folds ? foldNote : note}`);
  const allOpen = () => answers.every((answer) => answer.open);
  const label = () => {
    const texts = folds ? [fold, unfold] : [hide, show];
    button.textContent = allOpen() ? texts[0] : texts[1];
  };
  button.addEventListener("click", () => {
    const open = !allOpen();
    for (const answer of answers) answer.open = open;
  });
  for (const answer of answers) answer.addEventListener("toggle", label);
  label();
  // At the end of an example, where it moves nothing; else under the introduction, or under the title where there is none.
  let place = title;
  while (place.nextElementSibling?.matches("p, dl")) place = place.nextElementSibling;
  if (folds) title.parentElement.append(line);
  else place.after(line);
})();
