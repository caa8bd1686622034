"use strict";
// Tables sort by a click on a heading and copy as TSV; without this script they are read as they are.
const sentence = (cell) => cell.innerText.replace(/\s+/g, " ").trim();
const PREFIXES = { k: 3, M: 6, G: 9, T: 12, P: 15 };
// What a cell is sorted by: [sign, power of ten] of its first number, whose interval stands behind it; null for words.
function key(cell) {
  const found = /^[^\w.+-]*([-+]?)(\d[\d,]*\.?\d*)(?:e([-+]?\d+))?\s?([kMGTP](?![A-Za-z]{2}))?/.exec(sentence(cell));
  if (!found) return null;
  const digits = Number(found[2].replaceAll(",", ""));
  if (digits === 0) return [0, 0];
  return [found[1] === "-" ? -1 : 1, Math.log10(digits) + Number(found[3] || 0) + (PREFIXES[found[4]] || 0)];
}
function order(one, other) {
  const [a, b] = [key(one), key(other)];
  if (a && b) return a[0] - b[0] || a[0] * (a[1] - b[1]);
  if (a || b) return a ? -1 : 1;
  return sentence(one).localeCompare(sentence(other));
}
function sort(table, column, heading) {
  const falling = heading.getAttribute("aria-sort") === "ascending";
  const rows = [...table.tBodies[0].rows];
  rows.sort((a, b) => {
    const [one, other] = [a.cells[column], b.cells[column]];
    const last = (key(one) === null) - (key(other) === null); // words stay below numbers either way
    return last || (falling ? order(other, one) : order(one, other));
  });
  for (const other of table.tHead.rows[0].cells) other.setAttribute("aria-sort", "none");
  heading.setAttribute("aria-sort", falling ? "descending" : "ascending");
  table.tBodies[0].append(...rows);
}
// A spreadsheet would run what begins so.
const plain = (text) => (/^[=+@\t\r-]/.test(text) && !/^[-+]?[\d.]/.test(text) ? "'" + text : text);
const tsv = (table) => [...table.rows].map((row) => [...row.cells].map((c) => plain(sentence(c))).join("\t")).join("\n");
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}
for (const table of document.querySelectorAll("table")) {
  [...table.tHead.rows[0].cells].forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    heading.setAttribute("aria-sort", "none");
    button.addEventListener("click", () => sort(table, column, heading));
  });
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy as TSV";
  const about = table.caption?.innerText || table.parentElement.getAttribute("aria-label") || "";
  button.setAttribute("aria-label", `Copy as TSV: ${about}`);
  const said = document.createElement("span");
  said.setAttribute("role", "status");
  button.addEventListener("click", async () => {
    said.textContent = (await copy(tsv(table))) ? " copied" : " not copied: the browser does not allow it";
  });
  const line = document.createElement("p");
  line.className = "tools";
  line.append(button, said);
  table.parentElement.after(line);
}
