// Chooses what the address names, as in report.html#currency=GBP, and names there what is chosen.
const inputs = [...document.querySelectorAll(".switches input")];
function choose() {
  const wanted = new URLSearchParams(location.hash.slice(1));
  for (const input of inputs)
    if (input.value === (wanted.get(input.name) ?? "")) input.checked = true;
}
function name() {
  const chosen = inputs.filter((input) => input.checked && input.value);
  const named = new URLSearchParams(chosen.map((input) => [input.name, input.value]));
  history.replaceState(null, "", `#${named}`);
}
addEventListener("hashchange", choose);
for (const input of inputs) input.addEventListener("change", name);
choose();
