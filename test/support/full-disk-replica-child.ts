import { randomBytes } from 'node:crypto'
import { ReplicaWriter, type Space } from '../../src/store/index.ts'

/** Run under a limit of file sizes: a replica follows a cluster until the disk takes no more, and then again. One line of JSON. */
const [directory] = process.argv.slice(2) as [string]
const writer = new ReplicaWriter(directory)
const space = 't/full' as Space
const place = (id: string) => ({ space, kind: 'object', id }) as const
/** Three revisions at a time, as a watch brings them when there is much to do. */
const changes = (first: number) =>
  [first, first + 1, first + 2].map((revision) => ({
    revision,
    writes: [{ place: place(`at ${revision}`), value: randomBytes(20_000), nonce: randomBytes(16) }],
  }))

let next = 1
let message: string | undefined
while (message === undefined && next < 10_000) {
  await writer.apply(changes(next)).then(
    () => {
      next += 3
    },
    (error: Error) => {
      message = error.message
    },
  )
}
// A promise of lmdb's own that nobody handled would have ended the process by now.
await new Promise((resolve) => setTimeout(resolve, 300))
const reached = writer.revision()
const held = [...writer.replica.list(space, 'object')].length
const cleared = Array.from({ length: 60 }, (_, index) => ({ place: place(`at ${index + 1}`), value: undefined }))
let after: string | undefined
for (let attempt = 0; attempt < 10 && after !== 'stored'; attempt++) {
  after = await writer.apply([{ revision: next, writes: cleared.slice(attempt * 6, attempt * 6 + 6) }]).then(
    () => 'stored',
    (error: Error) => error.message,
  )
}
console.log(JSON.stringify({ message, reached, held, expected: next - 1, after, reachedAfter: writer.revision() }))
await writer.close()
