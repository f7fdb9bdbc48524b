import htmx from "htmx.org";
import { ago, csrf, root, say } from "./page";
import { Stream } from "./stream";
import { ages, changes, settle, snapshot } from "./values";

htmx.config.includeIndicatorStyles = false; // our policy allows no inline style
htmx.config.allowEval = false;
htmx.config.historyCacheSize = 0; // pages hold live values: a remembered one would show old values as fresh
htmx.config.selfRequestsOnly = true;
htmx.config.scrollBehavior = "auto";
(htmx.config as { responseHandling: unknown }).responseHandling = [
  { code: "204", swap: false },
  { code: "...", swap: true }, // refusals come as a sentence in place, with their status
];

document.addEventListener("htmx:configRequest", (event) => {
  (event as CustomEvent).detail.headers["X-CSRF-Token"] = csrf;
});
document.addEventListener("htmx:afterSettle", () => {
  document.querySelectorAll<HTMLElement>(".outcome[data-id]").forEach(settle);
  rich();
});

// -- the live stream ---------------------------------------------------------------------------------------

const where = root.dataset.stream;
if (where) {
  const banner = document.getElementById("stale")!;
  const sign = document.getElementById("live");
  const stream = new Stream(where, {
    snapshot: (devices) => (snapshot(devices), ages(stream.now_us())),
    changes: (news) => changes(news, stream),
    state(live, reason) {
      root.dataset.live = live ? "yes" : "no";
      banner.hidden = live;
      if (reason === "signed-out") location.assign(`/sign-in?next=${encodeURIComponent(location.pathname)}`);
      if (sign) sign.dataset.state = live ? "live" : "stale";
      const word = sign?.querySelector("span");
      if (word) word.textContent = say(live ? "live" : "not-live");
    },
  });
  setInterval(() => {
    if (document.hidden) return;
    ages(stream.now_us());
    const heard = stream.heardAt ? ago((performance.now() - stream.heardAt) / 1000) : "";
    if (heard) document.querySelectorAll("[data-updated]").forEach((element) => (element.textContent = heard));
  }, 1000);
}

// -- small things ------------------------------------------------------------------------------------------

// A label's secret comes after the #: it goes into its field, and out of the history.
const scanned = document.querySelector<HTMLInputElement>("[data-from-hash]");
if (scanned && location.hash.length > 1) {
  scanned.value = decodeURIComponent(location.hash.slice(1));
  history.replaceState(null, "", location.pathname);
}

document.addEventListener("input", (event) => {
  const input = event.target as HTMLInputElement;
  if (input.type !== "range") return;
  const field = input.form?.querySelector<HTMLInputElement>('input[type="number"]');
  if (field) field.value = input.value;
  input.setAttribute("aria-valuetext", `${input.value}${input.dataset.unit ? ` ${input.dataset.unit}` : ""}`);
});
document.addEventListener("change", (event) => {
  const input = event.target as HTMLInputElement;
  if (input.type === "range") {
    const field = input.form?.querySelector<HTMLInputElement>('input[type="number"]');
    if (field) field.value = input.value;
    input.form?.requestSubmit();
  } else if (input.matches("select[data-now]")) input.form?.requestSubmit();
  else if (input.matches("[data-all]")) {
    document.querySelectorAll<HTMLInputElement>(`input[name="${input.dataset.all}"]`).forEach((one) => (one.checked = input.checked));
  }
});
document.addEventListener("click", (event) => {
  const target = event.target as HTMLElement;
  document.querySelectorAll<HTMLDetailsElement>("details.menu[open]").forEach((menu) => {
    if (!menu.contains(target)) menu.open = false;
  });
  const opens = target.closest<HTMLElement>("[data-opens]")?.dataset.opens;
  if (opens) document.getElementById(opens)?.matches("dialog") && (document.getElementById(opens) as HTMLDialogElement).showModal();
  if (target.closest("[data-closes]")) target.closest("dialog")?.close();
  const copies = target.closest<HTMLElement>("[data-copies]");
  if (copies) {
    navigator.clipboard?.writeText(document.getElementById(copies.dataset.copies!)?.textContent ?? "").then(() => {
      copies.textContent = say("copied");
    });
  }
});
document.addEventListener("submit", (event) => {
  const question = (event.target as HTMLElement).dataset.asks;
  if (question && !confirm(question)) event.preventDefault();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") document.querySelectorAll<HTMLDetailsElement>("details.menu[open]").forEach((menu) => {
    menu.open = false;
    menu.querySelector("summary")?.focus();
  });
  if (event.ctrlKey || event.metaKey || event.altKey || (event.target as HTMLElement).closest("input, select, textarea, dialog[open]")) return;
  if (event.key === "/") {
    event.preventDefault();
    const field = document.querySelector<HTMLInputElement>('input[type="search"]');
    if (field) field.focus();
    else location.assign("/find");
  } else if (event.key === "?") (document.getElementById("keys") as HTMLDialogElement | null)?.showModal();
});

/** A toast with "undo" stays ten seconds, longer while it has the focus or the pointer. */
document.querySelectorAll<HTMLElement>("[data-toast]").forEach((toast) => {
  const leave = () => (toast.matches(":hover, :focus-within") ? setTimeout(leave, 2000) : toast.remove());
  setTimeout(leave, 10_000);
});

/** Rich elements are fetched only where a page has one. */
function rich(): void {
  if (document.querySelector("line-chart")) void import("./line-chart");
  if (document.querySelector("frame-log")) void import("./frame-log");
  if (document.querySelector("qr-scan")) void import("./qr-scan");
}
rich();
root.dataset.script = "yes";
