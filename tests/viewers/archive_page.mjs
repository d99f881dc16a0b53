// Usage: node archive_page.mjs URL
// Opens the overview of an archive on three screens, then sorts, filters and searches; prints what is seen as JSON.
import puppeteer from "puppeteer-core";

const url = process.argv[2];
const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  headless: true,
  args: ["--no-sandbox", "--no-first-run", "--disable-background-networking", "--disable-component-update"],
});
const found = { errors: [] };
try {
  const page = await browser.newPage();
  page.on("pageerror", (error) => found.errors.push(error.message));
  page.on("console", (line) => line.type() === "error" && found.errors.push(line.text()));
  const look = () => page.evaluate(() => ({
    shown: document.getElementById("shown").textContent,
    names: [...document.querySelectorAll(".slide:not([hidden])")].map((each) => each.dataset.name),
    too_wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  }));
  for (const width of [360, 800, 1400]) {
    await page.setViewport({ width, height: 800 });
    await page.goto(url);
    found[width] = await look();
  }
  await page.select("select[name=order]", "name");
  found.by_name = await look();
  await page.select("select[name=order]", "bound");
  found.by_bound = await look();
  await page.select("select[name=state]", "unusual");
  found.unusual = await look();
  await page.select("select[name=state]", "");
  await page.type("input[name=search]", "CANNOT read");
  found.search = await look();
} finally {
  await browser.close();
}
console.log(JSON.stringify(found));
