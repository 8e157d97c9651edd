// One button shows or hides all answers of a page. Closed answers are left out on paper, open ones are printed.
"use strict";
(() => {
  const { show, hide, note } = document.currentScript.dataset; // in the page's language
  const answers = [...document.querySelectorAll("article details.hide")];
  const title = document.querySelector("article h1");
  if (!answers.length || !title) return;
  const line = document.createElement("p");
  const button = document.createElement("button");
  line.className = "answers-all";
  button.type = "button";
  line.append(button, ` ${note}`);
  const allOpen = () => answers.every((answer) => answer.open);
  const label = () => {
    button.textContent = allOpen() ? hide : show;
  };
  button.addEventListener("click", () => {
    const open = !allOpen();
    for (const answer of answers) answer.open = open;
  });
  for (const answer of answers) answer.addEventListener("toggle", label);
  label();
  // Under the introduction, or under the title where there is none.
  let place = title;
  while (place.nextElementSibling?.matches("p, dl")) place = place.nextElementSibling;
  place.after(line);
})();
