// Applies the choices in the address, as in report.html#currency=GBP, and writes new ones to it.
const choices = [...document.querySelectorAll(".switches input, .switches option")];
const nameOf = (choice) => choice.name ?? choice.parentNode.name;
const state = (choice) => (choice.name ? "checked" : "selected");
function choose() {
  const wanted = new URLSearchParams(location.hash.slice(1));
  for (const choice of choices)
    if (choice.value === (wanted.get(nameOf(choice)) ?? "")) choice[state(choice)] = true;
}
function name() {
  const chosen = choices.filter((choice) => choice[state(choice)] && choice.value);
  const named = new URLSearchParams(chosen.map((choice) => [nameOf(choice), choice.value]));
  history.replaceState(null, "", `#${named}`);
}
addEventListener("hashchange", choose);
document.querySelector(".switches").addEventListener("change", name);
choose();
