// Frames of pages that need no kernel: as dark as the site, which their address says, and as high as what they hold, which they tell.
addEventListener("DOMContentLoaded", () => {
    const frames = [...document.querySelectorAll("iframe.live")];
    const night = matchMedia("(prefers-color-scheme: dark)");
    const show = () => {
        const { theme } = document.body.dataset;
        const dark = theme === "dark" || (theme !== "light" && night.matches);
        for (const frame of frames) frame.src = `${frame.dataset.page}#${dark ? "dark" : "light"}`;
    };
    addEventListener("message", ({ data, source }) => {
        const frame = frames.find(({ contentWindow }) => contentWindow === source);
        if (frame && data?.height > 0) frame.style.height = `${Math.ceil(data.height)}px`;
    });
    new MutationObserver(show).observe(document.body, { attributeFilter: ["data-theme"] });
    night.addEventListener("change", show);
    show();
});
