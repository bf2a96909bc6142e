// A worker that says every second that a second has passed; see `everySecond` in client.ts.
setInterval(() => postMessage(0), 1_000);
