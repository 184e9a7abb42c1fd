import { randomBytes } from 'node:crypto'
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { connectLedger, type Ledger, openEmbeddedLedger, type Space, type TermMatch, type Write } from '../../src/store/index.ts'
import { ledgerFolder, startLedgerProcess } from '../support/ledger-process.ts'

export interface StoreBenchRow {
  readonly name: string
  readonly opsPerSecond: number
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
}

/** The store alone: durable commits beside the disk's own syncs, from this process and over the socket; reads and searches among `sizes` objects. */
export async function benchStore(secondsPerRow = 2, sizes: readonly number[] = [1_000, 100_000]): Promise<StoreBenchRow[]> {
  return [...(await benchCommits(secondsPerRow)), ...(await benchReads(secondsPerRow, sizes))]
}

const space = 't/bench' as Space
const valueLength = 700

async function benchCommits(seconds: number): Promise<StoreBenchRow[]> {
  const { directory, socketPath, remove } = await ledgerFolder()
  const rows: StoreBenchRow[] = []
  const { ledger } = openEmbeddedLedger({ directory })
  let next = 0
  const create = (target: Ledger) => async () => {
    const id = `${next++}-${process.pid}`
    const { outcome } = await target.commit({
      nonce: randomBytes(16),
      guards: [{ place: placeOf(id), revision: 0 }],
      writes: [object(id, next)],
    })
    if (outcome !== 'committed') throw new Error(`a commit of the bench ended as ${outcome}`)
  }
  const file = openSync(join(directory, 'floor'), 'w')
  rows.push(
    await measure(`write and fdatasync of ${valueLength} bytes`, 1, seconds, async () => {
      writeSync(file, randomBytes(valueLength))
      fdatasyncSync(file)
    }),
  )
  closeSync(file)
  for (const inFlight of requesters)
    rows.push(await measure(`durable commit of a new object, ${inFlight} requesters`, inFlight, seconds, create(ledger)))
  await ledger.close()
  const primary = await startLedgerProcess('ledger', directory, socketPath)
  const worker = connectLedger({ directory, socketPath })
  await worker.ready()
  for (const inFlight of requesters)
    rows.push(await measure(`the same over the socket, ${inFlight} requesters`, inFlight, seconds, create(worker)))
  await worker.close()
  await primary.stop()
  await remove()
  return rows
}

async function benchReads(seconds: number, sizes: readonly number[]): Promise<StoreBenchRow[]> {
  const { directory, remove } = await ledgerFolder()
  const { ledger, replica } = openEmbeddedLedger({ directory })
  const rows: StoreBenchRow[] = []
  let stored = 0
  for (const size of sizes) {
    while (stored < size) {
      const batches = Array.from({ length: 20 }, (_, batch) =>
        Array.from({ length: 50 }, (_, n) => object(`${stored + batch * 50 + n}`, stored + batch * 50 + n)),
      )
      await Promise.all(batches.map((writes) => ledger.commit({ nonce: randomBytes(16), guards: [], writes })))
      stored += 1000
    }
    const some = () => `${Math.floor(Math.random() * stored)}`
    const find = (matches: () => readonly TermMatch[]) => async () => {
      await ledger.barrier()
      if (replica.find(space, matches(), { offset: 0, limit: 10 }).ids.length === 0) throw new Error('a search of the bench found nothing')
    }
    const among = `among ${size.toLocaleString('en')} objects`
    rows.push(
      await measure(`barrier and read ${among}`, 1, seconds, async () => {
        await ledger.barrier()
        if (replica.read(placeOf(some())) === undefined) throw new Error('a read of the bench found nothing')
      }),
      await measure(
        `find by name ${among}`,
        1,
        seconds,
        find(() => [exactly('Name', some())]),
      ),
      await measure(
        `find 10 by what all have ${among}`,
        1,
        seconds,
        find(() => [exactly('ObjectType', '2')]),
      ),
      await measure(
        `find by name and type ${among}`,
        1,
        seconds,
        find(() => [exactly('Name', some()), exactly('ObjectType', '2')]),
      ),
    )
  }
  await ledger.close()
  await remove()
  return rows
}

const requesters = [1, 16, 64]

function placeOf(id: string) {
  return { space, kind: 'object', id } as const
}

/** As many terms as a symmetric key has. */
function object(id: string, order: number): Write {
  const names = ['CryptographicAlgorithm', 'ObjectType', 'State', 'CryptographicUsageMask', 'InitialDate', 'LastChangeDate', 'Digest']
  const terms = [
    { attribute: 'Name', value: Buffer.from(id) },
    { attribute: 'Length', value: Buffer.from(order % 2 === 0 ? '128' : '256') },
    ...names.map((attribute) => ({ attribute, value: Buffer.from(attribute.endsWith('Date') ? `${order}` : '2') })),
  ]
  return { place: placeOf(id), value: randomBytes(valueLength), terms, order }
}

function exactly(attribute: string, value: string): TermMatch {
  return { attribute, from: Buffer.from(value), to: Buffer.from(value) }
}

async function measure(name: string, inFlight: number, seconds: number, call: () => Promise<unknown>): Promise<StoreBenchRow> {
  const latencies: number[] = []
  const start = performance.now()
  const end = start + seconds * 1000
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      for (let now = performance.now(); now < end; ) {
        await call()
        const after = performance.now()
        latencies.push(after - now)
        now = after
      }
    }),
  )
  const took = (performance.now() - start) / 1000
  latencies.sort((one, other) => one - other)
  const at = (share: number) => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0
  return { name, opsPerSecond: Math.round(latencies.length / took), p50: at(0.5), p99: at(0.99) }
}
