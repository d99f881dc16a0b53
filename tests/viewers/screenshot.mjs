// Usage: node screenshot.mjs URL PICTURE
// Opens a page in headless Chromium, waits until the network has been silent for a while, and takes a picture.
import puppeteer from "puppeteer-core";

const [url, picture] = process.argv.slice(2);
const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  headless: true,
  args: ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
try {
  const page = await browser.newPage();
  await page.setViewport({ width: 1000, height: 800 });
  page.on("pageerror", (error) => console.error("page:", error.message));
  if (process.env.VERBOSE) page.on("console", (line) => console.error("console:", line.text()));
  await page.setRequestInterception(true);
  page.on("request", (request) => {
    if (new URL(request.url()).hostname === "127.0.0.1") return request.continue();
    // Nothing outside this machine. The one module that vizarr imports from there decodes JPEG 2000; no store here has it.
    const headers = { "Access-Control-Allow-Origin": "*" };
    const body = "export class JpxImage {}\nexport default {};";
    return request.respond({ status: 200, contentType: "text/javascript", headers, body });
  });
  await page.goto(url, { waitUntil: "domcontentloaded", timeout: 60_000 });
  await page.waitForNetworkIdle({ idleTime: 3_000, timeout: 60_000 }).catch(() => {});
  await new Promise((done) => setTimeout(done, 4_000));
  await page.screenshot({ path: picture });
} finally {
  await browser.close();
}
