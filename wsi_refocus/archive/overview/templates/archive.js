// Filters and sorts the slides; without this they are all there, those first that need somebody to look.
const list = document.getElementById("list");
const controls = document.getElementById("controls");
const shown = document.getElementById("shown");
const slides = [...list.children].map((element, order) => ({
  element, order, ...element.dataset, text: element.textContent.toLowerCase(),
}));
const known = (value) => value !== undefined && value !== "";
const byNumber = (name, sign) => (a, b) =>
  known(b[name]) - known(a[name]) || sign * (a[name] - b[name]) || a.order - b.order;
const orders = {
  listed: (a, b) => a.order - b.order,
  name: (a, b) => a.name.localeCompare(b.name, "en", { numeric: true }) || a.order - b.order,
  bound: byNumber("bound", 1),
  doubtful: byNumber("doubtful", -1),
  shift: byNumber("shift", -1),
  seconds: byNumber("seconds", -1),
};
const filter = () => {
  const words = controls.elements.search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const state = controls.elements.state.value;
  let count = 0;
  for (const slide of slides) {
    const fits = state === "" || (state === "unusual" ? known(slide.unusual) : slide.state === state);
    const show = fits && words.every((word) => slide.text.includes(word));
    slide.element.hidden = !show;
    count += show;
  }
  shown.textContent = `${count} of ${slides.length} shown`;
};
const sort = () => list.append(...[...slides].sort(orders[controls.elements.order.value]).map((slide) => slide.element));
controls.elements.search.addEventListener("input", filter);
controls.elements.state.addEventListener("change", filter);
controls.elements.order.addEventListener("change", sort);
controls.addEventListener("submit", (event) => event.preventDefault());
controls.hidden = false;
if (controls.elements.order.value !== "listed") sort(); // what a browser kept of an earlier look
filter();
