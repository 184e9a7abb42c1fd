import { randomBytes } from 'node:crypto'
import { openEmbeddedLedger, type Space } from '../../src/store/index.ts'

/** Run under a limit of file sizes: commits until the disk takes no more, then says what it met, as one line of JSON. */
const [directory] = process.argv.slice(2) as [string]
const { ledger, replica } = openEmbeddedLedger({ directory })
const space = 't/full' as Space
const place = (id: string) => ({ space, kind: 'object', id }) as const
const terms = [{ attribute: 'color', value: Buffer.from('red') }]
const commit = (ids: readonly string[], value: Buffer) =>
  ledger.commit({ nonce: randomBytes(16), guards: [], writes: ids.map((id) => ({ place: place(id), value, terms })) })

let acknowledged = 0
let refusal: { readonly name: string; readonly reason: string; readonly message: string } | undefined
for (let n = 0; n < 10_000 && refusal === undefined; n++) {
  const results = await Promise.allSettled(
    Array.from({ length: 8 }, (_, each) => commit([`${n}-${each}-a`, `${n}-${each}-b`], randomBytes(2000))),
  )
  for (const result of results) {
    if (result.status === 'fulfilled') acknowledged++
    else refusal ??= { name: result.reason.name, reason: result.reason.reason, message: result.reason.message }
  }
}
const problem = ledger.problem()
await ledger.barrier()
const ids = [...replica.list(space, 'object')].map(({ id }) => id)
const found = replica.find(space, [{ attribute: 'color', from: Buffer.from('red'), to: Buffer.from('red') }], { offset: 0, limit: 0 }).total
/** Removing makes room, as a disk does that is cleared. */
for (let n = 0; n < 40; n++) {
  await ledger.commit({ nonce: randomBytes(16), guards: [], writes: [{ place: place(ids[n]!), value: undefined }] }).catch(() => undefined)
}
await new Promise((resolve) => setTimeout(resolve, 1500))
const after = await commit(['afterwards'], Buffer.from('small')).then(
  ({ outcome }) => outcome,
  (error: Error) => error.message,
)
console.log(JSON.stringify({ acknowledged, refusal, problem, stored: ids.length, found, after, problemAfter: ledger.problem() ?? null }))
await ledger.close()
