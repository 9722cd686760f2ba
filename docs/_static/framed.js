// Within a frame of the site: is as dark as the address says, before any widget looks, and tells how high the page is.
const own = document.querySelector("style");
const dark = location.hash === "#dark";
own.textContent = own.textContent
    .replace("(prefers-color-scheme: dark)", dark ? "all" : "not all")
    .replace("color-scheme: light dark", `color-scheme: ${dark ? "dark" : "light"}`);
addEventListener("hashchange", () => location.reload());
addEventListener("DOMContentLoaded", () =>
    new ResizeObserver(([{ contentRect: { height } }]) => parent.postMessage({ height }, "*")).observe(document.body));
