// Says when nobody answers any more: the kernel was restarted or has ended, and what is on the page stays as it is.

interface Live {
  comm_live?: boolean;
  on(event: string, callback: () => void): void;
  off(event: string, callback: () => void): void;
}

const WORDS =
  "The kernel that drew this is gone. The picture stays, and what the page holds can still be read; " +
  "run the cell again to go on.";

/** Watch whether a widget's model can reach its kernel; a page that never had one says nothing. Returns how to stop. */
export function watchKernel(live: Live, el: HTMLElement): () => void {
  const notice = document.createElement("div");
  notice.className = "tsw-gone";
  notice.setAttribute("role", "alert");
  const changed = () => {
    const gone = live.comm_live === false;
    notice.textContent = gone ? WORDS : "";
    if (gone) el.closest(".tsw-explorer")?.append(notice);
    else notice.remove();
  };
  live.on("comm_live_update", changed);
  return () => {
    live.off("comm_live_update", changed);
    notice.remove();
  };
}
