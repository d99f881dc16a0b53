// Lays the second picture of a .slider over the first; without this they stand one below the other.
for (const slider of document.querySelectorAll(".slider")) {
  const range = slider.querySelector("input[type=range]");
  const show = () => {
    slider.style.setProperty("--at", range.value + "%");
    range.setAttribute("aria-valuetext", range.value + " % of the width shows the picture before");
  };
  slider.classList.add("live");
  slider.querySelector(".slider-control").hidden = false;
  range.addEventListener("input", show);
  show();
}
