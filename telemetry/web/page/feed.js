// The connection to the service: live values by server-sent events, and what to say when they do not come.

const SILENT_MS = 6000; // after which a silent stream is given up
const AGAIN_MS = 2000;

/**
 * onLive(values): new values. onLost(): there is no connection; it is tried again. onOpen(): there is one again.
 * Where the service has no room for another stream, values are asked for one by one.
 */
export function follow({ onLive, onLost, onOpen }) {
  let stream = null;
  let heard = performance.now();
  let build = null;

  function take(text) {
    heard = performance.now();
    onLive(JSON.parse(text));
  }

  function open() {
    heard = performance.now();
    stream = new EventSource("/events");
    stream.addEventListener("hello", (event) => {
      const received = JSON.parse(event.data).build;
      if (build !== null && received !== build) location.reload(); // another version of the service, and of this page
      build = received;
      onOpen();
    });
    stream.addEventListener("live", (event) => take(event.data));
    stream.addEventListener("error", lose);
  }

  function lose() {
    if (stream === null) return;
    stream.close();
    stream = null;
    setTimeout(open, AGAIN_MS);
    fetch("/api/live", { signal: AbortSignal.timeout(SILENT_MS) })
      .then((answer) => (answer.ok ? answer.text() : Promise.reject(new Error(answer.statusText))))
      .then(take)
      .catch(onLost);
  }

  setInterval(() => {
    if (performance.now() - heard > SILENT_MS) lose();
  }, 1000);
  open();
}
