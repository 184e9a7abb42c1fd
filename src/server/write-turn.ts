import type { Writable } from 'node:stream'

/**
 * Answers that become ready in one turn of the loop go out together at its end. Every write wakes the client's process; waking
 * sixteen clients one after the other between sixteen answers costs more than the answers do.
 */
const waiting: Writable[] = []

/** Writes at the end of this turn. Answers whether the stream takes more, as `write` does. */
export function writeThisTurn(stream: Writable, bytes: Uint8Array): boolean {
  if (waiting.length === 0) setImmediate(flush)
  waiting.push(stream)
  stream.cork()
  return stream.write(bytes)
}

function flush(): void {
  for (const stream of waiting.splice(0)) stream.uncork()
}
