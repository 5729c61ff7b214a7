// Choosing: limits leave the networks that fit, in the order in which they stand. The rule is that of `reporter choose`
// (reporter/telling/limits.py); here numbers are only compared.
for (const place of document.querySelectorAll(".choice")) {
  const form = place.querySelector("form"), said = form.querySelector("[data-said]");
  const table = place.querySelector("table"), list = place.querySelector(".unknown"), names = list.querySelector("ul");
  const heads = [...table.tHead.querySelectorAll("th[data-key]")];
  const sliders = [...form.querySelectorAll("input")].map((input) => {
    const column = heads.findIndex((head) => head.dataset.key === input.dataset.key);
    return { input, column, output: form.querySelector(`output[for="${input.id}"]`), stops: JSON.parse(input.dataset.stops) };
  });
  const rows = [...table.tBodies[0].rows];
  const value = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.value ?? (cell.dataset.status ? "" : cell.textContent);
  };
  const choose = () => {
    const limits = [];
    for (const { input, column, output, stops } of sliders) {
      const [limit, words] = stops[input.value];
      output.value = words;
      input.setAttribute("aria-valuetext", words);
      if (limit !== null) limits.push([column, limit]);
    }
    let fit = 0;
    const unknown = document.createDocumentFragment();
    for (const row of rows) {
      const above = limits.some(([column, limit]) => value(row, column) !== "" && Number(value(row, column)) > limit);
      const lacks = above ? [] : limits.filter(([column]) => value(row, column) === "");
      row.classList.toggle("out", above || lacks.length > 0);
      if (!above && !lacks.length) fit += 1;
      if (lacks.length) {
        const item = document.createElement("li");
        const why = lacks.map(([column]) => {
          const cell = row.cells[column];
          return `${heads[column].textContent}: ${cell.told ?? (cell.title || cell.textContent)}`;
        });
        item.append(`${row.cells[0].textContent} (${why.join("; ")})`);
        unknown.append(item);
      }
    }
    list.hidden = !unknown.childElementCount;
    names.replaceChildren(unknown);
    said.textContent = said.dataset.said.replace("{count}", fit).replace("{all}", rows.length);
  };
  form.addEventListener("input", choose);
  form.addEventListener("reset", () => setTimeout(choose));
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  choose();
}
