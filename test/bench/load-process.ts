import type { ClientBundle } from '../support/tls-client.ts'
import { load } from './load.ts'

/** What a load process is told, as one JSON line on its standard input. */
export interface LoadTask {
  readonly port: number
  readonly bundle: ClientBundle
  /** Messages in base64; each connection walks through them from a place of its own. */
  readonly frames: readonly string[]
  /** Each message is sent once: a connection that has sent its share ends. Over and over when left out. */
  readonly once?: true
  /** Base64 of bytes that a good answer holds. */
  readonly mark?: string
  readonly connections: number
  readonly warmUp: number
  readonly duration: number
}

/** The load generator in a process of its own. Prints its result as one JSON line. */
const chunks: Buffer[] = []
for await (const chunk of process.stdin) chunks.push(chunk as Buffer)
const task = JSON.parse(Buffer.concat(chunks).toString()) as LoadTask
const frames = task.frames.map((frame) => Buffer.from(frame, 'base64'))
const mark = task.mark === undefined ? undefined : Buffer.from(task.mark, 'base64')
const places = Array.from({ length: task.connections }, (_, index) => Math.floor((index * frames.length) / task.connections))
const share = Math.floor(frames.length / task.connections)
const sent = new Array<number>(task.connections).fill(0)
const next = (connection: number) => {
  if (task.once === true && (sent[connection] as number) >= share) return undefined
  sent[connection] = (sent[connection] as number) + 1
  const at = places[connection] as number
  places[connection] = (at + 1) % frames.length
  return frames[at] as Buffer
}
const result = await load(task.port, task.bundle, {
  connections: task.connections,
  warmUp: task.warmUp,
  duration: task.duration,
  next,
  ...(mark === undefined ? {} : { accept: (answer: Buffer) => answer.includes(mark) }),
})
process.stdout.write(`${JSON.stringify(result)}\n`)
